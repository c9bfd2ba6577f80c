"""A node's link to the other nodes: a fan-out to all of them, and mailboxes of single ones.

What the two back ends have in common for their users; `ldd.embedded` is that of a lab in a single process,
`ldd.rabbit.link` that over RabbitMQ. Neither ever keeps its node waiting or raises for what the broker does: what
cannot go out at once is kept, within bounds, and goes out later. Knows nothing of what is sent but that it is JSON.

A *record* goes to every other node, at least once, the newest of each key only, in no particular order. What is lost
all the same (a broker that died with it, a queue that was full) is noticed by whoever misses it and told to its
watchers, who ask again (`ldd.replication`). A *letter* goes to one mailbox, in order, and is kept until its receiver
has it safely; by (stream, number) a receiver tells a letter that comes again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

Json = Any
"""A decoded JSON value."""


class NotTakenError(Exception):
    """A receiver cannot take letters at present; they are to come again."""


class LinkEvent(Enum):
    """What may happen to a link."""

    UP = auto()
    """What is published reaches the others from now on; anything may have been missed before."""
    DOWN = auto()
    """It does not, for the reason told. Reported again when the reason changes, also where it has never been up."""
    MISSED = auto()
    """Records of another node did not arrive here; the text says whose and how this was noticed."""
    DROPPED = auto()
    """More waits than may be kept; the text says what was dropped."""
    UNREADABLE = auto()
    """A message that this release cannot read is thrown away; the text says why."""
    HELD = auto()
    """A mailbox is not emptied until the link is up the next time: a newer release has written to it."""
    SPOOL_FAILED = auto()
    """Letters that were to outlive the node cannot be read or kept; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Consecutive letters of one sender. `stream` names a life of the sender, in which letters count from `first`."""

    sender: str
    stream: str
    first: int
    letters: Sequence[Json]


Watcher = Callable[[LinkEvent, str], None]
"""Told of an event with one sentence; must not raise."""

Subscriber = Callable[[str, Sequence[Json]], None]
"""Told the sender's name and its records, as they arrive; what it raises goes to the loop's exception handler."""

Receiver = Callable[[Delivery], Coroutine[Any, Any, None]]
"""Called with deliveries in their order, several of which may be under way at once.

Runs without delay up to its first wait. The letters are acknowledged when it returns, in their order. Where it raises
`NotTakenError` they come again after a pause, and so do all that followed them. Where it raises anything else they do
so too, and the loop's exception handler is told, for that is a mistake of the receiver's.
"""


class Link(Protocol):
    """One node's link. To be used inside its event loop; `subscribe`, `receive` and `watch` before `start`."""

    @property
    def is_up(self) -> bool:
        """Whether what is published reaches the others at present."""
        ...

    async def start(self) -> None:
        """Begin; returns at once, be the broker there or not. Goes on trying until `stop`."""
        ...

    async def stop(self) -> None:
        """Send what waits, as far as that goes quickly, and end; a second call does nothing. It can start again."""
        ...

    async def drain(self) -> None:
        """Wait until the broker has what waits to be published now, or newer records of its keys, or the link is down.

        What is published meanwhile prolongs this no further.
        """
        ...

    def publish(self, topic: str, key: str, record: bytes) -> None:
        """Send a record, a JSON value, to all other nodes; a later one of the same topic and key may replace it."""
        ...

    def post(self, mailbox: str, letter: bytes) -> None:
        """Send a letter, a JSON value, to a mailbox."""
        ...

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Take part in a topic: one subscriber to a topic and link."""
        ...

    def receive(self, mailbox: str, receiver: Receiver) -> None:
        """Empty a mailbox; it has one receiver in the whole deployment."""
        ...

    def watch(self, watcher: Watcher) -> None:
        """Be told what happens to the link."""
        ...
