"""The control API of a node in a process of its own: what it is, whether it is ready, and what it knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from agent_emulator.endpoint import Endpoint
from ldd.directory import RadiusSessionDirectory
from nac.node.clock import Clock
from nac.node.journal import Journal
from nad_emulator.switch import Switch
from posturelab.coa import COA_BODY, COA_OPTIONAL, RequestedCoa, describe_coa, find_mac, send_coa
from posturelab.control.requests import ControlRequests
from posturelab.control.server import read_body
from posturelab.control.switch import SwitchControl
from posturelab.lab_error import NotHereError, UnknownNodeError
from posturelab.link_watch import LinkWatch
from posturelab.node_maker import RunningNode, SharingNode, describe_places
from posturelab.observation.snapshot import describe_node
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.model import Node, Topology
from posturelab.topology.nodes import PsnNode
from psn.node import PolicyServiceNode


class NodeControl:
    """What can be asked of one node. `link` is None for one that is alone."""

    def __init__(
        self, node: RunningNode, topology: Topology, *, clock: Clock, journal: Journal, link: LinkWatch | None
    ) -> None:
        """Answer for this node."""
        self.topology = topology
        self.journal = journal
        self.nodes = {node.name: node}
        self._node = node
        self._clock = clock
        self._link = link

    def list_routes(self) -> list[web.RouteDef]:
        """List all requests that are understood."""
        return [
            *ControlRequests(self).list_routes(),
            web.get("/sessions", self._show_sessions),
            web.post("/coa", self._send_coa),
            web.post("/clock/advance", self._keep_time),
            *(SwitchControl(self._node).list_routes() if isinstance(self._node, Switch) else ()),
        ]

    def describe_ready(self) -> dict[str, Any]:
        """Tell which node it is, its time, and whether it is linked to the others."""
        return {
            "ready": True,
            "topology": self.topology.name,
            "node": self._node.name,
            "kind": self._node.kind,
            "now": self._clock.now().isoformat(),
            "link": self._link.describe() if self._link else None,
        }

    def describe_nodes(self) -> dict[str, Any]:
        """Tell what it is and where it listens."""
        return {"nodes": describe_places(self.nodes)}

    def describe_snapshot(self) -> dict[str, Any]:
        """Tell everything it knows."""
        return describe_node(self._node, self.topology, now=self._clock.now(), link=self._link)

    def list_replicas(self) -> Mapping[str, RadiusSessionDirectory | None]:
        """List its own replica; raises `NotHereError` for a kind of node that has none."""
        node = self._node
        if not isinstance(node, SharingNode):
            raise NotHereError(f"{node.name} is a {node.kind} and holds no session directory")
        return {node.name: node.rsd}

    def get_endpoint(self, name: str) -> Endpoint:
        """Get the endpoint that it is; raises `NotHereError` or `UnknownNodeError` for any other."""
        node = self._node
        if not isinstance(node, Endpoint) or name != node.name:
            raise NotHereError(self._point_to(name, self.topology.select(EndpointNode), "endpoint"))
        return node

    async def _show_sessions(self, _: web.Request) -> web.Response:
        name = self._node.name
        reason = f"this is {name} alone, and what agents, PSNs, MNT and NADs hold is compared by a whole lab"
        raise NotHereError(f"{reason} (posturelab up); GET /snapshot tells what {name} knows")

    async def _keep_time(self, _: web.Request) -> web.Response:
        sentence = f"this is {self._node.name} alone, in real time; the clock of a whole lab leaps (posturelab up)"
        raise NotHereError(sentence)

    async def _send_coa(self, request: web.Request) -> web.Response:
        node = self._node
        if not isinstance(node, PolicyServiceNode):
            raise NotHereError(f"{node.name} is no policy service node, and sends no CoA")
        asked = RequestedCoa(**await read_body(request, COA_BODY, optional=COA_OPTIONAL))
        if asked.psn not in ("", node.name):
            pointer = self._point_to(asked.psn, self.topology.select(PsnNode), "policy service node")
            raise NotHereError(f"{pointer}, or name no node and {node.name} finds the owner")
        mac = find_mac(self.topology, asked.endpoint)
        outcome = await send_coa(node, asked, mac=mac, cause="the control API asks for it")
        return web.json_response(describe_coa(node.name, outcome))

    def _point_to(self, name: str, nodes: Mapping[str, Node], kind: str) -> str:
        """Say where another node is asked; raises `UnknownNodeError` where there is none of this name and kind."""
        if name not in nodes:
            raise UnknownNodeError(name, kind, nodes)
        port = self.topology.control.node_port
        place = f", http://{nodes[name].address}:{port}" if port is not None else ""
        return f"this is {self._node.name}: ask {name} at its own control API{place}"
