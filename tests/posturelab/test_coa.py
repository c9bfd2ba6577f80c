"""A CoA that somebody outside a node asks for: who is taken for the owner, and how long that one has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from posturelab.coa import RequestedCoa, find_mac, order_coa
from posturelab.lab import Lab
from posturelab.lab_error import ImpossibleActionError
from posturelab.topology.file import read_topology
from posturelab.topology.model import Topology
from psn.coa.order import CoaEnd, CoaOutcome
from tests.posturelab.conftest import build_campus, overlay

MAC = "02:00:00:00:10:01"


async def ask(lab: Lab, endpoint: str = MAC, psn: str = "") -> tuple[str, CoaOutcome]:
    return await order_coa(lab, RequestedCoa(endpoint=endpoint, psn=psn), cause="a test asks for it")


async def plug(lab: Lab) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)


async def test_the_directory_names_the_owner_of_what_mnt_does_not_know(lab: Lab) -> None:
    lab.faults.cut_link("mnt1")
    await plug(lab)
    assert [*lab.mnts["mnt1"].directory] == []
    asked, outcome = await ask(lab)
    assert (asked, outcome.node, outcome.code) == ("psn1", "psn1", CoaEnd.ACKNOWLEDGED)


async def test_mnt_names_the_owner_of_what_the_directory_lacks(lab: Lab) -> None:
    await plug(lab)
    for node in (*lab.psns.values(), *lab.mnts.values()):
        node.rsd.clear()
    assert (await ask(lab))[0] == "psn1"


async def test_a_replica_that_missed_the_end_of_a_session_names_nobody(lab: Lab) -> None:
    await plug(lab)
    lab.faults.cut_link("psn2")
    await lab.get_endpoint("laptop1").unplug()
    await asyncio.sleep(2)
    assert lab.psns["psn2"].rsd.find_by_mac(MAC) is not None
    lab.mnts.pop("mnt1")
    with pytest.raises(ImpossibleActionError, match=f"^no node is known to own a session of {MAC}$"):
        await ask(lab)


async def test_an_owner_takes_the_time_that_its_own_settings_give_the_device(tmp_path: Path) -> None:
    """An asker that gave up sooner would ship a failure of its own beside the owner's: one CoA with two ends."""
    impatient = {"nodes": {"psn2": {"coa_timeout": "500ms", "coa_retransmits": 0}}}
    topology = read_topology(overlay(build_campus(), impatient))
    async with Lab(topology, seed=1, state_dir=tmp_path) as lab:
        await plug(lab)
        lab.faults.freeze("switch1")
        asked, outcome = await ask(lab, "laptop1", psn="psn2")
        await asyncio.sleep(20)
        assert (asked, outcome.node, outcome.code) == ("psn2", "psn1", CoaEnd.NO_REPLY)
        assert [record.node for record in lab.journal if record.event == "coa-failed"] == ["psn1"]
        failures = [row.server for row in lab.mnts["mnt1"].live_log.rows if row.failure_reason]
        assert failures == ["psn1"]


def test_whose_session_is_meant_is_said_by_name_or_mac(campus: Topology) -> None:
    assert find_mac(campus, "laptop1") == find_mac(campus, "0200.0000.1001") == MAC
    sentence = "^'laptop9' is neither a MAC address nor an endpoint of this lab: laptop1, laptop2$"
    with pytest.raises(ValueError, match=sentence):
        find_mac(campus, "laptop9")
