"""Endpoint attributes: kept by every node, the same on all of them."""
