"""`posturelab doctor`: asks every node how it is, and says what is wrong and what to do."""
