"""Where datagrams enter and leave a node: a lab keeps these doors when the network between nodes is to fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Keeper = Callable[[tuple[str, int], tuple[str, int], Callable[[], None]], None]
"""`keeper(source, destination, pass_on)` calls `pass_on` at once, later, or never."""


@dataclass(slots=True)
class Gate:
    """The two doors, open while nobody keeps them. Senders and receivers ask anew for every turn."""

    entering: Keeper | None = None
    leaving: Keeper | None = None
