"""A mailbox of the embedded broker: messages of letters, kept in order until a receiver has taken them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ldd.link_state import LinkState
from ldd.reading import REDELIVERY_PAUSE, Reading

_WINDOW = 64
"""Deliveries that may be under way to the receiver."""

Wake = Callable[[], None]


class EmbeddedMailbox:
    """One mailbox of a lab in a single process."""

    def __init__(self, name: str, limit: int) -> None:
        """Begin empty, and without a receiver; `limit` messages may wait."""
        self._name = name
        self._limit = limit
        self._messages: deque[bytes] = deque()
        self._refused: dict[Wake, None] = {}
        self._owner: LinkState | None = None
        self._reading: Reading[bytes] | None = None
        self._pause: asyncio.TimerHandle | None = None

    def put(self, message: bytes, wake: Wake) -> bool:
        """Keep a message; False where there is no room, and `wake` is called when there is some again."""
        if len(self._messages) >= self._limit:
            self._refused[wake] = None
            return False
        self._messages.append(message)
        self._deliver()
        return True

    def open(self, owner: LinkState) -> None:
        """Give everything to the owner's receiver from now on."""
        self._owner = owner
        self._begin()

    def close(self, owner: LinkState) -> None:
        """Give nothing more to the owner's receiver; what it has not acknowledged waits again."""
        if self._owner is owner:
            self._owner = None
            self._end()

    def _begin(self) -> None:
        self._pause = None
        if self._owner is not None:
            self._reading = Reading(
                self._owner, self._name, acknowledge=lambda _: self._acknowledge(), fail=self._fail, hold=self._end
            )
            self._deliver()

    def _end(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        if self._reading is not None:
            self._messages.extendleft(reversed(self._reading.end()))
            self._reading = None

    def _fail(self) -> None:
        """Give everything to the receiver again, a while later."""
        self._end()
        self._pause = asyncio.get_running_loop().call_later(REDELIVERY_PAUSE, self._begin)

    def _acknowledge(self) -> None:
        self._deliver()
        if self._refused and len(self._messages) < self._limit:
            refused, self._refused = self._refused, {}
            for wake in refused:
                wake()

    def _deliver(self) -> None:
        while self._reading is not None and self._messages and len(self._reading) < _WINDOW:
            message = self._messages.popleft()
            self._reading.take(message, message)
