"""What can be seen of a running lab: facts of endpoints, foreign sessions, snapshots."""
