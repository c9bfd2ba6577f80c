"""The journal of a lab under test: found, waited for, and shown where a test fails."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import timedelta

from nac.node.journal import Fact, JournalRecord
from posturelab.journal.log import JournalLog
from posturelab.journal.query import RecordQuery, check_writer
from posturelab.reading.duration import read_duration, render_duration
from posturelab.scenario.expectation import wait_until
from posturelab.testing.lab_thread import LabThread

__tracebackhide__ = True
"""What fails is shown where a test has asked for it; pytest leaves out the frames of this module."""

LAST = 25
"""Records shown where a test fails."""


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

        Raises `ValueError` for an event that no record can have, `UnknownNodeError` for a node that the lab has not.
        """
        return self._thread.call(self._find, self._ask(event, node, facts))

    def wait_for(
        self, event: str, *, node: str | None = None, within: str | timedelta = "5s", **facts: Fact
    ) -> JournalRecord:
        """Wait for a record, which may be there already; raises `AssertionError` that shows the last ones.

        Raises for unknown words as `find` does.
        """
        query = self._ask(event, node, facts)
        if not self._wait(query, within):
            what = f"{query} was not seen within {render_duration(read_duration(within))}"
            others = [RecordQuery(event=event, node=record.node, facts=record.facts) for record in self.find(event)]
            raise AssertionError("\n".join([what, *(f"instead: {other}" for other in others[-LAST:]), self.show()]))
        return self._thread.call(self._find, query)[0]

    def never(self, event: str, *, node: str | None = None, within: str | timedelta = "5s", **facts: Fact) -> None:
        """Wait that long and see no such record; raises `AssertionError` that shows the last ones.

        Raises for unknown words as `find` does.
        """
        query = self._ask(event, node, facts)
        if self._wait(query, within):
            raise AssertionError(f"{query} was seen\n{self.show()}")

    def show(self, count: int = LAST) -> str:
        """Render the last records, with a heading."""
        kinds, records = self._thread.call(self._list_kinds), self.records[-count:]
        return f"The last {len(records)} journal records:\n{render_records(records, kinds)}"

    def _ask(self, event: str, node: str | None, facts: dict[str, Fact]) -> RecordQuery:
        if node is not None:
            check_writer(node, self._thread.lab.nodes)
        return RecordQuery(event=event, node=node, facts=facts)

    def _wait(self, query: RecordQuery, within: str | timedelta) -> bool:
        journal, limit = self._thread.lab.journal, read_duration(within)
        return self._thread.run(wait_until(journal, lambda: bool(self._find(query)), within=limit))

    def _list(self) -> list[JournalRecord]:
        journal = self._thread.lab.journal
        return list(journal)[max(0, self._first - (journal.written - len(journal))) :]

    def _list_kinds(self) -> dict[str, str]:
        return {name: node.kind for name, node in self._thread.lab.nodes.items()}

    def _find(self, query: RecordQuery) -> list[JournalRecord]:
        return list(filter(query.matches, self._list()))
