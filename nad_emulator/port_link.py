"""The port link: whether frames pass between an access port and what is at the other end of its cable.

It is up while an endpoint is attached, nobody has shut the port, and the port does not bounce. Knows neither sessions
nor time: what follows from a change, and when a bounce is over, is its port's affair. Not the link to other nodes,
which is `ldd.link`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class PortLinkState(Enum):
    """The state of a port link; the value is what is shown."""

    DOWN = "down"
    UP = "up"
    BOUNCING = "bouncing"
    DISABLED = "administratively down"


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is at the other end of the cable."""

    mac: str
    address: str


class PortLink:
    """The link of one access port. `on_change` is called after the port took it down or let it come up again."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Begin with nothing attached."""
        self.attachment: Attachment | None = None
        self._on_change = on_change
        self._is_shut = False
        self._is_bouncing = False

    @property
    def state(self) -> PortLinkState:
        """What is shown; a port that is shut says so whatever else is true of it."""
        if self._is_shut:
            return PortLinkState.DISABLED
        if self._is_bouncing:
            return PortLinkState.BOUNCING
        return PortLinkState.DOWN if self.attachment is None else PortLinkState.UP

    def find_reachable(self) -> Attachment | None:
        """Find whose frames arrive; None while the link is not up."""
        return self.attachment if self.state is PortLinkState.UP else None

    def begin_bounce(self) -> None:
        """Go down for a while."""
        self._is_bouncing = True
        self._on_change()

    def end_bounce(self) -> None:
        """Come up again, where nothing else is in the way."""
        self._is_bouncing = False
        self._on_change()

    def shut(self) -> None:
        """Go down until `no_shut`."""
        self._is_shut = True
        self._on_change()

    def no_shut(self) -> None:
        """Come up again, where nothing else is in the way."""
        self._is_shut = False
        self._on_change()
