"""The replica: which record counts, what is found, what is forgotten."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.digest import BUCKETS, find_bucket
from ldd.directory import RadiusSessionDirectory
from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus
from tests.ldd.conftest import NOW, session_record
from tests.ldd.replica_node import list_tombstones

if TYPE_CHECKING:
    from tests.ldd.conftest import BuildRecord

MAC = "02:00:00:00:10:01"


@pytest.fixture
def directory() -> RadiusSessionDirectory:
    return RadiusSessionDirectory()


@st.composite
def histories(draw: st.DrawFn) -> list[SessionRecord]:
    """Draw what several owners may have said of a few sessions; one owner's records of a session differ in version."""
    said = draw(
        st.dictionaries(
            st.tuples(
                st.sampled_from(("one", "two", "three")),
                st.integers(0, 3),
                st.sampled_from(("psn1", "psn2", "psn3")),
                st.integers(1, 4),
            ),
            st.tuples(st.sampled_from(RecordState), st.sampled_from(("", MAC, "02:00:00:00:10:02")), st.integers(0, 9)),
            max_size=20,
        )
    )
    return [
        SessionRecord(
            session_id=session_id,
            mac=mac,
            addresses=(f"127.0.10.{authenticated}",),
            psn=psn,
            psn_ip="",
            psn_fqdn="",
            state=state,
            version=version,
            authenticated_at=NOW + timedelta(seconds=authenticated),
            at=NOW + timedelta(seconds=at),
        )
        for (session_id, authenticated, psn, version), (state, mac, at) in said.items()
    ]


def tell(directory: RadiusSessionDirectory) -> list[object]:
    """Tell everything that can be asked of a replica."""
    return [
        directory.list_sessions(),
        list_tombstones(directory),
        len(directory),
        dict(directory.digest.shares),
        *(directory.find_by_mac(mac) for mac in ("", MAC, "02:00:00:00:10:02")),
        *(directory.find_by_address(f"127.0.10.{number}") for number in range(4)),
    ]


def expire(directory: RadiusSessionDirectory, now: datetime) -> list[SessionRecord]:
    return [record for records in directory.expire(now) for record in records]


@given(history=histories(), chance=st.randoms(use_true_random=False))
def test_any_order_with_repeats_gives_equal_replicas(history: list[SessionRecord], chance: random.Random) -> None:
    told = RadiusSessionDirectory()
    for record in history:
        told.merge(record)
    other = RadiusSessionDirectory()
    for record in chance.sample(history * 3, len(history) * 3):
        other.merge(record)
    assert tell(other) == tell(told)


@given(history=histories())
def test_indexes_know_the_active_sessions_and_no_others(history: list[SessionRecord]) -> None:
    directory = RadiusSessionDirectory()
    for record in history:
        directory.merge(record)
    assert len(directory) == len(directory.list_sessions())
    for record in directory.list_sessions():
        assert directory.find(record.session_id) == record
        assert directory.find_owner(record.session_id) == record.psn
        assert directory.find_by_address(record.addresses[0]) is not None
        assert (directory.find_by_mac(record.mac) is not None) is bool(record.mac)
    for record in list_tombstones(directory):
        assert directory.find(record.session_id) is directory.find_owner(record.session_id) is None
    expire(directory, NOW + timedelta(days=30))
    assert tell(directory) == tell(RadiusSessionDirectory())


def test_the_owners_newest_version_wins(directory: RadiusSessionDirectory, build_record: BuildRecord) -> None:
    newest = build_record(version=3, posture_status=PostureStatus.COMPLIANT)
    assert directory.merge(newest)
    assert not directory.merge(newest)
    assert not directory.merge(build_record(version=2, posture_status=PostureStatus.UNKNOWN))
    assert directory.find(newest.session_id) == newest


def test_a_later_authentication_elsewhere_takes_the_session_over(
    directory: RadiusSessionDirectory, build_record: BuildRecord
) -> None:
    directory.merge(build_record(version=7))
    takeover = build_record(psn="psn2", version=1, authenticated=60, at=60)
    assert directory.merge(takeover)
    assert not directory.merge(build_record(version=8, at=90)), "what the former owner still says counts no more"
    assert directory.find(takeover.session_id) == takeover


def test_a_stopped_session_is_gone_and_a_late_older_record_does_not_revive_it(
    directory: RadiusSessionDirectory, build_record: BuildRecord
) -> None:
    stopped = build_record(version=3, state=RecordState.STOPPED)
    directory.merge(build_record(version=1))
    directory.merge(stopped)
    assert not directory.merge(build_record(version=2))
    assert directory.find(stopped.session_id) is None
    assert directory.find_by_mac(stopped.mac) is directory.find_by_address(stopped.addresses[0]) is None
    assert list_tombstones(directory) == [stopped]
    assert directory.find_latest(stopped.session_id) == stopped


def test_a_session_authenticated_anew_after_its_stop_is_back(
    directory: RadiusSessionDirectory, build_record: BuildRecord
) -> None:
    directory.merge(build_record(version=3, state=RecordState.STOPPED))
    assert directory.merge(build_record(version=4, authenticated=60))
    assert len(directory) == 1


def test_an_endpoint_is_found_by_the_session_authenticated_last(
    directory: RadiusSessionDirectory, build_record: BuildRecord
) -> None:
    first, second, third = (build_record(session_id=str(number), authenticated=number) for number in range(3))
    for record in (second, third, first):
        directory.merge(record)
    assert directory.find_by_mac(MAC) == directory.find_by_address("127.0.10.1") == third
    directory.merge(replace(third, state=RecordState.STOPPED, version=2))
    assert directory.find_by_mac(MAC) == directory.find_by_address("127.0.10.1") == second


def test_the_newest_session_of_several_macs_is_found(
    directory: RadiusSessionDirectory, build_record: BuildRecord
) -> None:
    macs = [f"02:00:00:00:10:0{number}" for number in range(4)]
    records = [build_record(session_id=mac, mac=mac, authenticated=number) for number, mac in enumerate(macs)]
    for record in records:
        directory.merge(record)
    assert directory.find_newest(macs[:3]) == records[2]
    assert directory.find_newest(["02:00:00:00:10:99"]) is directory.find_newest([]) is None
    directory.merge(replace(records[2], state=RecordState.STOPPED, version=2))
    assert directory.find_newest(macs[:3]) == records[1]


@given(session_record())
def test_what_is_kept_is_found_again_to_the_last_member(record: SessionRecord) -> None:
    directory = RadiusSessionDirectory()
    directory.merge(record)
    assert directory.find_latest(record.session_id) == record


def test_the_records_of_some_owners_are_walked_while_others_come_and_go(
    directory: RadiusSessionDirectory, build_record: BuildRecord
) -> None:
    records = [build_record(session_id=str(number), psn=f"psn{number % 3}") for number in range(1800)]
    for record in records:
        directory.merge(record)
    steps = directory.walk({owner: set(range(BUCKETS)) for owner in ("psn0", "psn1")})
    first = next(steps)
    assert 0 < len(first) < 1200, "a step looks at a part"
    late = build_record(session_id="late", psn="psn0")
    directory.merge(late)
    moved = build_record(session_id="1797", psn="psn2", authenticated=1)
    directory.merge(moved)
    walked = [*first, *(record for step in steps for record in step)]
    kept = [record for record in records if record.psn != "psn2" and record.session_id != "1797"]
    assert sorted(walked, key=records.index) == kept


def test_the_records_of_some_buckets_are_walked(directory: RadiusSessionDirectory, build_record: BuildRecord) -> None:
    for number in range(1800):
        directory.merge(build_record(session_id=str(number), psn=f"psn{number % 3}"))
    parts = {"psn0": {7}, "psn1": {7, 200}}
    walked = [record for step in directory.walk(parts) for record in step]
    assert {(record.psn, find_bucket(record.session_id)) for record in walked} == {
        ("psn0", 7),
        ("psn1", 7),
        ("psn1", 200),
    }
    assert len(walked) == sum(count for part in directory.digest.select(parts).values() for count, _ in part.values())


def test_replicas_that_differ_tell_so_by_the_owners_concerned(build_record: BuildRecord) -> None:
    one, other = RadiusSessionDirectory(), RadiusSessionDirectory()
    for directory in (one, other):
        directory.merge(build_record(session_id="a"))
        directory.merge(build_record(session_id="b", psn="psn2"))
    assert one.digest.find_differing(other.digest.shares) == {}
    one.merge(build_record(session_id="b", psn="psn2", version=2))
    other.merge(build_record(session_id="c", psn="psn3"))
    differing = {"psn2": {find_bucket("b")}, "psn3": {find_bucket("c")}}
    assert one.digest.find_differing(other.digest.shares) == differing
    assert other.digest.find_differing(one.digest.shares) == differing


def test_a_changed_address_is_no_longer_found(directory: RadiusSessionDirectory, build_record: BuildRecord) -> None:
    directory.merge(build_record(addresses=("127.0.10.1",)))
    directory.merge(build_record(addresses=("127.0.10.9",), version=2))
    assert directory.find_by_address("127.0.10.1") is None
    assert directory.find_by_address("127.0.10.9") is not None


def test_age_removes_sessions_and_tombstones_each_in_its_time(build_record: BuildRecord) -> None:
    directory = RadiusSessionDirectory(lifetime=timedelta(hours=2), tombstone_lifetime=timedelta(hours=1))
    active = build_record(session_id="active")
    stopped = build_record(session_id="stopped", state=RecordState.STOPPED)
    directory.merge(active)
    directory.merge(stopped)
    assert expire(directory, NOW + timedelta(minutes=59)) == []
    assert expire(directory, NOW + timedelta(hours=1)) == [stopped]
    assert expire(directory, NOW + timedelta(minutes=119)) == []
    assert expire(directory, NOW + timedelta(hours=2)) == [active]
    assert tell(directory) == tell(RadiusSessionDirectory())


def test_a_cleared_replica_knows_nothing(directory: RadiusSessionDirectory, build_record: BuildRecord) -> None:
    directory.merge(build_record())
    directory.clear()
    assert tell(directory) == tell(RadiusSessionDirectory())
