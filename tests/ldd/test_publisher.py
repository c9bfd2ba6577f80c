"""Owners on a link, their replicas, and who may speak of a session."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ldd.directory import REFRESH_INTERVAL
from ldd.era import Era
from ldd.record import RecordState
from ldd.replication import EXPIRY_INTERVAL
from nac.posture import PostureStatus
from tests.ldd.conftest import NOW
from tests.ldd.replica_node import SESSION, Deployment, list_tombstones, tell

STARTED = replace(SESSION, state=RecordState.STARTED, addresses=("127.0.10.1", "::1"), acct_session_id="00000001")
COMPLIANT = replace(STARTED, posture_status=PostureStatus.COMPLIANT)


def test_a_session_is_known_everywhere_from_authentication_to_stop() -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        lab.clock.advance(seconds=1)
        lab.psn1.publisher.changed(STARTED)
        lab.psn1.publisher.changed(replace(COMPLIANT, nas_ipv6="::3"))
        await lab.settle()
        (record,) = lab.psn2.rsd.list_sessions()
        assert lab.psn1.rsd.list_sessions() == lab.mnt1.rsd.list_sessions() == [record]
        assert (record.psn, record.psn_fqdn, record.version) == ("psn1", "psn1.lab.test", 3)
        assert (record.authenticated_at, record.at) == (NOW, NOW + timedelta(seconds=1))
        assert (record.state, record.addresses) == (RecordState.STARTED, ("127.0.10.1", "::1"))
        assert (record.nas_ip, record.nas_ipv6) == ("127.0.3.1", "::3")
        assert record.posture_status is PostureStatus.COMPLIANT
        lab.psn1.publisher.stopped(SESSION.session_id)
        await lab.settle()
        assert [node.rsd.list_sessions() for node in lab.nodes] == [[], [], []]
        assert list_tombstones(lab.psn1.rsd) == list_tombstones(lab.psn2.rsd) != []

    tell(story)


@pytest.mark.parametrize(
    "changes",
    [
        {"mac": "02:00:00:00:10:09"},
        {"calling_station_id": "other"},
        {"addresses": ("127.0.10.9",)},
        {"nas_ip": "127.0.3.9"},
        {"nas_ipv6": "::9"},
        {"state": RecordState.STARTED},
        {"posture_status": PostureStatus.COMPLIANT},
        {"acct_session_id": "9"},
    ],
)
def test_every_member_that_changes_is_published(changes: dict[str, Any]) -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        record = lab.psn1.publisher.changed(replace(SESSION, **changes))
        assert record is not None
        assert {name: getattr(record, name) for name in changes} == changes

    tell(story)


def test_a_session_that_goes_on_is_not_forgotten_though_nothing_of_it_changes() -> None:
    """Every other day an interim: the default of IOS, `aaa accounting update periodic 2880`."""

    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(COMPLIANT)
        for _ in range(5):
            lab.clock.advance(days=2)
            lab.psn1.publisher.changed(COMPLIANT, goes_on=True)
            await asyncio.sleep(EXPIRY_INTERVAL.total_seconds() * 1.1)
        (record,) = lab.psn2.rsd.list_sessions()
        assert lab.psn1.rsd.list_sessions() == lab.mnt1.rsd.list_sessions() == [record]
        assert (record.at, record.authenticated_at) == (lab.clock.now(), NOW)
        assert record.posture_status is PostureStatus.COMPLIANT
        published = lab.psn1.list_records("rsd-published")
        assert {record.reason for record in published[1:]} == {"the session goes on: told again before it is forgotten"}

    tell(story)


@pytest.mark.parametrize("is_poor", [False, True], ids=["entry", "entry from accounting alone"])
def test_that_a_session_goes_on_is_told_seldom(is_poor: bool) -> None:  # noqa: FBT001
    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        told = 0
        for _ in range(48):
            lab.clock.advance(hours=1)
            if is_poor:
                told += lab.psn1.publisher.continued(SESSION.session_id) is not None
            else:
                told += lab.psn1.publisher.changed(SESSION, goes_on=True) is not None
        assert told == timedelta(hours=48) / REFRESH_INTERVAL

    tell(story)


def test_a_session_that_its_owner_forgot_and_that_goes_on_is_told_anew() -> None:
    """With the instant of its authentication: a node that authenticated it later, and is silent, is the owner still."""

    async def story(lab: Deployment) -> None:
        session = replace(COMPLIANT, authenticated_at=NOW)
        lab.psn1.publisher.authenticated(session)
        await lab.settle()
        lab.clock.advance(days=6)
        await asyncio.sleep(EXPIRY_INTERVAL.total_seconds() * 1.1)
        assert [len(node.rsd) for node in lab.nodes] == [0, 0, 0]
        assert lab.psn1.publisher.changed(session) is None
        assert lab.psn1.publisher.changed(replace(session, authenticated_at=None), goes_on=True) is None
        lab.psn1.publisher.changed(session, goes_on=True)
        await lab.settle()
        (record,) = lab.psn2.rsd.list_sessions()
        assert (record.psn, record.authenticated_at, record.posture_status) == ("psn1", NOW, PostureStatus.COMPLIANT)

    tell(story)


def test_one_who_is_not_the_owner_does_not_tell_that_a_session_goes_on() -> None:
    async def story(lab: Deployment) -> None:
        session = replace(SESSION, authenticated_at=NOW)
        lab.psn1.publisher.authenticated(session)
        lab.clock.advance(seconds=1)
        await lab.settle()
        lab.psn2.publisher.authenticated(session)
        await lab.settle()
        lab.clock.advance(days=2)
        assert lab.psn1.publisher.changed(session, goes_on=True) is None
        assert lab.psn1.publisher.continued(session.session_id) is None
        lab.psn2.publisher.stopped(session.session_id)
        await lab.settle()
        assert lab.psn1.publisher.changed(session, goes_on=True) is None, "a tombstone is news enough"
        assert lab.psn2.publisher.continued(session.session_id) is None

    tell(story)


def test_what_has_not_changed_is_not_published() -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        assert lab.psn1.publisher.changed(SESSION) is None

    tell(story)


@pytest.mark.parametrize("status", [None, *PostureStatus])
def test_of_posture_only_compliant_is_shared(status: PostureStatus | None) -> None:
    """Source: posture.md 6.4."""

    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(COMPLIANT)
        lab.psn1.publisher.changed(replace(COMPLIANT, posture_status=status))
        await lab.settle()
        (record,) = lab.psn2.rsd.list_sessions()
        assert record.posture_status is (status if status is PostureStatus.COMPLIANT else None)

    tell(story)


def test_no_posture_is_shared_by_a_directory_of_owners() -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        assert lab.psn1.publisher.changed(replace(SESSION, posture_status=PostureStatus.COMPLIANT)) is None
        assert lab.psn1.rsd.list_sessions()[0].posture_status is None

    tell(story, Deployment(era=Era.DIRECTORY))


def test_one_who_never_authenticated_a_session_is_silent_about_it() -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        await lab.settle()
        psn2 = lab.psn2.publisher
        assert psn2.changed(COMPLIANT) is psn2.stopped(SESSION.session_id) is None
        assert psn2.changed(replace(SESSION, session_id="unknown")) is None

    tell(story)


def test_a_fail_over_moves_the_session_and_silences_the_former_owner() -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        await lab.settle()
        lab.psn2.publisher.authenticated(SESSION)
        await lab.settle()
        assert lab.psn1.publisher.changed(COMPLIANT) is lab.psn1.publisher.stopped(SESSION.session_id) is None
        assert lab.psn1.rsd.list_sessions() == lab.psn2.rsd.list_sessions()
        assert lab.psn1.rsd.list_sessions()[0].psn == "psn2"
        (published,) = lab.psn2.list_records("rsd-published")
        assert published.reason == "authenticated here: this node takes the session over from psn1"
        (merged,) = lab.psn1.list_records("rsd-merged")
        assert merged.reason == "psn2 has taken the session over from psn1"

    tell(story)


def test_a_known_owner_whose_clock_is_ahead_is_outdone() -> None:
    async def story(lab: Deployment) -> None:
        lab.clock.advance(hours=1)
        lab.psn1.publisher.authenticated(SESSION)
        await lab.settle()
        lab.clock.advance(hours=-1)
        lab.psn2.publisher.authenticated(SESSION)
        await lab.settle()
        assert lab.psn1.rsd.list_sessions() == lab.psn2.rsd.list_sessions()
        assert lab.psn1.rsd.list_sessions()[0].psn == "psn2"

    tell(story)


def test_a_session_that_was_stopped_can_be_authenticated_again() -> None:
    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        lab.psn1.publisher.stopped(SESSION.session_id)
        lab.psn1.publisher.authenticated(SESSION)
        await lab.settle()
        assert len(lab.psn2.rsd) == 1

    tell(story)


def test_every_publication_has_its_record_in_the_journal_with_the_lines_of_lsd_log() -> None:
    """Source of the lines: posture.md 7."""

    async def story(lab: Deployment) -> None:
        lab.psn1.publisher.authenticated(SESSION)
        lab.psn1.publisher.stopped(SESSION.session_id)
        await asyncio.sleep(0)
        records = lab.psn1.list_records("rsd-published")
        told = [(record.facts["state"], record.facts["version"]) for record in records]
        assert told == [("Authenticated", 1), ("Stopped", 2)]
        mapping, publishing, forwarding = str(records[0].facts["log"]).splitlines()
        start, payload = mapping.split(" to session ")
        assert start == "cisco.cpm.lsd.service.LSDRedisClient -:::- Mapping Session ID 7F000301000000010000ABCD"
        assert json.loads(payload)["auditSessionID"] == SESSION.session_id
        assert publishing.startswith("cisco.cpm.lsd.service.LSDNetAccessEventListener -:::- ")
        assert forwarding.startswith("cisco.cpm.lsd.service.SessionPublisher -:::- For")

    tell(story)
