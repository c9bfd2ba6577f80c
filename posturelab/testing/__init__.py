"""The lab as a set of pytest fixtures (docs/testing.md)."""
