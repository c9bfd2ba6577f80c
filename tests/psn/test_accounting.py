"""What accounting does to the session cache, what MNT is told of it, and what is not answered (RFC 2866)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psn.session import SessionState
from psn.session_events import SessionEvent
from radius import attribute
from radius.packet import Attribute, Code, integer

if TYPE_CHECKING:
    from tests.psn.bench import Bench, BuildBench

SESSION_ID = "7F000301000000010000ABCD"
START, STOP, INTERIM = attribute.ACCT_START, attribute.ACCT_STOP, attribute.ACCT_INTERIM_UPDATE
ON, OFF = attribute.ACCT_ON, attribute.ACCT_OFF
SENT: Attribute = (attribute.CISCO_AVPAIR, f"audit-session-id={SESSION_ID}".encode())
MAC: Attribute = (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01")


@pytest.mark.parametrize(("status", "code"), [(START, 3000), (STOP, 3001), (INTERIM, 3002), (ON, 3003), (OFF, 3004)])
def test_every_record_is_answered_and_shipped(bench: Bench, status: int, code: int) -> None:
    reply = bench.account(status, SENT, MAC, (attribute.USER_NAME, b"alice"), (attribute.ACCT_SESSION_ID, b"00000053"))
    assert reply is not None
    assert reply.code == Code.ACCOUNTING_RESPONSE
    assert [type_ for type_, _ in reply.attributes] == [attribute.MESSAGE_AUTHENTICATOR]
    (line,) = bench.list_records()
    assert (line.code, line.category, line.message_class) == (code, "CISE_RADIUS_Accounting", "Radius-Accounting")
    assert line.first("UserName") == "alice"
    assert line.first("Acct-Session-Id") == "00000053"
    assert line.first("Calling-Station-ID") == "02-00-00-00-10-01"


@pytest.mark.parametrize("status", [0, 4, 9, 15, 0xFFFFFFFF])
def test_status_that_says_nothing_is_not_answered(bench: Bench, status: int) -> None:
    """A server that cannot record must not answer (RFC 2866 section 4.1)."""
    assert bench.account(status, SENT) is None
    assert bench.list_records() == []
    (record,) = bench.list_events("accounting-drop")
    assert f"Acct-Status-Type {status}" in record.reason


def test_request_without_status_is_not_answered(bench: Bench) -> None:
    request = bench.make_request(SENT, code=Code.ACCOUNTING_REQUEST)
    assert bench.accounting.handle(request) is None


def test_start_of_a_known_session_starts_it(bench: Bench) -> None:
    session = bench.authenticate()
    bench.account(START, SENT)
    assert session.state is SessionState.STARTED
    (record,) = bench.list_events("accounting-start")
    assert record.facts["session_id"] == SESSION_ID


@pytest.mark.parametrize(("phantom_on_start", "kept"), [(False, 0), (True, 1)])
def test_start_of_an_unknown_session_makes_an_entry_only_where_the_setting_says_so(
    build_bench: BuildBench, *, phantom_on_start: bool, kept: int
) -> None:
    bench = build_bench(phantom_on_start=phantom_on_start)
    assert bench.account(START, SENT, MAC) is not None
    assert len(bench.sessions) == kept
    (line,) = bench.list_records()
    assert line.first("CPMSessionID") == SESSION_ID


def test_stop_of_an_unknown_session_changes_nothing_here_but_is_still_told_to_mnt(bench: Bench) -> None:
    """This is what makes the entry on the other node stale (posture.md 2.4)."""
    bench.authenticate(session_id="another")
    bench.list_records()
    bench.account(STOP, SENT, MAC)
    assert len(bench.sessions) == 1
    (record,) = bench.list_events("accounting-stop")
    assert record.facts["known_session"] is False
    (line,) = bench.list_records()
    assert (line.code, line.first("CPMSessionID")) == (3001, SESSION_ID)


def test_every_stop_is_told_to_the_listener_for_a_restart_may_have_taken_the_entry(bench: Bench) -> None:
    """Whether this node is the owner is for the directory to say, not for the cache."""
    bench.authenticate()
    bench.account(STOP, SENT, MAC)
    bench.authenticate()
    bench.sessions.clear()
    bench.account(STOP, SENT, MAC)
    authenticated, stopped = (SESSION_ID, SessionEvent.AUTHENTICATED), (SESSION_ID, None)
    assert bench.listener.told == [authenticated, stopped, authenticated, stopped]


def test_every_sign_of_life_is_told_to_the_listener_also_that_of_an_unknown_session(bench: Bench) -> None:
    bench.account(INTERIM, SENT, MAC)
    bench.account(INTERIM, SENT, MAC)
    assert bench.listener.told == [(SESSION_ID, SessionEvent.ACCOUNTED)] * 2


def test_entry_made_from_an_interim_says_so(bench: Bench) -> None:
    bench.account(INTERIM, SENT, MAC)
    session = bench.sessions.peek(SESSION_ID)
    assert session is not None
    assert session.state is SessionState.STARTED
    assert (session.nad, session.device_ip, session.nas_ip) == ("switch1", "127.0.3.1", "127.0.3.1")
    assert session.authenticated_at is None
    (record,) = bench.list_events("session-from-accounting")
    assert "without groups, method or posture status" in record.reason


@pytest.mark.parametrize("status", [ON, OFF])
def test_accounting_on_and_off_concern_no_session(bench: Bench, status: int) -> None:
    bench.authenticate()
    bench.list_records()
    bench.account(status, (attribute.NAS_IP_ADDRESS, bytes((127, 0, 3, 1))))
    assert len(bench.sessions) == 1
    (line,) = bench.list_records()
    assert line.first("CPMSessionID") == ""


def test_session_of_a_device_that_sends_no_id_is_found_by_the_class_it_echoes(bench: Bench) -> None:
    bench.ask(*bench.pap("alice", "lab-alice", session_id=None))
    (session,) = bench.sessions
    echoed = (attribute.CLASS, f"CACS:{session.session_id}:{session.acs_session_id}".encode())
    bench.account(START, echoed)
    assert session.state is SessionState.STARTED
    bench.account(STOP, echoed)
    assert len(bench.sessions) == 0


def test_stop_without_any_id_finds_the_entry_that_its_interim_has_made(bench: Bench) -> None:
    accounting: list[Attribute] = [MAC, (attribute.ACCT_SESSION_ID, b"00000053")]
    bench.account(INTERIM, *accounting)
    assert len(bench.sessions) == 1
    bench.account(STOP, *accounting)
    assert len(bench.sessions) == 0


def test_address_that_changes_is_found_under_the_new_one_only(bench: Bench) -> None:
    session = bench.authenticate()
    for last in (1, 2):
        bench.account(INTERIM, SENT, (attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, last))))
    assert bench.sessions.find_by_address(["127.0.10.1"]) is None
    assert bench.sessions.find_by_address(["127.0.10.2"]) is session
    bench.account(INTERIM, SENT)
    assert bench.sessions.find_by_address(["127.0.10.2"]) is session


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from([0, START, STOP, INTERIM, ON, OFF]),
    st.lists(
        st.tuples(
            st.one_of(st.integers(1, 109), st.just(attribute.CISCO_AVPAIR)).filter(
                lambda type_: type_ not in (attribute.MESSAGE_AUTHENTICATOR, attribute.EAP_MESSAGE, 2, 26)
            ),
            st.one_of(st.binary(max_size=60), st.just(SENT[1]), st.just(b"CACS:"), st.just(integer(1))),
        ),
        max_size=12,
    ),
)
def test_any_attributes_are_recorded_and_answered_or_neither(
    bench: Bench, status: int, attributes: list[Attribute]
) -> None:
    reply = bench.account(status, *attributes)
    assert len(bench.list_records()) == (reply is not None)
