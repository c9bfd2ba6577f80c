"""Light data distribution: the record of a session, each node's replica of all sessions, the bus between the nodes."""
