"""The journal: one structured record for every decision of every node, with its reason.

The human log, the scenario's timeline, the assertions and the control API are all rendered from it, never the
other way round. Secrets and passwords are never in it. Facts are short and plain (str, int, float, bool, None),
and the same in two runs of one seed, except for ephemeral ports (`port`) and log text that holds them (`log`).
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from nac.node.clock import Clock

Fact = str | int | float | bool | None

Observer = Callable[[str, str, Mapping[str, Fact]], None]
"""`observe(event, reason, facts)` writes one record of one node; what RADIUS, which knows no journal, has of its own
(`radius.observer`) is of the same form."""

Listener = Callable[["JournalRecord"], None]

NO_FACTS: Mapping[str, Fact] = {}


class JournalRecord(NamedTuple):
    """One decision: when, by which node, what happened (a short kebab-case word), why (a sentence), and the facts."""

    at: datetime
    node: str
    event: str
    reason: str
    facts: Mapping[str, Fact]


class Journal:
    """The records of one lab, oldest dropped first beyond `limit`."""

    def __init__(self, clock: Clock, *, limit: int = 100_000) -> None:
        """Start empty; `limit` bounds the records kept. They become `JournalRecord` when somebody reads them."""
        self._clock = clock
        self._records: deque[tuple[datetime, str, str, str, Mapping[str, Fact]]] = deque(maxlen=limit)
        self._listeners: tuple[Listener, ...] = ()
        self.written = 0

    def write(
        self, node: str, event: str, reason: str, facts: Mapping[str, Fact] = NO_FACTS, at: datetime | None = None
    ) -> None:
        """Keep one record and tell the listeners; `at` spares a look at the clock where the caller has looked."""
        record = (at or self._clock.now(), node, event, reason, facts)
        self._records.append(record)
        self.written += 1
        for listener in self._listeners:
            try:
                listener(JournalRecord(*record))
            except Exception as error:  # whatever it is, the node that writes has no part in it
                self._drop(listener, error)

    def writer(self, node: str) -> Observer:
        """Build a function that writes as one node."""

        def observe(event: str, reason: str, facts: Mapping[str, Fact] = NO_FACTS) -> None:
            self.write(node, event, reason, facts)

        return observe

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every record from now on; the result ends that, also while a record is being told.

        One that fails is told no more, and its failure goes to the event loop, or to stderr where none runs.
        """
        self._listeners = (*self._listeners, listener)
        return lambda: self._end(listener)

    def _end(self, listener: Listener) -> None:
        self._listeners = tuple(other for other in self._listeners if other is not listener)

    def _drop(self, listener: Listener, error: Exception) -> None:
        self._end(listener)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            sys.excepthook(type(error), error, error.__traceback__)
            return
        loop.call_exception_handler({"message": "a listener of the journal failed", "exception": error})

    def clear(self) -> None:
        """Forget all records."""
        self._records.clear()

    def __iter__(self) -> Iterator[JournalRecord]:
        return map(JournalRecord._make, tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)
