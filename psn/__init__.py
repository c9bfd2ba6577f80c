"""The policy service node: RADIUS authentication, accounting and CoA, the session cache and the posture portal."""
