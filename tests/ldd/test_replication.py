"""Replicas on links: what reaches them, what damages them, how they make up for what they missed, what they forget."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldd.directory import LIFETIME, TOMBSTONE_LIFETIME
from ldd.record import LAST_VERSION, TOPIC, RecordState, SessionRecord, encode_record
from ldd.replication import DIGEST_TOPIC, EXPIRY_INTERVAL, SYNC_TOPIC
from tests.ldd.conftest import NOW
from tests.ldd.replica_node import SESSION, Deployment, ReplicaNode, list_tombstones, tell

if TYPE_CHECKING:
    from tests.ldd.conftest import BuildRecord


def hold(node: ReplicaNode) -> list[object]:
    """Tell everything that a node's replica holds."""
    return [node.rsd.list_sessions(), list_tombstones(node.rsd), dict(node.rsd.digest.shares)]


def authenticate(node: ReplicaNode, *session_ids: str) -> None:
    for session_id in session_ids:
        node.publisher.authenticated(replace(SESSION, session_id=session_id))


def test_a_merged_record_has_its_record_in_the_journal_with_the_line_of_lsd_log() -> None:
    """Source of the line: posture.md 7."""

    async def story(lab: Deployment) -> None:
        authenticate(lab.psn1, "one")
        await lab.settle()
        (record,) = lab.mnt1.list_records("rsd-merged")
        assert record.reason == "psn1 tells of its session"
        assert (record.facts["session_id"], record.facts["owner"], record.facts["version"]) == ("one", "psn1", 1)
        log = "cisco.cpm.lsd.service.SessionConsumer -:::- Consumer is processing : sessionId:[one]"
        assert record.facts["log"] == log
        assert lab.psn1.list_records("rsd-merged") == []

    tell(story)


@pytest.mark.parametrize("topic", [TOPIC, SYNC_TOPIC, DIGEST_TOPIC])
@pytest.mark.parametrize("damaged", [None, [], {}, {"asks": []}, {"asks": {"a": [[0, True, 1]]}}, {"to": 1}])
def test_a_damaged_record_changes_nothing_but_the_journal(topic: str, damaged: object) -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.link.publish(topic, "damaged", json.dumps(damaged).encode())
        authenticate(lab.psn1, "one")
        await lab.settle()
        assert hold(lab.psn2) == hold(lab.psn1)
        (record,) = lab.psn2.list_records("rsd-record-refused")
        assert record.facts["from"] == "psn1"
        assert record.reason.startswith("not a ")
        assert lab.mnt1.list_records("rsd-resync-answered") == []
        assert lab.psn2.replication.statistics.refused == 1

    tell(story)


def test_a_node_that_joins_later_is_told_everything_tombstones_too() -> None:
    async def story(lab: Deployment) -> None:
        await lab.mnt1.stop()
        authenticate(lab.psn1, *(str(number) for number in range(1200)))
        authenticate(lab.psn2, "other")
        lab.psn1.publisher.stopped("7")
        await lab.settle()
        assert len(lab.mnt1.rsd) == 0, "a node that stops forgets"
        await lab.mnt1.start()
        await lab.settle()
        assert hold(lab.mnt1) == hold(lab.psn1) == hold(lab.psn2)
        assert len(lab.mnt1.rsd) == 1200
        for owner, count in ((lab.psn1, 1200), (lab.psn2, 1)):
            (answer,) = owner.list_records("rsd-resync-answered")
            why = f"other replicas hold other records of {owner.runtime.node}"
            assert (answer.reason, answer.facts) == (why, {"records": count}), "each tells its own"
        assert sum(int(str(record.facts["records"])) for record in lab.mnt1.list_records("rsd-resynced")) == 1201
        assert lab.mnt1.list_records("rsd-resync-answered") == []

    tell(story)


def test_what_happened_on_both_sides_of_a_cut_is_known_on_both_when_it_is_mended() -> None:
    async def story(lab: Deployment) -> None:
        authenticate(lab.psn1, "one", "two")
        await lab.settle()
        lab.broker.cut("psn1")
        lab.psn1.publisher.stopped("one")
        authenticate(lab.psn1, "three")
        lab.clock.advance(seconds=1)
        authenticate(lab.psn2, "two", "four")
        await lab.settle()
        assert hold(lab.psn1) != hold(lab.psn2)
        lab.broker.restore("psn1")
        await lab.settle()
        assert hold(lab.psn1) == hold(lab.psn2) == hold(lab.mnt1)
        assert {record.session_id: record.psn for record in lab.psn1.rsd.list_sessions()} == {
            "two": "psn2",
            "three": "psn1",
            "four": "psn2",
        }

    tell(story)


def test_a_replica_that_misses_records_asks_for_them() -> None:
    async def story(lab: Deployment) -> None:
        for number in range(500):
            authenticate(lab.psn1, str(number))
            await asyncio.sleep(0)
        lab.psn2.link.forget_queue()
        await lab.settle()
        authenticate(lab.psn1, "last")
        await lab.settle()
        assert len(lab.psn2.list_records("rsd-resync-asked")) == 2
        assert hold(lab.psn2) == hold(lab.psn1)

    tell(story)


def test_replicas_that_agree_tell_each_other_nothing_again() -> None:
    async def story(lab: Deployment) -> None:
        authenticate(lab.psn1, "one")
        await lab.settle()
        lab.broker.cut("psn2")
        lab.broker.restore("psn2")
        await lab.settle()
        assert len(lab.psn2.list_records("rsd-resync-asked")) == 2
        assert [node.list_records("rsd-resync-answered") for node in lab.nodes] == [[], [], []]

    tell(story)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("authenticate"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.just("stop"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.sampled_from(("cut", "restore")), st.integers(0, 2), st.just(0)),
        st.tuples(st.sampled_from(("fail", "recover", "wait")), st.just(0), st.just(0)),
        st.tuples(st.just("restart"), st.integers(0, 2), st.just(0)),
    ),
    max_size=25,
)


async def take(lab: Deployment, step: tuple[str, int, int]) -> None:
    what, number, session = step
    node = lab.nodes[number]
    lab.clock.advance(seconds=1)
    match what:
        case "authenticate":
            authenticate(node, str(session))
        case "stop":
            node.publisher.stopped(str(session))
        case "cut" | "restore":
            getattr(lab.broker, what)(node.runtime.node)
        case "fail" | "recover":
            getattr(lab.broker, what)()
        case "restart":
            await node.stop()
            await node.start()
        case _:
            await asyncio.sleep(0.15)


@settings(max_examples=100)
@given(steps)
def test_replicas_become_equal_whatever_was_cut_and_when(history: list[tuple[str, int, int]]) -> None:
    async def story(lab: Deployment) -> None:
        for step in history:
            await take(lab, step)
        lab.broker.recover()
        for node in lab.nodes:
            lab.broker.restore(node.runtime.node)
        await lab.settle()
        assert hold(lab.psn1) == hold(lab.psn2) == hold(lab.mnt1)

    tell(story)


@given(
    held=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 5), st.integers(1, 3)), max_size=20)
)
def test_replicas_that_hold_anything_become_equal_when_one_of_them_asks(held: list[tuple[int, int, int, int]]) -> None:
    """The asker, too, may hold what others lack; nobody else's link changes."""

    async def story(lab: Deployment) -> None:
        for node, owner, session, version in held:
            record = build(psn=f"psn{owner}", session_id=str(session), version=version)
            lab.nodes[node].rsd.merge(record)
        lab.broker.cut("psn1")
        lab.broker.restore("psn1")
        await lab.settle()
        assert hold(lab.psn1) == hold(lab.psn2) == hold(lab.mnt1)
        for node in lab.nodes:
            assert len(node.list_records("rsd-resync-asked")) <= 2
            assert len(node.list_records("rsd-resync-answered")) <= 4, "it comes to an end"

    def build(**changes: Any) -> SessionRecord:
        values: dict[str, Any] = {"psn_ip": "", "psn_fqdn": "", "state": RecordState.STARTED}
        return SessionRecord(**values | changes, authenticated_at=NOW, at=NOW)

    tell(story)


def test_sessions_that_nobody_speaks_of_are_forgotten_everywhere_by_their_owner_too() -> None:
    async def story(lab: Deployment) -> None:
        authenticate(lab.psn1, "old")
        await lab.settle()
        lab.clock.instant = NOW + LIFETIME
        authenticate(lab.psn1, "new")
        await asyncio.sleep(EXPIRY_INTERVAL.total_seconds())
        for node in lab.nodes:
            assert [record.session_id for record in node.rsd.list_sessions()] == ["new"]
            assert [record.facts["session_id"] for record in node.list_records("rsd-expired")] == ["old"]

    tell(story)


def test_a_tombstone_goes_after_a_day_also_where_nothing_happens() -> None:
    async def story(lab: Deployment) -> None:
        authenticate(lab.psn1, "one")
        lab.psn1.publisher.stopped("one")
        await lab.settle()
        lab.clock.instant = NOW + TOMBSTONE_LIFETIME
        await asyncio.sleep(EXPIRY_INTERVAL.total_seconds())
        assert [list_tombstones(node.rsd) for node in lab.nodes] == [[], [], []]

    tell(story)


def test_a_record_past_its_lifetime_is_not_taken(build_record: BuildRecord) -> None:
    async def story(lab: Deployment) -> None:
        old = build_record(at=-LIFETIME / timedelta(seconds=1))
        for topic in (TOPIC, SYNC_TOPIC):
            lab.psn1.link.publish(topic, "old", encode_record(old))
        await lab.settle()
        assert len(lab.psn2.rsd) == lab.psn2.replication.statistics.refused == 0

    tell(story)


@pytest.mark.parametrize(
    "changes",
    [{"version": LAST_VERSION + 1}, {"authenticated": 90_000}, {"at": 90_000}],
    ids=["version", "authenticated at", "at"],
)
@pytest.mark.parametrize("topic", [TOPIC, SYNC_TOPIC])
def test_a_record_that_could_not_be_outdone_is_refused(
    build_record: BuildRecord, topic: str, changes: dict[str, Any]
) -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.link.publish(topic, "far", encode_record(build_record(**changes)))
        await lab.settle()
        assert len(lab.psn2.rsd) == 0
        assert len(lab.psn2.list_records("rsd-record-refused")) == 1
        lab.psn1.link.publish(topic, "near", encode_record(build_record(version=LAST_VERSION, authenticated=80_000)))
        await lab.settle()
        lab.psn2.publisher.authenticated(replace(SESSION, session_id=build_record().session_id))
        assert lab.psn2.rsd.list_sessions()[0].psn == "psn2", "its next owner outdoes what was taken"

    tell(story)


def test_the_delay_of_what_was_told_as_it_happened_is_known(build_record: BuildRecord) -> None:
    async def story(lab: Deployment) -> None:
        statistics = lab.psn2.replication.statistics
        assert statistics.median_delay is statistics.p99_delay is None
        lab.psn1.link.publish(SYNC_TOPIC, "again", encode_record(build_record(session_id="again", at=-3600)))
        for number in range(1, 101):
            record = build_record(session_id=str(number), at=-number)
            lab.psn1.link.publish(TOPIC, record.session_id, encode_record(record))
        await lab.settle()
        assert statistics.merged == 101
        assert (statistics.median_delay, statistics.p99_delay) == (timedelta(seconds=50), timedelta(seconds=99))

    tell(story)


def test_a_stopped_node_is_told_no_more_and_stops_twice_in_peace() -> None:
    async def story(lab: Deployment) -> None:
        await lab.psn2.replication.stop()
        authenticate(lab.psn1, "one")
        lab.psn1.link.publish(SYNC_TOPIC, "damaged", b"{}")
        lab.psn1.link.publish(DIGEST_TOPIC, "damaged", b"{}")
        await lab.settle()
        await lab.psn2.replication.stop()
        assert len(lab.psn2.rsd) == 0
        assert lab.psn2.list_records("rsd-record-refused") == []

    tell(story)
