"""What every node stands on: time, journal, tasks, sockets, HTTP and its database."""
