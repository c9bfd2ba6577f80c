"""What a lab or a node knows, as JSON."""

from __future__ import annotations

import asyncio
import json

import pytest

from posturelab.lab import Lab
from posturelab.observation.snapshot import describe_lab, describe_node

SHARED = {"rsd", "replication", "link"}
KNOWN = {
    "psn1": {"sessions", "endpoint_attributes"} | SHARED,
    "mnt1": {"sessions", "live_log", "accounting", "alarms"} | SHARED,
    "switch1": {"access_ports"},
    "web1": set(),
}


@pytest.mark.parametrize("name", KNOWN)
async def test_a_node_tells_what_its_kind_knows(lab: Lab, name: str) -> None:
    await lab.get_endpoint("laptop1").plug()
    await asyncio.sleep(10)
    told = describe_node(lab.nodes[name], lab.topology, now=lab.clock.now(), link=lab.links.get(name))
    assert set(told) == {"node", "kind", "now"} | KNOWN[name]
    assert json.loads(json.dumps(told)) == told
    assert all(told[key] for key in KNOWN[name] - {"endpoint_attributes", "alarms"})


async def test_a_lab_tells_attributes_and_alarms(lab: Lab) -> None:
    assert lab.broker is not None
    lab.psns["psn1"].endpoints.set_attribute("02:00:00:00:10:01", "PostureExpiry", "1")
    await asyncio.sleep(1)
    lab.broker.cut("psn2", reason="somebody has cut it")
    await asyncio.sleep(1)
    told = describe_lab(lab)
    assert json.dumps(told)
    for attributes in told["endpoint_attributes"].values():
        assert [(row["name"], row["value"], row["node"]) for row in attributes] == [("PostureExpiry", "1", "psn1")]
    assert [alarm["server"] for alarm in told["mnts"]["mnt1"]["alarms"]] == ["psn2"]
    assert told["links"]["psn2"]["state"] == "degraded"
    assert told["replication"].keys() == {"psn1", "psn2", "mnt1"}
