"""Faults between the nodes of a lab, on virtual time: what others meet, what the node keeps, what is told."""

from __future__ import annotations

import asyncio
import random
import ssl
from datetime import timedelta

import pytest

from nac.node.journal import JournalRecord
from nad_emulator.access_view import AccessView
from posturelab.faults import OUTSIDE
from posturelab.lab import Lab
from posturelab.lab_error import ImpossibleActionError, UnknownNodeError
from posturelab.observation.facts import observe_endpoint
from posturelab.topology.nodes import PsnNode
from psn.coa.order import CoaCommand
from radius.client import NoResponseError, Peer, RadiusClient
from radius.packet import Code
from radius.retransmission import Retransmission
from radius.secret import Secret

PORT = "GigabitEthernet1/0/1"
ONCE = Retransmission.every(timedelta(seconds=1), 0)


def find(lab: Lab, event: str, **facts: object) -> list[JournalRecord]:
    return [record for record in lab.journal if record.event == event and facts.items() <= record.facts.items()]


async def plug(lab: Lab, seconds: float = 60) -> AccessView:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(seconds)
    return lab.switches["switch1"].access(PORT)


async def ask(lab: Lab, name: str = "psn1") -> float:
    """Ask a node for its status from outside; returns how long the answer took, raises `NoResponseError`."""
    node = lab.topology.select(PsnNode)[name]
    client = RadiusClient(host="127.0.0.1", random=random.Random(1), observe=lambda *_: None)
    peer = Peer(host=node.address, port=node.ports.authentication[0], secret=Secret("testing123"))
    now = asyncio.get_running_loop().time
    begun = now()
    try:
        await client.exchange(peer, Code.STATUS_SERVER, [], retransmission=ONCE)
    finally:
        client.close()
    return now() - begun


async def connect(lab: Lab) -> None:
    """Begin TLS with the portal of psn1; raises `TimeoutError` where nothing comes back."""
    port = lab.psns["psn1"].ports["portal"]
    context = ssl.create_default_context(cafile=str(lab.authority.certificate_path))
    async with asyncio.timeout(3):
        _, writer = await asyncio.open_connection(lab.psns["psn1"].address, port, ssl=context)
    writer.close()
    await writer.wait_closed()


async def test_a_node_cut_off_is_passed_over_and_keeps_what_it_knew(lab: Lab) -> None:
    assert (await plug(lab)).server == "psn1"
    held = list(lab.psns["psn1"].sessions)
    lab.faults.cut("psn1")
    lab.switches["switch1"].reauthenticate(PORT)
    await asyncio.sleep(60)
    assert lab.switches["switch1"].access(PORT).server == "psn2"
    assert list(lab.psns["psn1"].sessions) == held
    assert find(lab, "datagram-lost", **{"from": "switch1", "to": "psn1"})
    assert find(lab, "fault-begun", fault="cut", name="psn1")


async def test_a_node_that_is_restored_is_as_good_as_before(lab: Lab) -> None:
    lab.faults.cut("psn1")
    lab.faults.restore("psn1")
    assert (await plug(lab)).server == "psn1"
    assert observe_endpoint(lab, "laptop1").agent == "Compliant"
    assert not find(lab, "datagram-lost")
    assert find(lab, "queue-link-restored")


async def test_connections_to_a_node_cut_off_hang_and_nobody_else_is_concerned(lab: Lab) -> None:
    await connect(lab)
    lab.faults.cut("psn1")
    with pytest.raises(TimeoutError):
        await connect(lab)
    with pytest.raises(NoResponseError):
        await ask(lab)
    await ask(lab, "psn2")
    lab.faults.restore("psn1")
    await connect(lab)


async def test_what_a_node_cut_off_sends_is_lost(lab: Lab) -> None:
    await plug(lab)
    lab.faults.cut("psn1")
    outcome = await lab.psns["psn1"].coa_for(
        mac=observe_endpoint(lab, "laptop1").mac, command=CoaCommand.REAUTHENTICATE_LAST, cause="a test"
    )
    assert not outcome.acknowledged
    assert find(lab, "datagram-lost", **{"from": "psn1", "to": "switch1"})


async def test_a_node_that_hangs_answers_what_waits_when_it_goes_on(lab: Lab) -> None:
    lab.faults.freeze("psn1")
    asking = asyncio.ensure_future(ask(lab))
    connecting = asyncio.ensure_future(connect(lab))
    await asyncio.sleep(0.5)
    assert not asking.done()
    lab.faults.thaw("psn1")
    assert await asking == pytest.approx(0.5)
    await connecting
    assert find(lab, "datagram-held", **{"from": OUTSIDE, "to": "psn1"})


async def test_a_node_that_hangs_sends_nothing_until_it_goes_on(lab: Lab) -> None:
    await plug(lab)
    acknowledged = len(find(lab, "coa-acknowledged", client="psn1"))
    lab.faults.freeze("psn1")
    mac = observe_endpoint(lab, "laptop1").mac
    sending = asyncio.ensure_future(
        lab.psns["psn1"].coa_for(mac=mac, command=CoaCommand.REAUTHENTICATE_LAST, cause="a test")
    )
    await asyncio.sleep(2)
    assert len(find(lab, "coa-acknowledged", client="psn1")) == acknowledged
    lab.faults.thaw("psn1")
    assert (await sending).acknowledged


async def test_a_leg_loses_a_share_that_the_seed_decides(lab: Lab) -> None:
    lab.faults.leg(OUTSIDE, "psn1", drop=0.5)
    results = await asyncio.gather(*(ask(lab) for _ in range(40)), return_exceptions=True)
    lost = sum(isinstance(result, NoResponseError) for result in results)
    assert 10 <= lost <= 30
    assert len(find(lab, "datagram-lost")) == lost
    lab.faults.leg(OUTSIDE, "psn1")
    await asyncio.gather(*(ask(lab) for _ in range(10)))


async def test_a_leg_is_one_direction_and_delays_what_it_does_not_lose(lab: Lab) -> None:
    lab.faults.leg(OUTSIDE, "psn1", delay=timedelta(milliseconds=200))
    assert await ask(lab) == pytest.approx(0.2)
    lab.faults.leg("psn1", OUTSIDE, delay=timedelta(milliseconds=300))
    assert await ask(lab) == pytest.approx(0.5)
    assert await ask(lab, "psn2") == pytest.approx(0)


async def test_a_lost_answer_is_sent_again_to_a_repeated_request(lab: Lab) -> None:
    lab.faults.leg("psn1", "switch1", drop=1)
    assert (await plug(lab)).server == "psn2"
    assert len(find(lab, "access-accept")) == 2
    assert find(lab, "radius-duplicate")


async def test_syslog_suffers_too(lab: Lab) -> None:
    lab.faults.leg("psn2", "mnt1", drop=1)
    lab.faults.cut_link("psn2")
    await asyncio.sleep(1)
    assert not find(lab, "alarm-raised")
    lab.faults.restore_link("psn2")
    assert find(lab, "fault-ended", fault="link", name="psn2")


async def test_a_link_stays_down_until_every_fault_of_it_is_over(lab: Lab) -> None:
    lab.faults.cut_link("psn1")
    lab.faults.cut("psn1")
    lab.faults.restore_link("psn1")
    assert not find(lab, "queue-link-restored")
    lab.faults.restore("psn1")
    assert len(find(lab, "queue-link-restored")) == 1


async def test_a_lab_that_ends_or_begins_anew_has_no_faults(lab: Lab) -> None:
    lab.faults.freeze("psn1")
    lab.faults.cut("mnt1")
    lab.faults.leg("switch1", "psn2", drop=1)
    await lab.reset()
    assert (await plug(lab)).server == "psn1"
    assert not find(lab, "fault-ended")


async def test_a_node_that_hangs_can_be_restarted(lab: Lab) -> None:
    lab.faults.freeze("psn1")
    await lab.restart_node("psn1")
    lab.faults.thaw("psn1")
    assert (await plug(lab)).server == "psn1"


async def test_a_node_restarted_forgets_its_sessions(lab: Lab) -> None:
    await plug(lab)
    await lab.restart_node("psn1")
    assert not list(lab.psns["psn1"].sessions)
    await lab.stop_node("psn1")
    await lab.restart_node("psn1")
    assert lab.psns["psn1"].ports


async def test_unknown_names_are_told_the_known_ones(lab: Lab) -> None:
    with pytest.raises(UnknownNodeError, match="no node is called 'psn9'; there are: mnt1, psn1, psn2, web1, switch1"):
        lab.faults.cut("psn9")
    with pytest.raises(UnknownNodeError, match="no node is called 'psn9'"):
        lab.faults.leg("switch1", "psn9", drop=0.1)
    with pytest.raises(UnknownNodeError, match="no node with a link is called 'switch1'; there are: mnt1, psn1, psn2"):
        lab.faults.cut_link("switch1")


async def test_what_cannot_be_is_refused(lab: Lab) -> None:
    with pytest.raises(ImpossibleActionError, match="psn1 is not under this fault: cut"):
        lab.faults.restore("psn1")
    lab.faults.freeze("psn1")
    with pytest.raises(ImpossibleActionError, match="psn1 is under a fault already: freeze"):
        lab.faults.cut("psn1")
    with pytest.raises(ValueError, match="drop is a share from 0 to 1, not 20"):
        lab.faults.leg("switch1", "psn1", drop=20)
    with pytest.raises(ValueError, match="nothing arrives before it is sent"):
        lab.faults.leg("switch1", "psn1", delay=timedelta(seconds=-1))


async def test_nodes_that_are_apart_come_back_before_legs_and_links(lab: Lab) -> None:
    lab.faults.cut_link("psn2")
    lab.faults.leg("switch1", "psn1", drop=1)
    lab.faults.cut("psn1")
    lab.faults.end()
    assert [record.facts["fault"] for record in find(lab, "fault-ended")] == ["cut", "leg", "link"]
