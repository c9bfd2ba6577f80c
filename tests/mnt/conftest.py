"""Records as policy service nodes send them, for the tests of the monitoring node."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.syslog import SyslogEncoder, SyslogRecord, render_attributes
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


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant


class LetterMaker:
    """Makes the letters of one policy service node, numbered as its records are."""

    def __init__(self, host: str = "psn1") -> None:
        self._encoder = SyslogEncoder(host, maximum_length=8192)

    def make(self, code: int, session_id: str = SESSION, **attributes: str) -> list[str]:
        pairs = [(key.replace("_", "-"), value) for key, value in attributes.items()]
        body = render_attributes([*pairs, ("CPMSessionID", session_id)])
        return [line.decode() for line in self._encoder.encode(CATALOGUE[code], NOW, body)]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def runtime(clock: HandClock) -> Runtime:
    return Runtime(node="mnt1", clock=clock, random=random.Random(1), journal=Journal(clock))


@pytest.fixture
def letters() -> LetterMaker:
    return LetterMaker()


@pytest.fixture(scope="session")
def record() -> RecordMaker:
    return make_record


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def session_id() -> str:
    return SESSION
