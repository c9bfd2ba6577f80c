"""Records as policy service nodes send them, for the tests of the monitoring node."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from nac.syslog import SyslogRecord
from nac.syslog_catalogue import CATALOGUE

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SESSION = "7F000301000000010000ABCD"

RecordMaker = Callable[..., SyslogRecord]


def make_record(
    code: int, *pairs: tuple[str, str], host: str = "psn1", session_id: str = SESSION, **attributes: str
) -> SyslogRecord:
    """Build a record; keyword names stand for attribute names, underscores for hyphens."""
    named = tuple((key.replace("_", "-"), value) for key, value in attributes.items())
    session = (("CPMSessionID", session_id),) if session_id else ()
    entry = CATALOGUE[code]
    return SyslogRecord(
        host=host,
        category=entry.category,
        at=NOW,
        sequence=1,
        code=code,
        severity=entry.severity,
        message_class=entry.message_class,
        text=entry.text,
        attributes=(*pairs, *named, *session),
    )


@pytest.fixture(scope="session")
def record() -> RecordMaker:
    return make_record


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def session_id() -> str:
    return SESSION
