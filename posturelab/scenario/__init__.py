"""Stories: what they consist of, how they are read, told and reported."""
