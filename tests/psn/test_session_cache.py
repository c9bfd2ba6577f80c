"""The rules P1 to P10 of posture.md 2.1, one by one: what makes, refreshes and ends an entry, and what does not.

The rules speak of the node, so they are shown through its RADIUS services; order of use and indexes are the cache's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from nac.posture import PostureStatus
from psn.session import Session
from psn.session_cache import Preference, SessionCache
from radius import attribute
from radius.packet import text

if TYPE_CHECKING:
    from tests.psn.bench import Bench, BuildBench
    from tests.psn.conftest import BuildNode

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MAC, OTHER_MAC = "02:00:00:00:10:01", "02:00:00:00:10:02"
ADDRESS = "127.0.10.1"


def make_session(session_id: str, mac: str = MAC, *addresses: str, age: int = 0) -> Session:
    created_at = NOW - timedelta(seconds=age)
    return Session(session_id=session_id, created_at=created_at, updated_at=created_at, mac=mac, addresses=addresses)


def list_ids(cache: SessionCache) -> list[str]:
    return [session.session_id for session in cache]


def test_p1_entry_holds_what_authentication_and_authorization_have_collected(bench: Bench) -> None:
    session = bench.authenticate()
    assert session.mac == MAC
    assert session.groups == ("Workstations",)
    assert session.method == "Lookup"
    assert session.nad == "switch1"
    assert session.nas_ip == "127.0.3.1"
    assert session.nas_port_id == "GigabitEthernet1/0/1"
    assert (session.rule, session.profile) == ("Posture pending", "Posture-Redirect")
    assert session.posture_status is PostureStatus.UNKNOWN
    assert session.awaits_posture


def test_p2_entry_of_one_node_is_unknown_to_another(build_bench: BuildBench) -> None:
    one, other = build_bench(), build_bench()
    one.authenticate()
    assert len(other.sessions) == 0


async def test_p3_restart_forgets_all_entries(build_node: BuildNode) -> None:
    node = build_node()
    await node.start()
    node.sessions.add(make_session("A", MAC, ADDRESS))
    await node.stop()
    await node.start()
    assert len(node.sessions) == 0
    assert node.sessions.find_by_mac([MAC]) is None
    assert node.sessions.find_by_address([ADDRESS]) is None


def test_p4_success_makes_an_entry_and_failure_does_not(bench: Bench) -> None:
    bench.ask(*bench.pap("alice", "wrong", session_id="A"))
    assert len(bench.sessions) == 0
    bench.ask(*bench.pap("alice", "lab-alice", session_id="A"))
    assert list_ids(bench.sessions) == ["A"]


def test_p4_refusal_by_the_profile_makes_no_entry(build_bench: BuildBench) -> None:
    bench = build_bench(rules=())
    bench.ask(*bench.mab())
    assert len(bench.sessions) == 0


def test_p5_interim_for_an_unknown_session_makes_an_entry(bench: Bench) -> None:
    bench.account(attribute.ACCT_INTERIM_UPDATE, bench.avpair("audit-session-id=A"))
    assert list_ids(bench.sessions) == ["A"]


@pytest.mark.parametrize("status", [attribute.ACCT_START, attribute.ACCT_INTERIM_UPDATE])
def test_p6_start_and_interim_refresh_a_known_entry(bench: Bench, status: int) -> None:
    session = bench.authenticate(session_id="A")
    bench.clock.advance(seconds=9)
    bench.account(
        status,
        bench.avpair("audit-session-id=A"),
        (attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, 1))),
        (attribute.ACCT_SESSION_ID, text("00000053")),
    )
    assert bench.sessions.find_by_address([ADDRESS]) is session
    assert session.addresses == (ADDRESS,)
    assert session.acct_session_id == "00000053"
    assert session.updated_at == NOW + timedelta(seconds=9)
    assert session.created_at == NOW


def test_p7_stop_removes_the_entry_here_and_nowhere_else(build_bench: BuildBench) -> None:
    one, other = build_bench(), build_bench()
    for bench in (one, other):
        bench.authenticate(session_id="A")
    one.account(attribute.ACCT_STOP, one.avpair("audit-session-id=A"))
    assert len(one.sessions) == 0
    assert list_ids(other.sessions) == ["A"]


def test_p8_least_recently_used_entry_goes_first_at_the_limit(build_bench: BuildBench) -> None:
    bench = build_bench(session_limit=3)
    for number in "ABC":
        bench.authenticate(session_id=number)
    bench.account(attribute.ACCT_INTERIM_UPDATE, bench.avpair("audit-session-id=A"))
    bench.authenticate(session_id="D")
    assert list_ids(bench.sessions) == ["C", "A", "D"]
    (evicted,) = bench.list_events("session-evicted")
    assert evicted.facts["session_id"] == "B"
    assert "the limit of 3 sessions" in evicted.reason


def test_p8_poor_entries_count_and_evict_too(build_bench: BuildBench) -> None:
    bench = build_bench(session_limit=1)
    bench.authenticate(session_id="A")
    bench.account(attribute.ACCT_INTERIM_UPDATE, bench.avpair("audit-session-id=B"))
    assert list_ids(bench.sessions) == ["B"]
    assert [record.facts["session_id"] for record in bench.list_events("session-evicted")] == ["A"]


@pytest.mark.parametrize("use", ["find", "find_by_mac", "find_by_address"])
def test_p8_every_way_of_finding_is_a_use(use: str) -> None:
    cache = SessionCache(limit=3)
    for number in range(3):
        cache.add(make_session(str(number), f"02:00:00:00:00:0{number}", f"127.0.10.{number}"))
    match use:
        case "find":
            cache.find("0")
        case "find_by_mac":
            cache.find_by_mac(["02:00:00:00:00:00"])
        case _:
            cache.find_by_address(["127.0.10.0"])
    evicted = cache.add(make_session("3"))
    assert evicted is not None
    assert evicted.session_id == "1"
    assert cache.evicted == 1


def test_p8_looking_without_using_changes_no_order() -> None:
    cache = SessionCache(limit=2)
    cache.add(make_session("0"))
    cache.add(make_session("1"))
    cache.peek("0")
    cache.list_by_mac(MAC)
    list(cache)
    evicted = cache.add(make_session("2"))
    assert evicted is not None
    assert evicted.session_id == "0"
    assert [session.session_id for session in cache.list_by_mac(MAC)] == ["1", "2"]


def test_p9_no_age_ends_an_entry(bench: Bench) -> None:
    bench.authenticate(session_id="A")
    bench.clock.advance(days=3650)
    bench.authenticate(mac=OTHER_MAC, session_id="B")
    assert list_ids(bench.sessions) == ["A", "B"]


def test_p10_entry_from_accounting_knows_no_groups_no_method_no_rule_and_no_status(bench: Bench) -> None:
    bench.account(
        attribute.ACCT_INTERIM_UPDATE,
        bench.avpair("audit-session-id=A"),
        (attribute.USER_NAME, b"alice"),
        (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01"),
        (attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, 1))),
        (attribute.ACCT_SESSION_ID, b"00000053"),
    )
    session = bench.sessions.find_by_mac([MAC])
    assert session is not None
    assert (session.user_name, session.mac, session.addresses) == ("alice", MAC, (ADDRESS,))
    assert session.acct_session_id == "00000053"
    assert session.groups is None
    assert session.posture_status is None
    assert (session.method, session.rule, session.profile) == ("", "", "")


@pytest.mark.parametrize(
    ("preference", "found"), [(Preference.MOST_RECENT, "used last"), (Preference.OLDEST_FIRST, "oldest")]
)
def test_setting_decides_which_of_several_entries_of_one_endpoint_answers(preference: Preference, found: str) -> None:
    cache = SessionCache(preference=preference)
    for session_id, age in (("used last", 20), ("oldest", 30), ("newest", 10)):
        cache.add(make_session(session_id, MAC, ADDRESS, age=age))
    cache.find("used last")
    for session in (cache.find_by_mac([MAC]), cache.find_by_address([ADDRESS])):
        assert session is not None
        assert session.session_id == found


def test_first_key_that_has_an_entry_decides() -> None:
    cache = SessionCache()
    cache.add(make_session("A", MAC))
    cache.add(make_session("B", OTHER_MAC))
    for macs, found in ((["02:00:00:00:00:99", OTHER_MAC, MAC], "B"), ([MAC, OTHER_MAC], "A")):
        session = cache.find_by_mac(macs)
        assert session is not None
        assert session.session_id == found
    assert cache.find_by_mac([]) is None


def test_indexes_follow_a_session_that_changes_its_endpoint_and_address() -> None:
    cache = SessionCache()
    session = make_session("A", MAC, ADDRESS)
    cache.add(session)
    cache.set_mac(session, OTHER_MAC)
    cache.set_addresses(session, ("127.0.10.2", "127.0.10.3"))
    assert cache.find_by_mac([MAC]) is None
    assert cache.find_by_address([ADDRESS]) is None
    assert cache.find_by_mac([OTHER_MAC]) is session
    assert cache.find_by_address(["127.0.10.3"]) is session
    cache.remove("A")
    assert cache.find_by_mac([OTHER_MAC]) is None
    assert cache.find_by_address(["127.0.10.2"]) is None


def test_session_that_is_not_kept_here_enters_no_index() -> None:
    cache = SessionCache()
    session = make_session("A", "")
    cache.set_mac(session, MAC)
    cache.set_addresses(session, (ADDRESS,))
    assert (session.mac, session.addresses) == (MAC, (ADDRESS,))
    assert cache.find_by_mac([MAC]) is None
    assert cache.find_by_address([ADDRESS]) is None


def test_session_that_loses_its_mac_is_not_found_by_the_empty_one() -> None:
    cache = SessionCache()
    session = make_session("A")
    cache.add(session)
    cache.set_mac(session, "")
    assert cache.find_by_mac([MAC, ""]) is None
    cache.set_mac(session, MAC)
    assert cache.find_by_mac([MAC]) is session


def test_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SessionCache(limit=0)
