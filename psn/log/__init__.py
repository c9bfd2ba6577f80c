"""Log records for MNT: what they say, and the two transports that carry them."""
