"""The journal of a lab under test: found, waited for, and shown where a test fails."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

from nac.journal import Fact, JournalRecord
from posturelab.document import suggest
from posturelab.duration import read_duration, render_duration
from posturelab.journal_events import EVENTS
from posturelab.journal_log import JournalLog
from posturelab.lab import Lab
from posturelab.lab_thread import LabThread

POLL_INTERVAL = 1.0
"""Seconds of lab time after which a condition is looked at again though no journal record asks for it."""

LAST = 25
"""Records shown where a test fails."""


async def wait_until(lab: Lab, holds: Callable[[], bool], *, within: timedelta) -> bool:
    """Wait until something holds, at most so long; whether it does."""
    news = asyncio.Event()
    end_listening = lab.journal.listen(lambda _: news.set())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                while not holds():
                    news.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(POLL_INTERVAL):
                            await news.wait()
        return holds()
    finally:
        end_listening()


def render_records(records: Iterable[JournalRecord], kinds: dict[str, str]) -> str:
    """Render records as the lab's log does."""
    stream = io.StringIO()
    log = JournalLog(stream, kinds, colour=False)
    for record in records:
        log.write(record)
    return stream.getvalue().rstrip("\n")


class JournalWatch:
    """The journal of a lab in a thread. What lies before the last `mark` is no longer looked at."""

    def __init__(self, thread: LabThread) -> None:
        """Look at everything at first."""
        self._thread = thread
        self._first = 0

    def __repr__(self) -> str:
        return "<the journal of the lab>"

    @property
    def records(self) -> list[JournalRecord]:
        """All records since the last mark."""
        return self._thread.call(self._list)

    def mark(self) -> None:
        """Look at nothing that has been written until now."""
        self._first = self._thread.call(lambda: self._thread.lab.journal.written)

    def find(self, event: str, *, node: str | None = None, **facts: Fact) -> list[JournalRecord]:
        """Find the records of an event, by this node if one is named, whose facts include these.

        Raises `ValueError` for an event that no record can have.
        """
        _check(event)
        return self._thread.call(self._find, event, node, facts)

    def wait_for(
        self, event: str, *, node: str | None = None, within: str | timedelta = "5s", **facts: Fact
    ) -> JournalRecord:
        """Wait for a record, which may be there already; raises `AssertionError` that shows the last ones."""
        __tracebackhide__ = True
        if not self._wait(event, node, within, facts):
            what = f"{_describe(event, node, facts)} was not seen within {render_duration(read_duration(within))}"
            others = [_describe(event, record.node, record.facts) for record in self.find(event)]
            raise AssertionError("\n".join([what, *("instead: " + other for other in others[-LAST:]), self.show()]))
        return self.find(event, node=node, **facts)[0]

    def never(self, event: str, *, node: str | None = None, within: str | timedelta = "5s", **facts: Fact) -> None:
        """Wait that long and see no such record; raises `AssertionError` that shows the last ones."""
        __tracebackhide__ = True
        if self._wait(event, node, within, facts):
            raise AssertionError(f"{_describe(event, node, facts)} was seen\n{self.show()}")

    def show(self, count: int = LAST) -> str:
        """Render the last records, with a heading."""
        kinds, records = self._thread.call(self._list_kinds), self.records[-count:]
        return f"The last {len(records)} journal records:\n{render_records(records, kinds)}"

    def _wait(self, event: str, node: str | None, within: str | timedelta, facts: dict[str, Fact]) -> bool:
        _check(event)

        def holds() -> bool:
            return bool(self._find(event, node, facts))

        return self._thread.run(wait_until(self._thread.lab, holds, within=read_duration(within)))

    def _list(self) -> list[JournalRecord]:
        journal = self._thread.lab.journal
        return list(journal)[max(0, self._first - (journal.written - len(journal))) :]

    def _list_kinds(self) -> dict[str, str]:
        return {name: node.kind for name, node in self._thread.lab.nodes.items()}

    def _find(self, event: str, node: str | None, facts: dict[str, Fact]) -> list[JournalRecord]:
        return [
            record
            for record in self._list()
            if record.event == event
            and node in (None, record.node)
            and all(name in record.facts and record.facts[name] == value for name, value in facts.items())
        ]


def _check(event: str) -> None:
    if event not in EVENTS:
        raise ValueError(f"no journal record has the event {event!r}{suggest(event, EVENTS)}")


def _describe(event: str, node: str | None, facts: Mapping[str, Fact]) -> str:
    told = ", ".join(f"{name}={value}" for name, value in facts.items())
    return f"{node or 'any node'}: {event}{f' ({told})' if told else ''}"
