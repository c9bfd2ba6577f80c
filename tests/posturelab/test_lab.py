"""A whole lab: birth, death, reset, and two of them in one process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nac.node.binding import AddressInUseError, bind_udp
from nac.node.journal import JournalRecord
from posturelab.lab import Lab
from posturelab.lab_error import UnknownNodeError
from posturelab.topology.model import Topology
from posturelab.topology.nodes import MntNode, PsnNode

PORT = "GigabitEthernet1/0/1"


async def plug_and_settle(lab: Lab, endpoint: str) -> None:
    await lab.get_endpoint(endpoint).plug()
    await asyncio.sleep(10)


async def test_nodes_are_born_in_a_fixed_order_with_the_ports_they_were_promised(lab: Lab) -> None:
    assert [node.kind for node in lab.nodes.values()] == ["mnt", "psn", "psn", "web", "switch", "endpoint", "endpoint"]
    for name, psn in lab.topology.select(PsnNode).items():
        assert lab.psns[name].ports == {
            "authentication": psn.ports.authentication[0],
            "authentication-legacy": psn.ports.authentication[1],
            "accounting": psn.ports.accounting[0],
            "accounting-legacy": psn.ports.accounting[1],
            "portal": psn.ports.portal,
            "posture": psn.ports.posture,
            "internode": psn.ports.internode,
        }
    mnt = lab.topology.select(MntNode)["mnt1"]
    assert lab.mnts["mnt1"].ports == {"syslog": mnt.syslog_port, "api": mnt.api_port}
    assert all(port for node in lab.nodes.values() for port in node.ports.values())


async def test_a_laptop_becomes_compliant(lab: Lab) -> None:
    await plug_and_settle(lab, "laptop1")
    assert lab.get_endpoint("laptop1").view().status == "Compliant"
    assert lab.switches["switch1"].access(PORT).summary == "open"


async def test_a_port_in_use_stops_the_birth_and_buries_the_born(campus: Topology, tmp_path: Path) -> None:
    lab = Lab(campus, seed=1, state_dir=tmp_path)
    port = lab.topology.select(PsnNode)["psn2"].ports.authentication[0]
    with bind_udp(campus.nodes["psn2"].address, port), pytest.raises(AddressInUseError):
        await lab.__aenter__()
    assert lab.psns["psn1"].ports == {}
    async with lab:
        assert lab.psns["psn2"].ports["authentication"] == port


async def test_a_reset_forgets_everything_but_ports_and_time(lab: Lab) -> None:
    await plug_and_settle(lab, "laptop1")
    before = {name: dict(node.ports) for name, node in lab.nodes.items()}
    now = lab.clock.now()
    await lab.reset()
    assert {name: dict(node.ports) for name, node in lab.nodes.items()} == before
    assert not lab.get_endpoint("laptop1").is_plugged
    assert len(lab.mnts["mnt1"].directory) == len(lab.psns["psn1"].sessions) == 0
    assert lab.clock.now() >= now
    await plug_and_settle(lab, "laptop1")
    assert lab.get_endpoint("laptop1").view().status == "Compliant"


async def test_resets_at_the_same_time_follow_each_other(lab: Lab) -> None:
    await asyncio.gather(lab.reset(), lab.reset())
    assert all(lab.is_running(name) for name in lab.nodes)
    await plug_and_settle(lab, "laptop1")
    assert lab.get_endpoint("laptop1").view().status == "Compliant"


async def test_a_laptop_whose_switch_restarts_begins_anew(lab: Lab) -> None:
    await plug_and_settle(lab, "laptop1")
    switch, laptop = lab.switches["switch1"], lab.get_endpoint("laptop1")
    first = switch.access(PORT).session_id
    await lab.restart_node("switch1")
    await asyncio.sleep(10)
    view = switch.access(PORT)
    assert (laptop.view().status, view.summary) == ("Compliant", "open")
    assert view.session_id != first
    messages = [record.reason for record in lab.journal if record.event == "agent-status"]
    assert "The network interface is down." in messages
    assert not [record for record in lab.journal if record.event == "accounting-stop"]
    held = {session.session_id for session in lab.psns["psn1"].sessions}
    assert held == {first, view.session_id}, "nobody has told the node that the first one is over"


async def test_a_laptop_whose_switch_stays_down_knows_that_it_has_no_link(lab: Lab) -> None:
    await plug_and_settle(lab, "laptop1")
    laptop = lab.get_endpoint("laptop1")
    await lab.stop_node("switch1")
    assert laptop.view().status == "Not connected"
    mark = len(lab.journal)
    await laptop.rescan()
    await asyncio.sleep(3600)
    assert laptop.view().status == "Not connected"
    assert laptop.view().message == "The network interface is down."
    assert lab.switches["switch1"].access(PORT).summary == "closed"
    told = {(record.node, record.event) for record in list(lab.journal)[mark:] if record.node != "mnt1"}
    assert told == {("laptop1", "agent-status")}, "neither the switch nor the agent sends anything"


async def test_a_switch_that_restarts_during_a_scan_breaks_it_off(lab: Lab) -> None:
    scanning = asyncio.Event()
    stop_listening = lab.journal.listen(lambda record: record.event == "agent-provisioned" and scanning.set())
    await lab.get_endpoint("laptop1").plug()
    async with asyncio.timeout(60):
        await scanning.wait()
    stop_listening()
    await lab.restart_node("switch1")
    assert not [record for record in lab.journal if record.event == "posture-interrupted"], "it has lost more than that"
    await asyncio.sleep(10)
    assert lab.get_endpoint("laptop1").view().status == "Compliant"
    assert lab.switches["switch1"].access(PORT).summary == "open"


async def test_two_labs_live_in_one_process(lab: Lab, campus: Topology, tmp_path: Path) -> None:
    async with Lab(campus, seed=2, state_dir=tmp_path / "other") as other:
        await asyncio.gather(plug_and_settle(lab, "laptop1"), plug_and_settle(other, "laptop2"))
        assert {record.node for record in lab.journal}.isdisjoint({"laptop2"})
        assert {record.node for record in other.journal}.isdisjoint({"laptop1"})
        assert lab.get_endpoint("laptop1").view().status == "Compliant"
        assert other.get_endpoint("laptop2").view().status == "Not Compliant"


async def test_a_name_nobody_has_is_refused_with_those_that_exist(lab: Lab) -> None:
    with pytest.raises(UnknownNodeError, match="no endpoint is called 'laptop9'; there are: laptop1, laptop2"):
        lab.get_endpoint("laptop9")
    with pytest.raises(UnknownNodeError, match="no node is called 'psn9'; there are: mnt1, psn1, psn2"):
        lab.get_node("psn9")


def test_the_seed_decides_what_happens_in_which_order(campus: Topology, tmp_path: Path) -> None:
    from posturelab.clock import LabLoop

    async def tell(seed: int) -> list[tuple[str, str, str]]:
        with TemporaryDirectory(dir=tmp_path) as folder:
            return await tell_in(Path(folder), seed)

    async def tell_in(folder: Path, seed: int) -> list[tuple[str, str, str]]:
        async with Lab(campus, seed=seed, state_dir=folder) as lab:
            await asyncio.gather(*(plug_and_settle(lab, name) for name in lab.endpoints))
            return [_strip(record) for record in lab.journal]

    def _strip(record: JournalRecord) -> tuple[str, str, str]:
        return record.node, record.event, str(record.facts.get("session_id"))

    def run(seed: int) -> list[tuple[str, str, str]]:
        with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
            return runner.run(tell(seed))

    assert run(1) == run(1)
    assert run(1) != run(2)


async def test_nodes_that_share_are_known_and_the_first_monitoring_node_is_the_one_that_counts(lab: Lab) -> None:
    assert list(lab.sharing) == ["psn1", "psn2", "mnt1"]
    assert sorted(lab.topology.list_sharing()) == sorted(lab.links) == sorted(lab.sharing)
    assert lab.find_monitor() is lab.mnts["mnt1"]
    lab.mnts.clear()
    assert lab.find_monitor() is None
