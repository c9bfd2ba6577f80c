"""What a PSN's sessions become in the shared directory, and which of them do not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ldd.directory import RadiusSessionDirectory
from ldd.embedded import EmbeddedBroker
from ldd.publisher import PublishingNode, SessionPublisher
from ldd.record import RecordState, decode_record, encode_record
from nac.posture import PostureStatus
from psn.session import Session, SessionState
from psn.session_directory_feed import SessionDirectoryFeed
from psn.session_events import SessionEvent

if TYPE_CHECKING:
    from tests.psn.bench import Bench

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.fixture
def rsd() -> RadiusSessionDirectory:
    return RadiusSessionDirectory()


@pytest.fixture
def feed(bench: Bench, rsd: RadiusSessionDirectory) -> SessionDirectoryFeed:
    node = PublishingNode(name="psn1", address="127.0.0.1", fqdn="psn1.lab.test")
    link = EmbeddedBroker().link("psn1")
    return SessionDirectoryFeed(SessionPublisher(node, bench.runtime, directory=rsd, link=link))


@pytest.fixture
def session() -> Session:
    return Session(
        session_id="7F000301000000010000ABCD",
        created_at=NOW,
        updated_at=NOW,
        mac="02:00:00:00:10:01",
        calling_station_id="02-00-00-00-10-01",
        nas_ip="127.0.3.1",
        nas_ipv6="::3",
        posture_status=PostureStatus.UNKNOWN,
    )


def test_a_session_is_shared_with_what_the_directory_knows_of_sessions(
    feed: SessionDirectoryFeed, rsd: RadiusSessionDirectory, session: Session
) -> None:
    feed.on_session(session, SessionEvent.AUTHENTICATED)
    (record,) = rsd.list_sessions()
    assert (record.session_id, record.mac, record.calling_station_id, record.nas_ip, record.nas_ipv6) == (
        "7F000301000000010000ABCD",
        "02:00:00:00:10:01",
        "02-00-00-00-10-01",
        "127.0.3.1",
        "::3",
    )
    assert (record.state, record.posture_status) == (RecordState.AUTHENTICATED, None)


def test_accounting_posture_and_stop_follow(
    feed: SessionDirectoryFeed, rsd: RadiusSessionDirectory, session: Session
) -> None:
    feed.on_session(session, SessionEvent.AUTHENTICATED)
    session.state, session.addresses, session.acct_session_id = SessionState.STARTED, ("127.0.10.1",), "00000001"
    feed.on_session(session, SessionEvent.ACCOUNTED)
    session.posture_status = PostureStatus.COMPLIANT
    feed.on_session(session, SessionEvent.ASSESSED)
    (record,) = rsd.list_sessions()
    assert (record.state, record.addresses, record.acct_session_id) == (
        RecordState.STARTED,
        ("127.0.10.1",),
        "00000001",
    )
    assert (record.posture_status, record.version) == (PostureStatus.COMPLIANT, 3)
    feed.on_stop(session.session_id)
    assert rsd.list_sessions() == []


def test_an_entry_from_accounting_alone_is_not_shared(
    feed: SessionDirectoryFeed, rsd: RadiusSessionDirectory, session: Session
) -> None:
    """Even where this node owned the session once and has since lost its entry."""
    feed.on_session(session, SessionEvent.AUTHENTICATED)
    poor = Session(session_id=session.session_id, created_at=NOW, updated_at=NOW, state=SessionState.STARTED)
    feed.on_session(poor, SessionEvent.ACCOUNTED)
    (record,) = rsd.list_sessions()
    assert (record.mac, record.version) == (session.mac, 1)


def test_an_entry_from_accounting_alone_keeps_what_was_shared_before_a_restart(
    bench: Bench, feed: SessionDirectoryFeed, rsd: RadiusSessionDirectory, session: Session
) -> None:
    feed.on_session(session, SessionEvent.AUTHENTICATED)
    bench.clock.advance(days=4)
    poor = Session(session_id=session.session_id, created_at=NOW, updated_at=NOW, state=SessionState.STARTED)
    feed.on_session(poor, SessionEvent.ACCOUNTED)
    (record,) = rsd.list_sessions()
    assert (record.mac, record.at, record.authenticated_at) == (session.mac, bench.clock.now(), NOW)


@pytest.mark.parametrize(("event", "is_told"), [(SessionEvent.ACCOUNTED, True), (SessionEvent.ASSESSED, False)])
def test_only_accounting_proves_that_a_forgotten_session_goes_on(
    feed: SessionDirectoryFeed,
    rsd: RadiusSessionDirectory,
    session: Session,
    event: SessionEvent,
    is_told: bool,  # noqa: FBT001
) -> None:
    """A stale entry can be assessed, and would bring back a session that is long over."""
    session.authenticated_at = NOW
    feed.on_session(session, event)
    assert len(rsd) == is_told


def test_what_cannot_be_printed_is_not_shared(
    feed: SessionDirectoryFeed, rsd: RadiusSessionDirectory, session: Session
) -> None:
    session.calling_station_id, session.acct_session_id = "a\nb", "1\u202e2"
    feed.on_session(session, SessionEvent.AUTHENTICATED)
    (record,) = rsd.list_sessions()
    assert (record.calling_station_id, record.acct_session_id) == ("a?b", "1?2")
    assert decode_record(json.loads(encode_record(record))) == record, "the other nodes take it"
