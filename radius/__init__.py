"""The RADIUS protocol alone: codec, authenticators, dictionary, exchange rules. Knows nothing of NAC."""
