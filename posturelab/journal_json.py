"""Journal records as JSON, for the control API and for the file of `posturelab run --json`."""

from __future__ import annotations

from typing import Any

from nac.journal import JournalRecord


def describe_record(record: JournalRecord) -> dict[str, Any]:
    """Build a JSON-ready view of one record; the instant in ISO 8601."""
    return {
        "at": record.at.isoformat(timespec="milliseconds"),
        "node": record.node,
        "event": record.event,
        "reason": record.reason,
        "facts": dict(record.facts),
    }
