"""Chooses a free port wherever a topology says 0, before any node is told of another's ports; how ports are spelled."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from nac.node.binding import AddressInUseError, bind_tcp, bind_udp
from posturelab.topology.model import Node, Topology
from posturelab.topology.nodes import AccessPortEntry, MntNode, PsnNode, SwitchNode, WebNode

CANDIDATES = range(20_000, 32_768)
"""Below the ports that systems hand out by themselves, so that no client takes one before its node binds it."""

ATTEMPTS = 100


def assign_ports(topology: Topology) -> Topology:
    """Build the same topology without zeros; raises `OSError` where an address cannot be bound.

    Every port found is held until all are, so that none is found twice.
    """
    with ExitStack() as held:
        chooser = _Chooser(held)
        nodes = {name: _assign(node, chooser) for name, node in topology.nodes.items()}
        site = next(iter(topology.select(WebNode).values()), None)
        http_port = chooser.tcp(site.address, topology.http_port) if site else topology.http_port
    return topology.model_copy(update={"nodes": nodes, "http_port": http_port})


class _Chooser:
    """Finds free ports and holds them."""

    def __init__(self, held: ExitStack) -> None:
        self._held = held

    def udp(self, address: str, port: int) -> int:
        return port or self._find(bind_udp, address)

    def tcp(self, address: str, port: int) -> int:
        return port or self._find(bind_tcp, address)

    def _find(self, bind: Callable[[str, int], socket.socket], address: str) -> int:
        for candidate in random.SystemRandom().sample(CANDIDATES, ATTEMPTS):
            try:
                return self._hold(bind(address, candidate))
            except AddressInUseError:
                continue
        return self._hold(bind(address, 0))

    def _hold(self, sock: socket.socket) -> int:
        self._held.enter_context(sock)
        port: int = sock.getsockname()[1]
        return port


def _assign(node: Node, choose: _Chooser) -> Node:
    address = node.address
    match node:
        case PsnNode():
            ports = node.ports.model_copy(
                update={
                    "authentication": tuple(choose.udp(address, port) for port in node.ports.authentication),
                    "accounting": tuple(choose.udp(address, port) for port in node.ports.accounting),
                    "portal": choose.tcp(address, node.ports.portal),
                    "posture": choose.tcp(address, node.ports.posture),
                    "internode": choose.tcp(address, node.ports.internode),
                }
            )
            return node.model_copy(update={"ports": ports})
        case MntNode():
            return node.model_copy(
                update={
                    "syslog_port": choose.udp(address, node.syslog_port),
                    "api_port": choose.tcp(address, node.api_port),
                }
            )
        case SwitchNode():
            access_ports = {name: _assign_proxy(port, address, choose) for name, port in node.access_ports.items()}
            return node.model_copy(
                update={
                    "coa_port": choose.udp(address, node.coa_port),
                    "coa_rfc_port": choose.udp(address, node.coa_rfc_port),
                    "access_ports": access_ports,
                }
            )
    return node


def _assign_proxy(port: AccessPortEntry, address: str, choose: _Chooser) -> AccessPortEntry:
    return port.model_copy(update={"proxy_port": choose.tcp(address, port.proxy_port)})


def render_ports(ports: Mapping[str, int]) -> str:
    """Render ports by use, a historic second port beside the first: ``authentication 1812/1645, portal 8443``."""
    uses: dict[str, list[str]] = {}
    for use, port in ports.items():
        uses.setdefault(use.removesuffix("-legacy"), []).append(str(port))
    return ", ".join(f"{use} {'/'.join(numbers)}" for use, numbers in uses.items())
