"""Emulated network access devices: authentication, accounting, CoA, ACLs and a data plane that can redirect."""
