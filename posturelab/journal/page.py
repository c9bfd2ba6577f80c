"""Journal records as JSON, for the control API and for the file of `posturelab run --json`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from nac.node.journal import Journal, JournalRecord
from posturelab.journal.query import RecordQuery

MAXIMUM_RECORDS = 1000
"""How many journal records one answer holds."""


def describe_record(record: JournalRecord) -> dict[str, Any]:
    """Build a JSON-ready view of one record; the instant in ISO 8601."""
    return {
        "at": record.at.isoformat(timespec="milliseconds"),
        "node": record.node,
        "event": record.event,
        "reason": record.reason,
        "facts": dict(record.facts),
    }


def parse_record(described: Mapping[str, Any]) -> JournalRecord:
    """Read what `describe_record` has built."""
    at = datetime.fromisoformat(described["at"])
    return JournalRecord(at, described["node"], described["event"], described["reason"], described["facts"])


def describe_page(journal: Journal, since: int, query: RecordQuery) -> dict[str, Any]:
    """Build a JSON-ready part of a journal: the records meant from number `since` on, oldest first.

    `next` is where to go on.
    """
    first = journal.written - len(journal)
    since = max(since, first)
    records = [
        describe_record(record) | {"number": number}
        for number, record in enumerate(islice(journal, since - first, None), since)
        if query.matches(record)
    ]
    shown = records[:MAXIMUM_RECORDS]
    following = journal.written if len(shown) == len(records) else shown[-1]["number"] + 1
    return {"records": shown, "next": following}
