"""Records and a publishing node for the tests of light data distribution."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st

from ldd.record import LAST_VERSION, RecordState, SessionRecord
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.posture import PostureStatus

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant

    def advance(self, **by: float) -> None:
        self.instant += timedelta(**by)


def session_record() -> st.SearchStrategy[SessionRecord]:
    """Draw any record that can be told to others."""
    instants = st.datetimes(datetime(1970, 1, 1), datetime(2241, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
    letters = st.characters(codec="utf-8").filter(str.isprintable)
    texts = st.text(letters, max_size=20)
    names = st.text(letters, min_size=1, max_size=20)
    stations = texts | st.just("02-00-00-0A-10-01")
    return st.builds(
        SessionRecord,
        session_id=names,
        mac=st.sampled_from(("", "02:00:00:0A:10:01")),
        calling_station_id=stations,
        addresses=st.lists(texts, max_size=3).map(tuple),
        psn=names,
        psn_ip=texts,
        psn_fqdn=texts,
        nas_ip=texts,
        nas_ipv6=texts,
        state=st.sampled_from(RecordState),
        posture_status=st.none() | st.sampled_from(PostureStatus),
        acct_session_id=texts,
        version=st.integers(1, LAST_VERSION),
        authenticated_at=instants,
        at=instants,
    )


BuildRecord = Callable[..., SessionRecord]


@pytest.fixture
def build_record() -> BuildRecord:
    """Build the record of laptop1 on psn1, `at` seconds after eight; anything can be told otherwise."""

    def build(*, at: float = 0, authenticated: float = 0, **changes: Any) -> SessionRecord:
        values: dict[str, Any] = {
            "session_id": "7F000301000000010000ABCD",
            "mac": "02:00:00:00:10:01",
            "calling_station_id": "02-00-00-00-10-01",
            "addresses": ("127.0.10.1", "fe80::1"),
            "psn": "psn1",
            "psn_ip": "127.0.1.1",
            "psn_fqdn": "psn1.lab.test",
            "nas_ip": "127.0.3.1",
            "nas_ipv6": "",
            "state": RecordState.STARTED,
            "posture_status": PostureStatus.COMPLIANT,
            "acct_session_id": "00000001",
            "version": 1,
            "authenticated_at": NOW + timedelta(seconds=authenticated),
            "at": NOW + timedelta(seconds=at),
        }
        return SessionRecord(**values | changes)

    return build


@pytest.fixture
def clock() -> HandClock:
    """The time of all nodes of a test."""
    return HandClock()


@pytest.fixture
def build_runtime(clock: HandClock) -> Callable[[str], Runtime]:
    """Build the surroundings of a node; all share one journal."""
    journal = Journal(clock)
    return lambda name: Runtime(node=name, clock=clock, random=random.Random(1), journal=journal)
