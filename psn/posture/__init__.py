"""Posture policy: what is required of an endpoint, which status follows, and what follows from that."""
