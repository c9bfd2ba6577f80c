"""Port 0: a free port is chosen for every one, and none twice."""

from __future__ import annotations

from posturelab.port_assignment import assign_ports
from posturelab.topology.model import Topology
from posturelab.topology.nodes import MntNode, PsnNode, SwitchNode
from tests.posturelab.documents import load_topology


def list_ports(topology: Topology) -> list[int]:
    ports = [topology.http_port]
    for psn in topology.select(PsnNode).values():
        ports += [*psn.ports.authentication, *psn.ports.accounting]
        ports += [psn.ports.portal, psn.ports.posture, psn.ports.internode]
    for mnt in topology.select(MntNode).values():
        ports += [mnt.syslog_port, mnt.api_port]
    for switch in topology.select(SwitchNode).values():
        ports += [switch.coa_port, switch.coa_rfc_port]
        ports += [port.proxy_port for port in switch.access_ports.values()]
    return ports


def test_every_zero_gets_a_port(campus: Topology) -> None:
    assert set(list_ports(campus)) == {0}
    assert 0 not in list_ports(assign_ports(campus))


def test_a_port_that_is_given_stays() -> None:
    assert list_ports(assign_ports(load_topology())) == list_ports(load_topology())
