"""What a lab says to those who ask for what it has not or cannot do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from nad_emulator.access_port import NoSessionError, UnknownServerError


class UnknownNodeError(LookupError):
    """A lab has no node of this name and kind."""

    def __init__(self, name: str, kind: str, known: Iterable[str]) -> None:
        """Keep what was asked for."""
        super().__init__(f"no {kind} is called {name!r}; there are: {', '.join(known) or 'none'}")


class NotHereError(LookupError):
    """What is asked of a node by itself is for another to tell or do, or for a whole lab."""


class ImpossibleActionError(RuntimeError):
    """The lab is not in a state in which this can be done."""


class NameTakenError(RuntimeError):
    """Nodes of another lab of this name are connected to the message broker."""

    def __init__(self, name: str, nodes: Iterable[str]) -> None:
        """Say which, and what helps."""
        taken = f"nodes of a lab named {name} are connected to the broker already ({', '.join(nodes)})"
        super().__init__(f"{taken}: end them, or give this lab another name")


@contextmanager
def possible_on_port() -> Iterator[None]:
    """Turn what a switch cannot do with a port at present into `ImpossibleActionError`."""
    try:
        yield
    except (NoSessionError, UnknownServerError) as error:
        raise ImpossibleActionError(str(error)) from error
