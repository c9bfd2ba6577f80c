"""The control API: of a lab, of one node, of a switch's ports; its server and its client."""
