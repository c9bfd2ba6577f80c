"""Talking to other nodes over HTTPS: CoA on behalf of one another, and asking MNT whose session it is."""
