"""`python -m posturelab` is the same as `posturelab`."""

from posturelab.cli import main

main()
