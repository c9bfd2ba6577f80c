"""Reading and checking what a user has written, and writing files: knows nothing of labs."""
