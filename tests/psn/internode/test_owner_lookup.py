"""Whose session it is: the directory first where there is one, MNT by MAC where it does not know."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.record import RecordState, SessionRecord
from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime
from psn.config import PeerNode
from psn.internode.mnt_client import MntClient
from psn.internode.owner_lookup import Owner, OwnerLookup, OwnerSource, UnknownOwner

if TYPE_CHECKING:
    from tests.psn.bench import Bench
    from tests.psn.internode import BuildTls
    from tests.psn.scripted_mnt import ScriptedMnt

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MAC = "02:00:00:00:10:01"
SESSION_ID = "7F000301000000010000ABCD"
PEER = PeerNode(name="psn1", fqdn="psn1.lab.test", address="127.0.1.1", port=9443)
OWNER = Owner(
    name="psn1",
    fqdn="psn1.lab.test",
    address="127.0.1.1",
    session_id=SESSION_ID,
    mac=MAC,
    source=OwnerSource.DIRECTORY,
)
RECORD = SessionRecord(
    session_id=SESSION_ID,
    mac=MAC,
    psn="psn1",
    psn_ip="127.0.1.1",
    psn_fqdn="psn1.lab.test",
    state=RecordState.STARTED,
    version=1,
    authenticated_at=NOW,
    at=NOW,
)


class House:
    """The look-ups of psn2, its directory and its journal."""

    def __init__(self, bench: Bench, mnt: ScriptedMnt, build_tls: BuildTls) -> None:
        self.config = replace(bench.config, name="psn2", fqdn="psn2.lab.test", address="127.0.1.2", peers=(PEER,))
        self.journal = Journal(bench.clock)
        self.runtime = Runtime(node="psn2", clock=bench.clock, random=random.Random(1), journal=self.journal)
        self.directory = RadiusSessionDirectory()
        self.tls = build_tls("127.0.1.2").client
        self.apis = (mnt.api,)

    async def find(self, *, era: Era = Era.DIRECTORY, **wanted: Any) -> Owner | UnknownOwner:
        mnt = MntClient(self.apis, tls=self.tls, address="127.0.1.2", observe=self.runtime.observe)
        lookup = OwnerLookup(replace(self.config, era=era), self.runtime, directory=self.directory, mnt=mnt)
        return await lookup.find(**wanted)

    @property
    def records(self) -> list[JournalRecord]:
        return list(self.journal)


@pytest.fixture
def house(bench: Bench, mnt: ScriptedMnt, build_tls: BuildTls) -> House:
    return House(bench, mnt, build_tls)


@pytest.mark.parametrize("wanted", [{"session_id": SESSION_ID}, {"macs": [MAC]}])
@pytest.mark.parametrize("era", [Era.DIRECTORY, Era.POSTURE_SHARING])
async def test_the_directory_spares_the_call_to_mnt(
    house: House, mnt: ScriptedMnt, era: Era, wanted: dict[str, Any]
) -> None:
    """posture.md 7: its purpose."""
    house.directory.merge(RECORD)
    assert await house.find(era=era, **wanted) == OWNER
    assert mnt.asked == []
    (record,) = house.records
    assert (record.event, record.reason) == ("owner-found", "psn1 owns the session, says the directory")
    assert record.facts == {"session_id": SESSION_ID, "mac": MAC, "owner": "psn1", "source": "directory"}


async def test_before_the_directory_only_mnt_knows(house: House, mnt: ScriptedMnt) -> None:
    house.directory.merge(replace(RECORD, psn="psn9"))
    mnt.name_owner("psn1")
    assert await house.find(era=Era.OFF, macs=[MAC]) == replace(OWNER, source=OwnerSource.MNT)
    assert [record.event for record in house.records] == ["owner-found"]
    assert house.records[0].facts["source"] == "mnt"


async def test_mnt_is_the_fallback_for_what_the_directory_lacks(house: House, mnt: ScriptedMnt) -> None:
    mnt.name_owner("psn1")
    assert await house.find(session_id=SESSION_ID, macs=[MAC]) == replace(OWNER, source=OwnerSource.MNT)


async def test_mnt_may_name_this_node_itself(house: House, mnt: ScriptedMnt) -> None:
    mnt.name_owner("psn2")
    found = await house.find(macs=[MAC])
    assert isinstance(found, Owner)
    assert (found.name, found.address) == ("psn2", "127.0.1.2")


@pytest.mark.parametrize(
    ("server", "session_id", "reason"),
    [
        ("psn9", SESSION_ID, "mnt1 names 'psn9', which is no node of this deployment"),
        ("psn1", "ANOTHER", f"the directory has no such session; mnt1 knows another session of {MAC}"),
    ],
)
async def test_what_mnt_says_may_not_help(
    house: House, mnt: ScriptedMnt, server: str, session_id: str, reason: str
) -> None:
    mnt.name_owner(server, session_id)
    assert await house.find(session_id=SESSION_ID, macs=[MAC]) == UnknownOwner(reason)
    assert [(record.event, record.reason) for record in house.records] == [("owner-unknown", reason)]


async def test_nobody_knows(house: House) -> None:
    reason = "the directory has no such session; mnt1: Session data is not available."
    assert await house.find(macs=[MAC]) == UnknownOwner(reason)
    (record,) = house.records
    assert (record.event, record.reason, dict(record.facts)) == (
        "owner-unknown",
        reason,
        {"session_id": "", "mac": MAC},
    )


async def test_mnt_cannot_be_asked_by_session_id(house: House, mnt: ScriptedMnt) -> None:
    found = await house.find(session_id=SESSION_ID)
    assert isinstance(found, UnknownOwner)
    assert found.reason.endswith("MNT can be asked by MAC only, and none is known")
    assert mnt.asked == []


async def test_a_stopped_session_has_no_owner(house: House) -> None:
    house.directory.merge(replace(RECORD, state=RecordState.STOPPED, version=2))
    assert isinstance(await house.find(session_id=SESSION_ID, macs=[MAC]), UnknownOwner)
