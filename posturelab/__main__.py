"""Where the program begins: `posturelab`, and `python -m posturelab` just the same."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, also while it is still being loaded."""
    try:
        from posturelab import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
