"""What a lab says to those who ask for what it has not or cannot do."""

from __future__ import annotations

from collections.abc import Iterable


class UnknownNodeError(LookupError):
    """A lab has no node of this name and kind."""

    def __init__(self, name: str, kind: str, known: Iterable[str]) -> None:
        """Keep what was asked for."""
        super().__init__(f"no {kind} is called {name!r}; there are: {', '.join(known) or 'none'}")


class ImpossibleActionError(RuntimeError):
    """The lab is not in a state in which this can be done."""
