"""The page on networks shows topologies that load, and starts every node of its machines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from posturelab.reading.document import Document
from posturelab.topology.file import open_topology, read_topology
from posturelab.topology.model import Topology
from posturelab.topology.nodes import PsnNode
from radius.client_table import ClientTable
from tests.posturelab.documents import parse_document

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
CLIENTS, TWO_MACHINES = re.findall(r"(?ms)^```yaml\n(.*?)^```", PAGE)


@pytest.fixture
def two_machines() -> Topology:
    return read_topology(parse_document(TWO_MACHINES, file="two-machines.yaml"))


def test_the_example_of_clients_that_share_an_address_loads() -> None:
    over = Document("page.yaml", {"over": parse_document(CLIENTS, file="page.yaml").content}, {})
    topology = read_topology(open_topology("campus").merge(over, "over"))
    clients = ClientTable(entry.build(name) for name, entry in topology.radius.clients.items())
    assert str(clients.find_shared("172.30.86.1")) == "172.30.86.1/32"


def test_every_node_of_the_two_machines_is_started_on_one_of_them(two_machines: Topology) -> None:
    started = re.findall(r"(?m)^    posturelab node (\S+) --topology two-machines.yaml$", PAGE)
    assert sorted(started) == sorted(two_machines.nodes)


def test_every_machine_has_a_broker_and_devices_find_both_nodes(two_machines: Topology) -> None:
    assert len(two_machines.broker.list_urls()) == 2
    portals = {node.address for node in two_machines.select(PsnNode).values()}
    lines = two_machines.policy.dacls["POSTURE-PENDING"]
    assert {address for address in portals if f"permit tcp any host {address}" in lines} == portals


def test_settings_and_files_that_the_page_names_exist() -> None:
    keys = set(re.findall(r"(?m)^\| `(\w+)` \|", (ROOT / "docs" / "topology.md").read_text(encoding="utf-8")))
    named = {"wildcard_network", "coa_host", "coa_port", "node_port", "proxy_port", "event_timestamp_window", "urls"}
    assert all(f"`{key}`" in PAGE for key in named)
    assert named <= keys
    for path in re.findall(r"\bdeploy/[\w./-]*\w", PAGE):
        assert (ROOT / path).exists(), path
