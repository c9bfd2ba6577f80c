"""The shared language of the lab: identities, session and posture words, the syslog catalogue, discovery headers."""
