"""The monitoring node: syslog in, session directory out. It knows only what the lines it received tell it."""
