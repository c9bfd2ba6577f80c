"""Owners on a bus, their replicas, and who may speak of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ldd.bus import EmbeddedBus
from ldd.directory import RadiusSessionDirectory
from ldd.publisher import Owner, OwnSession, SessionPublisher
from ldd.record import RecordState
from ldd.replication import Replication
from nac.posture import PostureStatus
from nac.runtime import Runtime
from tests.ldd.conftest import NOW

if TYPE_CHECKING:
    from tests.ldd.conftest import HandClock

SESSION = OwnSession(
    session_id="7F000301000000010000ABCD",
    mac="02:00:00:00:10:01",
    calling_station_id="02-00-00-00-10-01",
    addresses=(),
    nas_ip="127.0.3.1",
    state=RecordState.AUTHENTICATED,
    posture_status=PostureStatus.UNKNOWN,
    acct_session_id="",
)
STARTED = replace(SESSION, state=RecordState.STARTED, addresses=("127.0.10.1",), acct_session_id="00000001")
COMPLIANT = replace(STARTED, posture_status=PostureStatus.COMPLIANT)


class Node:
    """A publisher and a replica on a bus."""

    def __init__(self, runtime: Runtime, bus: EmbeddedBus) -> None:
        self.rsd = RadiusSessionDirectory()
        owner = Owner(name=runtime.node, address="127.0.1.1", fqdn=f"{runtime.node}.lab.test")
        self.publisher = SessionPublisher(owner, runtime, directory=self.rsd, bus=bus)
        self.replication = Replication(runtime, directory=self.rsd, bus=bus)
        self.replication.start()


@pytest.fixture
async def bus() -> EmbeddedBus:
    bus = EmbeddedBus()
    await bus.start()
    return bus


BuildNode = Callable[[str], Node]


@pytest.fixture
def build_node(build_runtime: Callable[[str], Runtime], bus: EmbeddedBus) -> BuildNode:
    return lambda name: Node(build_runtime(name), bus)


async def test_a_session_is_known_everywhere_from_authentication_to_stop(
    build_node: BuildNode, clock: HandClock
) -> None:
    psn1, psn2 = build_node("psn1"), build_node("psn2")
    psn1.publisher.authenticated(SESSION)
    clock.advance(seconds=1)
    psn1.publisher.changed(STARTED)
    psn1.publisher.changed(COMPLIANT)
    await asyncio.sleep(0)
    (record,) = psn2.rsd.list_sessions()
    assert psn1.rsd.list_sessions() == [record]
    assert (record.psn, record.psn_fqdn, record.version) == ("psn1", "psn1.lab.test", 3)
    assert (record.authenticated_at, record.at) == (NOW, NOW + timedelta(seconds=1))
    assert (record.state, record.addresses) == (RecordState.STARTED, ("127.0.10.1",))
    assert record.posture_status is PostureStatus.COMPLIANT
    psn1.publisher.stopped(SESSION.session_id)
    await asyncio.sleep(0)
    assert psn1.rsd.list_sessions() == psn2.rsd.list_sessions() == []
    assert psn1.rsd.list_tombstones() == psn2.rsd.list_tombstones() != []


async def test_what_has_not_changed_is_not_published(build_node: BuildNode) -> None:
    psn1 = build_node("psn1")
    psn1.publisher.authenticated(SESSION)
    assert psn1.publisher.changed(SESSION) is None


async def test_one_who_never_authenticated_a_session_is_silent_about_it(build_node: BuildNode) -> None:
    psn1, psn2 = build_node("psn1"), build_node("psn2")
    psn1.publisher.authenticated(SESSION)
    await asyncio.sleep(0)
    assert psn2.publisher.changed(COMPLIANT) is psn2.publisher.stopped(SESSION.session_id) is None
    assert psn2.publisher.changed(replace(SESSION, session_id="unknown")) is None


async def test_a_fail_over_moves_the_session_and_silences_the_former_owner(build_node: BuildNode) -> None:
    psn1, psn2 = build_node("psn1"), build_node("psn2")
    psn1.publisher.authenticated(SESSION)
    await asyncio.sleep(0)
    psn2.publisher.authenticated(SESSION)
    await asyncio.sleep(0)
    assert psn1.publisher.changed(COMPLIANT) is psn1.publisher.stopped(SESSION.session_id) is None
    assert psn1.rsd.list_sessions() == psn2.rsd.list_sessions()
    assert psn1.rsd.list_sessions()[0].psn == "psn2"


async def test_a_known_owner_whose_clock_is_ahead_is_outdone(build_node: BuildNode, clock: HandClock) -> None:
    psn1, psn2 = build_node("psn1"), build_node("psn2")
    clock.advance(hours=1)
    psn1.publisher.authenticated(SESSION)
    await asyncio.sleep(0)
    clock.advance(hours=-1)
    psn2.publisher.authenticated(SESSION)
    await asyncio.sleep(0)
    assert psn1.rsd.list_sessions() == psn2.rsd.list_sessions()
    assert psn1.rsd.list_sessions()[0].psn == "psn2"


async def test_a_session_that_was_stopped_can_be_authenticated_again(build_node: BuildNode) -> None:
    psn1, psn2 = build_node("psn1"), build_node("psn2")
    psn1.publisher.authenticated(SESSION)
    psn1.publisher.stopped(SESSION.session_id)
    psn1.publisher.authenticated(SESSION)
    await asyncio.sleep(0)
    assert len(psn2.rsd) == 1


async def test_every_publication_has_its_record_in_the_journal(
    build_node: BuildNode, build_runtime: Callable[[str], Runtime]
) -> None:
    psn1 = build_node("psn1")
    psn1.publisher.authenticated(SESSION)
    psn1.publisher.stopped(SESSION.session_id)
    journal = build_runtime("psn1").journal
    assert [(record.event, record.facts["state"], record.facts["version"]) for record in journal] == [
        ("rsd-published", "Authenticated", 1),
        ("rsd-published", "Stopped", 2),
    ]


async def test_a_stopped_node_has_forgotten_and_is_told_no_more(build_node: BuildNode, bus: EmbeddedBus) -> None:
    psn1, psn2 = build_node("psn1"), build_node("psn2")
    psn1.publisher.authenticated(SESSION)
    await asyncio.sleep(0)
    psn2.replication.stop()
    psn2.replication.stop()
    psn1.publisher.changed(COMPLIANT)
    await asyncio.sleep(0)
    assert len(psn2.rsd) == 0
