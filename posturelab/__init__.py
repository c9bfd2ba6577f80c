"""The one room that knows all nodes: topology, assembly, clock, scenarios, journal views, control API, command line."""
