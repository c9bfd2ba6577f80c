"""The records that a session keeps whole, as one line of JSON: what the REST API tells goes far beyond its fields.

A tenth of the memory that the record itself takes, and what the store writes anyway. Encode and decode.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from nac.syslog import SyslogRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecord:
    """A record, and when the monitoring node received it."""

    received_at: datetime
    record: SyslogRecord


def keep_record(record: SyslogRecord, now: datetime) -> str:
    """Render a record received now as text."""
    head = (record.host, record.category, record.at.isoformat(), record.sequence, record.code)
    words = (record.severity, record.message_class, record.text)
    return json.dumps([now.isoformat(), *head, *words, record.attributes], ensure_ascii=False, separators=(",", ":"))


def recall_record(text: str) -> KeptRecord | None:
    """Read what `keep_record` rendered; None where nothing was kept."""
    if not text:
        return None
    received_at, host, category, at, sequence, code, severity, message_class, words, attributes = json.loads(text)
    return KeptRecord(
        received_at=datetime.fromisoformat(received_at),
        record=SyslogRecord(
            host=host,
            category=category,
            at=datetime.fromisoformat(at),
            sequence=sequence,
            code=code,
            severity=severity,
            message_class=message_class,
            text=words,
            attributes=tuple((key, value) for key, value in attributes),
        ),
    )
