"""The emulated endpoint: its network state and a posture agent with discovery, assessment and report."""
