"""The session directory against the rules M1 to M3 of posture.md 1.1 and the decisions that stand with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnt.session import MonitoredSession, SessionState
from mnt.session_directory import SessionDirectory
from nac.posture import PostureStatus
from nac.syslog import SyslogRecord
from nac.syslog_catalogue import CATALOGUE

Maker = Callable[..., SyslogRecord]

MAC = "02:00:00:00:10:01"
AUTHENTICATION = {
    "UserName": "02-00-00-00-10-01",
    "Calling_Station_ID": "02-00-00-00-10-01",
    "NAS_IP_Address": "127.0.3.1",
    "NAS_Port_Id": "GigabitEthernet1/0/1",
    "NetworkDeviceName": "switch1",
    "AuthenticationMethod": "Lookup",
    "SelectedAuthorizationProfiles": "Posture-Redirect",
    "AuthorizationPolicyMatchedRule": "Posture pending",
    "PostureStatus": "Unknown",
}
REPORT = {
    "MacAddress": MAC,
    "UserName": "alice",
    "IpAddress": "127.0.10.1",
    "PostureStatus": "Compliant",
    "PosturePolicyMatched": "Antivirus",
    "PostureReport": "Antivirus;Passed;(...)",
    "PostureAgentVersion": "5.1.18.314",
}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def directory() -> SessionDirectory:
    return SessionDirectory()


def get(directory: SessionDirectory, session_id: str) -> MonitoredSession:
    session = directory.find(session_id)
    assert session is not None
    return session


def test_a_passed_authentication_creates_the_session(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    (change,) = directory.apply(record(5200, **AUTHENTICATION), now)
    assert (change.event, change.session) == ("session-authenticated", directory.find(session_id))
    assert "makes a new session" in change.reason
    session = get(directory, session_id)
    assert (session.state, session.opened_at, session.authenticated_at) == (SessionState.AUTHENTICATED, now, now)
    assert (session.mac, session.calling_station_id) == (MAC, "02-00-00-00-10-01")
    assert (session.acs_server, session.last_acct_node) == ("psn1", "")
    assert (session.nas_ip, session.nas_name, session.nas_port_id) == ("127.0.3.1", "switch1", "GigabitEthernet1/0/1")
    assert (session.rule, session.profile, session.method) == ("Posture pending", "Posture-Redirect", "Lookup")
    assert (session.posture_status, session.posture_word) == (PostureStatus.UNKNOWN, "Pending")


def test_the_accounting_start_makes_it_started(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    start = record(3000, Framed_IP_Address="127.0.10.1", Acct_Session_Id="00000053")
    (change,) = directory.apply(start, now + MINUTE)
    session = get(directory, session_id)
    assert change.event == "session-started"
    assert (session.state, session.started_at, session.updated_at) == (
        SessionState.STARTED,
        now + MINUTE,
        now + MINUTE,
    )
    assert (session.address, session.acct_session_id, session.last_acct_node) == ("127.0.10.1", "00000053", "psn1")


def test_an_interim_refreshes_and_tells_nothing(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3000), now)
    assert directory.apply(record(3002, Framed_IP_Address="127.0.10.9"), now + MINUTE) == []
    session = get(directory, session_id)
    assert (session.state, session.updated_at) == (SessionState.STARTED, now + MINUTE)
    assert session.address == "127.0.10.9"


def test_an_interim_alone_does_not_start_a_session(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3002), now)
    assert get(directory, session_id).state is SessionState.AUTHENTICATED


def test_a_stop_from_any_node_terminates_it_and_leaves_the_owner(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3000), now)
    (change,) = directory.apply(record(3001, host="psn2"), now + MINUTE)
    session = get(directory, session_id)
    assert change.event == "session-terminated"
    assert "psn2" in change.reason
    assert "the owner is psn1" in change.reason
    assert (session.state, session.terminated_at) == (SessionState.TERMINATED, now + MINUTE)
    assert (session.acs_server, session.last_acct_node) == ("psn1", "psn2")


def test_the_owner_is_the_node_of_the_last_passed_authentication(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3000), now)
    directory.apply(record(3002, host="psn3"), now)
    (change,) = directory.apply(record(5200, host="psn2", **AUTHENTICATION), now)
    session = get(directory, session_id)
    assert change.event == "session-reauthenticated"
    assert change.reason.endswith("makes psn2 the owner, it was psn1")
    assert (session.acs_server, session.last_acct_node) == ("psn2", "psn3")
    assert session.state is SessionState.STARTED


def test_a_renewed_authentication_keeps_state_and_birth(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    (change,) = directory.apply(record(5200, **AUTHENTICATION), now + MINUTE)
    session = get(directory, session_id)
    assert (change.event, session.opened_at) == ("session-reauthenticated", now)
    assert session.authenticated_at == now + MINUTE


def test_a_posture_report_before_the_start_makes_it_postured_until_the_start(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    postured, status = directory.apply(record(87000, **REPORT), now)
    assert (postured.event, status.event) == ("session-postured", "posture-status-changed")
    assert status.reason.endswith("says Compliant, it was Pending")
    assert get(directory, session_id).state is SessionState.POSTURED
    directory.apply(record(3000), now)
    assert get(directory, session_id).state is SessionState.STARTED


def test_a_posture_report_after_the_start_changes_the_status_alone(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3000), now)
    (change,) = directory.apply(record(87000, **REPORT), now + MINUTE)
    session = get(directory, session_id)
    assert change.event == "posture-status-changed"
    assert (session.state, session.posture_status) == (SessionState.STARTED, PostureStatus.COMPLIANT)
    assert (session.postured_at, session.posture_policy) == (now + MINUTE, "Antivirus")
    assert (session.posture_report, session.agent_version) == ("Antivirus;Passed;(...)", "5.1.18.314")
    assert (session.user_name, session.agent_user_name) == ("02-00-00-00-10-01", "alice")
    assert session.address == "127.0.10.1"


def test_an_address_from_accounting_outweighs_the_agents(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3000, Framed_IP_Address="127.0.10.7"), now)
    directory.apply(record(87000, **REPORT), now)
    assert get(directory, session_id).address == "127.0.10.7"


def test_a_dynamic_authorization_updates_status_and_profile(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    pushed = record(5205, PostureStatus="Compliant", SelectedAuthorizationProfiles="Full-Access")
    (change,) = directory.apply(pushed, now)
    session = get(directory, session_id)
    assert change.event == "posture-status-changed"
    assert (session.state, session.profile) == (SessionState.AUTHENTICATED, "Full-Access")
    assert session.posture_status is PostureStatus.COMPLIANT


def test_the_status_falls_back_where_a_new_authentication_says_so(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(87000, **REPORT), now)
    changes = directory.apply(record(5200, host="psn2", **AUTHENTICATION), now)
    assert [change.event for change in changes] == ["session-reauthenticated", "posture-status-changed"]
    assert get(directory, session_id).posture_word == "Pending"


def test_a_record_without_status_leaves_it(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(87000, **REPORT), now)
    directory.apply(record(3000), now)
    assert get(directory, session_id).posture_word == "Compliant"


@pytest.mark.parametrize("code", [3000, 3001, 3002, 5205, 87000])
def test_a_late_record_does_not_revive_a_terminated_session(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str, code: int
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3001), now)
    (change,) = directory.apply(record(code, PostureStatus="Compliant"), now + MINUTE)
    session = get(directory, session_id)
    assert (change.event, change.session) == ("record-ignored", None)
    assert "terminated" in change.reason
    assert (session.state, session.terminated_at) == (SessionState.TERMINATED, now)
    assert session.posture_word == "Pending"


def test_a_new_passed_authentication_revives_it_as_a_fresh_session(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3000, Acct_Session_Id="1"), now)
    directory.apply(record(87000, **REPORT), now)
    directory.apply(record(3001), now)
    (change,) = directory.apply(record(5200, host="psn2", **AUTHENTICATION), now + MINUTE)
    session = get(directory, session_id)
    assert change.event == "session-authenticated"
    assert "revives the terminated session" in change.reason
    assert (session.state, session.opened_at, session.acs_server) == (
        SessionState.AUTHENTICATED,
        now + MINUTE,
        "psn2",
    )
    assert (session.started_at, session.terminated_at, session.acct_session_id) == (None, None, "")
    assert session.posture_word == "Pending"
    assert len(directory) == 1


@pytest.mark.parametrize("code", [3000, 3001, 3002, 5205, 87000, 87001])
def test_no_other_record_creates_a_session(
    directory: SessionDirectory, record: Maker, now: datetime, code: int
) -> None:
    (change,) = directory.apply(record(code, Calling_Station_ID="02-00-00-00-10-01"), now)
    assert (change.event, change.mac) == ("record-ignored", MAC)
    assert "not known here" in change.reason
    assert len(directory) == 0


@pytest.mark.parametrize("code", [5232, 5400, 5405, 5413, 5417, 5419, 3003, 87500, 87501])
def test_dacl_downloads_failures_and_the_rest_are_passed_over(
    directory: SessionDirectory, record: Maker, now: datetime, code: int
) -> None:
    assert directory.apply(record(code, **AUTHENTICATION), now) == []
    assert len(directory) == 0


@pytest.mark.parametrize("code", [3000, 3002])
def test_a_setting_lets_accounting_create_a_poor_session(
    record: Maker, now: datetime, session_id: str, code: int
) -> None:
    directory = SessionDirectory(accounting_creates_sessions=True)
    start = record(code, UserName="alice", Calling_Station_ID="02-00-00-00-10-01")
    (change,) = directory.apply(start, now)
    session = get(directory, session_id)
    assert change.event == "session-started"
    assert (session.state, session.started_at) == (SessionState.STARTED, now)
    assert (session.acs_server, session.last_acct_node, session.mac) == ("", "psn1", MAC)
    assert (session.user_name, session.posture_word) == ("alice", "")
    directory.apply(record(3001), now)
    assert directory.apply(record(code), now)[0].event == "record-ignored"


def test_a_stop_for_an_unknown_session_creates_none_even_so(record: Maker, now: datetime) -> None:
    directory = SessionDirectory(accounting_creates_sessions=True)
    directory.apply(record(3001), now)
    assert len(directory) == 0


def test_a_record_that_names_no_session_is_told_and_ignored(
    directory: SessionDirectory, record: Maker, now: datetime
) -> None:
    (change,) = directory.apply(record(5200, session_id=""), now)
    assert (change.event, change.session_id) == ("record-ignored", "")
    assert "names no session" in change.reason


def test_sessions_are_found_by_mac_address_user_and_agents_user(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3000, Framed_IP_Address="127.0.10.1"), now)
    directory.apply(record(87000, **REPORT), now)
    session = get(directory, session_id)
    assert all(directory.find_by_mac(mac) is session for mac in (MAC, "02-00-00-00-10-01", "0200.0000.1001"))
    assert directory.find_by_address("127.0.10.1") is session
    assert directory.find_by_user("alice") is session
    assert directory.find_by_user("02-00-00-00-10-01") is session
    assert directory.find("nobody") is None
    assert directory.find_by_mac("02:00:00:00:99:99") is None
    assert directory.find_by_mac("") is None
    assert directory.find_by_address("") is None
    assert directory.find_by_user("") is None


def test_an_address_that_moved_on_finds_nothing_any_more(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    directory.apply(record(3000, Framed_IP_Address="127.0.10.1"), now)
    directory.apply(record(3002, Framed_IP_Address="127.0.10.2"), now)
    assert directory.find_by_address("127.0.10.1") is None
    assert directory.find_by_address("127.0.10.2") is directory.find(session_id)


def test_of_several_sessions_the_live_one_with_the_latest_news_is_found(
    directory: SessionDirectory, record: Maker, now: datetime
) -> None:
    for minute, name in enumerate(("A", "B", "C")):
        directory.apply(record(5200, session_id=name, **AUTHENTICATION), now + minute * MINUTE)
    directory.apply(record(3001, session_id="C"), now + 5 * MINUTE)
    found = directory.find_by_mac(MAC)
    assert found is not None
    assert found.session_id == "B"
    assert [session.session_id for session in directory.list_by_mac(MAC)] == ["A", "B", "C"]
    assert [session.session_id for session in directory.list_sessions()] == ["A", "B", "C"]


def test_a_removed_session_is_found_by_nothing(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    session = directory.find(session_id)
    assert directory.remove(session_id) is session
    assert directory.remove(session_id) is None
    assert (directory.find(session_id), directory.find_by_mac(MAC)) == (None, None)
    assert list(directory) == []


def test_beyond_the_limit_the_session_longest_without_news_goes(record: Maker, now: datetime) -> None:
    directory = SessionDirectory(limit=2)
    for name in ("A", "B"):
        directory.apply(record(5200, session_id=name), now)
    directory.apply(record(3002, session_id="A"), now)
    _, change = directory.apply(record(5200, session_id="C"), now)
    assert (change.event, change.session_id) == ("session-removed", "B")
    assert [session.session_id for session in directory] == ["A", "C"]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SessionDirectory(limit=0)


def test_a_view_is_plain_and_complete(
    directory: SessionDirectory, record: Maker, now: datetime, session_id: str
) -> None:
    directory.apply(record(5200, **AUTHENTICATION), now)
    view = get(directory, session_id).snapshot()
    assert (view["state"], view["posture_status"], view["mac"]) == ("Authenticated", "Pending", MAC)
    assert (view["opened_at"], view["started_at"]) == (now.isoformat(), None)
    assert view.keys() == set(MonitoredSession.__slots__) - {"authentication_record", "accounting_record"}


CODES = st.sampled_from(sorted(CATALOGUE))
WORDS = st.sampled_from(["", "A", "B", "02-00-00-00-10-01", "127.0.10.1", "Compliant", "Unknown", "CACS:A:x"])
KEYS = st.sampled_from(
    ["Class", "UserName", "Calling-Station-ID", "Framed-IP-Address", "PostureStatus", "SessionId", "cisco-av-pair"]
)


STORIES = st.lists(
    st.tuples(CODES, WORDS, st.lists(st.tuples(KEYS, WORDS | st.text(max_size=20)), max_size=5)), max_size=40
)


@given(story=STORIES, creates=st.booleans())
def test_any_story_keeps_states_and_look_ups_true(
    record: Maker, now: datetime, *, story: list[tuple[int, str, list[tuple[str, str]]]], creates: bool
) -> None:
    directory = SessionDirectory(accounting_creates_sessions=creates, limit=3)
    for minute, (code, session_id, pairs) in enumerate(story):
        directory.apply(record(code, *pairs, session_id=session_id), now + minute * MINUTE)
        assert len(directory) <= 3
    for session in directory:
        assert directory.find(session.session_id) is session
        assert not session.mac or session in directory.list_by_mac(session.mac)
        assert not session.address or directory.find_by_address(session.address) is not None
        assert (session.terminated_at is not None) is (session.state is SessionState.TERMINATED)
        assert session.state is not SessionState.STARTED or session.started_at is not None
        directory.remove(session.session_id)
    assert directory.list_sessions() == []
    assert directory.find_by_mac("02:00:00:00:10:01") is None
    assert directory.find_by_user("A") is None
