"""What each kind of record teaches a session, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from mnt.session import EVENTS, MonitoredSession, SessionEvent, SessionState
from mnt.session_update import update_session
from nac.posture import PostureStatus
from nac.syslog import SyslogRecord

Maker = Callable[..., SyslogRecord]
LATER = timedelta(minutes=1)


@pytest.fixture
def session(now: datetime) -> MonitoredSession:
    return MonitoredSession(
        session_id="S",
        state=SessionState.STARTED,
        opened_at=now,
        updated_at=now,
        user_name="host/laptop1",
        mac="02:00:00:00:10:01",
        calling_station_id="02-00-00-00-10-01",
        address="127.0.10.1",
        acs_server="psn1",
        nas_ip="127.0.3.1",
        profile="Quarantine",
        rule="NonCompliant",
        posture_status=PostureStatus.NON_COMPLIANT,
    )


@pytest.mark.parametrize("event", SessionEvent)
def test_a_record_that_says_nothing_wipes_nothing_out(
    session: MonitoredSession, record: Maker, now: datetime, event: SessionEvent
) -> None:
    before = session.snapshot()
    update_session(session, record(5200), event=event, now=now + LATER)
    after = session.snapshot()
    assert session.updated_at == now + LATER
    unchanged = before.keys() - {"updated_at", "authenticated_at", "postured_at", "last_acct_node"}
    assert {key: after[key] for key in unchanged} == {key: before[key] for key in unchanged}


@pytest.mark.parametrize("event", SessionEvent)
def test_no_record_touches_the_state(
    session: MonitoredSession, record: Maker, now: datetime, event: SessionEvent
) -> None:
    update_session(session, record(3001, Acct_Status_Type="Stop"), event=event, now=now)
    assert session.state is SessionState.STARTED


def test_accounting_does_not_rename_the_user_or_move_the_owner(
    session: MonitoredSession, record: Maker, now: datetime
) -> None:
    accounting = record(3002, host="psn2", User_Name="mallory", Framed_IP_Address="127.0.10.9")
    update_session(session, accounting, event=SessionEvent.ACCOUNTING_INTERIM, now=now)
    assert (session.user_name, session.acs_server) == ("host/laptop1", "psn1")
    assert (session.last_acct_node, session.address) == ("psn2", "127.0.10.9")


def test_authentication_renames_user_and_moves_owner(session: MonitoredSession, record: Maker, now: datetime) -> None:
    authentication = record(5200, host="psn2", UserName="alice", Calling_Station_ID="02-00-00-00-10-0A")
    update_session(session, authentication, event=SessionEvent.PASSED_AUTHENTICATION, now=now)
    assert (session.user_name, session.acs_server, session.mac) == ("alice", "psn2", "02:00:00:00:10:0A")
    assert session.calling_station_id == "02-00-00-00-10-0A"


@pytest.mark.parametrize("code", [87000, 5205])
def test_a_session_without_posture_gets_the_verdict_of_a_later_record(record: Maker, now: datetime, code: int) -> None:
    session = MonitoredSession(session_id="S", state=SessionState.AUTHENTICATED, opened_at=now, updated_at=now)
    passed = record(5200, PostureStatus="Unknown", PostureAssessmentStatus="NotApplicable")
    update_session(session, passed, event=SessionEvent.PASSED_AUTHENTICATION, now=now)
    assert session.posture_word == "NotApplicable"
    update_session(session, record(code, PostureStatus="Compliant"), event=EVENTS[code], now=now)
    assert session.posture_word == "Compliant"


def test_a_posture_report_names_the_agents_user_beside_the_authenticated_one(
    session: MonitoredSession, record: Maker, now: datetime
) -> None:
    report = record(87000, UserName="alice", MacAddress="02-00-00-00-99-99", PostureStatus="Compliant")
    update_session(session, report, event=SessionEvent.POSTURE_REPORT, now=now)
    assert (session.user_name, session.agent_user_name) == ("host/laptop1", "alice")
    assert (session.mac, session.posture_word) == ("02:00:00:00:10:01", "Compliant")
