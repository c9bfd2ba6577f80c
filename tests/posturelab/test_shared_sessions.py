"""Light data distribution in a whole lab: what every node's replica holds at the stations of the story."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from ldd.directory import RadiusSessionDirectory
from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus
from posturelab.lab import Lab
from posturelab.observation.snapshot import describe_lab
from tests.ldd.replica_node import list_tombstones


def list_replicas(lab: Lab) -> list[RadiusSessionDirectory]:
    return [node.rsd for node in (*lab.psns.values(), *lab.mnts.values())]


def list_shared(lab: Lab) -> list[SessionRecord]:
    """List the sessions, on which all replicas must agree."""
    first, *others = (replica.list_sessions() for replica in list_replicas(lab))
    assert len(others) == 2
    assert all(other == first for other in others)
    return first


async def test_every_replica_holds_the_session_with_its_posture_status(lab: Lab) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)
    (record,) = list_shared(lab)
    (session,) = lab.psns["psn1"].sessions
    assert record.session_id == session.session_id
    assert (
        (record.mac, record.addresses)
        == (session.mac, session.addresses)
        == (
            "02:00:00:00:10:01",
            (lab.topology.nodes["laptop1"].address,),
        )
    )
    assert (record.psn, record.psn_ip, record.psn_fqdn) == ("psn1", lab.psns["psn1"].address, "psn1.lab.test")
    assert (record.state, record.posture_status) == (RecordState.STARTED, PostureStatus.COMPLIANT)
    assert record.acct_session_id == session.acct_session_id != ""


async def test_a_stop_empties_every_replica_and_leaves_equal_tombstones(lab: Lab) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)
    await lab.get_endpoint("laptop1").unplug()
    await asyncio.sleep(10)
    assert list_shared(lab) == []
    first, *others = (list_tombstones(replica) for replica in list_replicas(lab))
    assert [record.state for record in first] == [RecordState.STOPPED]
    assert all(other == first for other in others)


async def test_the_snapshot_lists_every_replica_and_only_compliant_is_shared(lab: Lab) -> None:
    await lab.get_endpoint("laptop2").plug()
    await asyncio.sleep(10)
    told = describe_lab(lab)
    assert list(told["rsd"]) == ["psn1", "psn2", "mnt1"]
    for (record,) in told["rsd"].values():
        assert (record["mac"], record["state"]) == ("02:00:00:00:10:02", "Started")
        assert record["posture_status"] is None
    assert told["replication"]["psn2"]["merged"] == told["replication"]["mnt1"]["merged"] > 0
    assert told["replication"]["psn2"]["refused"] == 0


async def test_a_reset_empties_every_replica(lab: Lab) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)
    await lab.reset()
    assert list_shared(lab) == []


async def test_an_outage_is_one_alarm_with_its_instant_whether_mnt_was_there_or_not(lab: Lab) -> None:
    assert lab.broker is not None
    begun = []
    for is_there in (True, False):
        if not is_there:
            await lab.stop_node("mnt1")
        begun.append(lab.clock.now())
        lab.faults.cut_link("psn1")
        await asyncio.sleep(60)
        if not is_there:
            await lab.start_node("mnt1")
        assert len(lab.mnts["mnt1"].alarms.rows) == 1
        lab.faults.restore_link("psn1")
        await asyncio.sleep(60)
    alarms = lab.mnts["mnt1"].alarms.rows
    assert [(alarm.server, alarm.code) for alarm in alarms] == [("psn1", 61056)] * 2
    delays = [alarm.event_at - instant for alarm, instant in zip(alarms, begun, strict=True)]
    assert all(timedelta(milliseconds=-1) < delay <= timedelta() for delay in delays), "to the millisecond"
