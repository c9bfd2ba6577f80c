"""Which ports of a topology's nodes the doctor looks at, and where control APIs should be. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from posturelab.assembly import build_switch_config, list_clients
from posturelab.doctor.sight import ControlSight, Place, Service, Target
from posturelab.topology.model import Node, Topology
from posturelab.topology.nodes import MntNode, PsnNode, SwitchNode, WebNode
from radius.client_table import ClientTable

UNSEEN = frozenset({"syslog"})
"""Ports that never answer; whether they are bound, only the node can tell."""

_SERVICES = {
    "authentication": Service.STATUS,
    "accounting": Service.STATUS,
    "portal": Service.TLS,
    "posture": Service.TLS,
    "internode": Service.TLS,
    "api": Service.REST,
    "coa": Service.COA,
    "coa-rfc5176": Service.COA,
}
"""How ports are spoken to, by use; a connection is all that is asked of any other."""


def list_places(topology: Topology, given: Sequence[str], usual: Sequence[str] = ()) -> list[Place]:
    """List where control APIs should be: those that are given and no others, else the topology's.

    `usual` are those of the environment. They stand for the whole lab's, and keep nobody from being asked: in a
    container it is the node's own. One of a lab whose port is chosen at start is not among the topology's.
    """
    if given:
        return [Place(url=url, given=True) for url in given]
    control = topology.control
    whole = [Place(url=f"http://{_reach(control.address)}:{control.port}")] if control.port else []
    own = []
    if control.node_port:
        nodes = topology.nodes.items()
        own = [Place(url=f"http://{node.address}:{control.node_port}", node=name) for name, node in nodes]
    if usual:
        known = {place.url for place in own}
        whole = [Place(url=url, given=True) for url in usual if url not in known]
    return [*whole, *own]


def list_declared(topology: Topology, name: str) -> dict[str, int]:
    """List the ports that a topology gives a node, by the uses that the node itself tells; 0 is chosen at start."""
    return dict(_list_ports(topology, topology.nodes[name]))


def list_targets(topology: Topology, controls: Sequence[ControlSight]) -> list[Target]:
    """List every port that can be asked, at the address and by the number that a node has told, if it has."""
    addresses = {name: address for control in controls for name, address in control.addresses.items()}
    bound = {name: ports for control in controls for name, ports in control.ports.items()}
    devices = ClientTable(list_clients(topology))
    targets = []
    for name, node in topology.nodes.items():
        address = addresses.get(name, node.address)
        build = partial(Target, node=name, address=address, server_name=topology.fqdn(name))
        clients = devices
        if isinstance(node, SwitchNode):
            clients = ClientTable(build_switch_config(topology, name).dynamic_author_clients)
        if isinstance(node, MntNode):
            build = partial(build, user=node.api_user, password=node.api_password)
        for use, declared in list_declared(topology, name).items():
            port = bound.get(name, {}).get(use, declared)
            if port and use not in UNSEEN:
                service = _SERVICES.get(use.removesuffix("-legacy"), Service.TCP)
                targets.append(build(use=use, port=port, service=service, clients=clients))
    return targets


def _list_ports(topology: Topology, node: Node) -> Iterator[tuple[str, int]]:
    match node:
        case PsnNode(ports=ports):
            yield from _name("authentication", ports.authentication)
            yield from _name("accounting", ports.accounting)
            yield from (("portal", ports.portal), ("posture", ports.posture), ("internode", ports.internode))
        case MntNode():
            yield from (("syslog", node.syslog_port), ("api", node.api_port))
        case SwitchNode():
            yield from (("coa", node.coa_port), ("coa-rfc5176", node.coa_rfc_port))
            yield from ((f"proxy {name}", port.proxy_port) for name, port in node.access_ports.items())
        case WebNode():
            yield "http", topology.http_port


def _name(use: str, ports: Iterable[int]) -> Iterator[tuple[str, int]]:
    """Name a pair of ports as a node does."""
    return ((use + ("-legacy" if number else ""), port) for number, port in enumerate(ports))


def _reach(address: str) -> str:
    """Turn an address to listen on into one to ask."""
    return "127.0.0.1" if address == "0.0.0.0" else address
