"""CoA: what is asked of a session, the packets towards its NAD, and the node that must send them."""
