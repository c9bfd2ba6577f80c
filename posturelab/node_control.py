"""The control API of a node in a process of its own: what it is, whether it is ready, and what it knows."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from agent_emulator.endpoint import Endpoint
from mnt.node import MonitoringNode
from nac.clock import Clock
from nac.identity import parse_mac
from nac.journal import Journal
from nad_emulator.switch import Switch
from posturelab.coa import COA_BODY, COA_OPTIONAL, RequestedCoa, describe_coa, send_coa
from posturelab.control_server import read_body, read_number, read_record_query, refuse
from posturelab.directory_view import compare_replicas
from posturelab.endpoint_change import CHANGE_PATH, change_endpoint
from posturelab.journal_json import describe_page
from posturelab.lab import UnknownNodeError
from posturelab.link_watch import LinkWatch
from posturelab.node_maker import RunningNode, describe_place
from posturelab.snapshot import describe_node
from posturelab.switch_control import SwitchControl
from posturelab.topology.model import Topology
from psn.node import PolicyServiceNode


class NodeControl:
    """What can be asked of one node. `link` is None for one that is alone."""

    def __init__(
        self, node: RunningNode, topology: Topology, *, clock: Clock, journal: Journal, link: LinkWatch | None
    ) -> None:
        """Answer for this node."""
        self._node = node
        self._topology = topology
        self._clock = clock
        self._journal = journal
        self._link = link

    def list_routes(self) -> list[web.RouteDef]:
        """List all requests that are understood."""
        return [
            web.get("/ready", self._show_ready),
            web.get("/nodes", self._show_nodes),
            web.get("/sessions", self._show_sessions),
            web.get("/directory", self._show_directory),
            web.get("/journal", self._show_journal),
            web.get("/snapshot", self._show_snapshot),
            web.post("/coa", self._send_coa),
            *self._list_kind_routes(),
        ]

    def _list_kind_routes(self) -> list[web.RouteDef]:
        """List what is understood by this kind of node alone."""
        match self._node:
            case Switch():
                return SwitchControl(self._node).list_routes()
            case Endpoint():
                return [web.post(CHANGE_PATH, self._change_endpoint)]
        return []

    async def _show_ready(self, _: web.Request) -> web.Response:
        told = {
            "ready": True,
            "node": self._node.name,
            "kind": self._node.kind,
            "now": self._clock.now().isoformat(),
            "link": self._link.describe() if self._link else None,
        }
        return web.json_response(told)

    async def _show_nodes(self, _: web.Request) -> web.Response:
        return web.json_response({"nodes": {self._node.name: describe_place(self._node)}})

    async def _show_sessions(self, _: web.Request) -> web.Response:
        name = self._node.name
        reason = f"this is {name} alone, and what agents, PSNs, MNT and NADs hold is compared by a whole lab"
        return refuse(HTTPStatus.NOT_FOUND, f"{reason} (posturelab up); GET /snapshot tells what {name} knows")

    async def _show_directory(self, _: web.Request) -> web.Response:
        node = self._node
        if not isinstance(node, PolicyServiceNode | MonitoringNode):
            return refuse(HTTPStatus.NOT_FOUND, f"{node.name} is a {node.kind} and holds no session directory")
        return web.json_response({"ldd": self._topology.ldd.value, "sessions": compare_replicas({node.name: node.rsd})})

    async def _show_journal(self, request: web.Request) -> web.Response:
        since, wanted = read_number(request, "since"), read_record_query(request, [self._node.name])
        return web.json_response(describe_page(self._journal, since, **wanted))

    async def _show_snapshot(self, _: web.Request) -> web.Response:
        return web.json_response(describe_node(self._node, self._topology, now=self._clock.now(), link=self._link))

    async def _change_endpoint(self, request: web.Request) -> web.Response:
        return await change_endpoint(request, self._get_endpoint)

    def _get_endpoint(self, name: str) -> Endpoint:
        node = self._node
        if not isinstance(node, Endpoint) or name != node.name:
            raise UnknownNodeError(name, "endpoint", [node.name])
        return node

    async def _send_coa(self, request: web.Request) -> web.Response:
        node = self._node
        if not isinstance(node, PolicyServiceNode):
            return refuse(HTTPStatus.NOT_FOUND, f"{node.name} is no policy service node, and sends no CoA")
        asked = RequestedCoa(**await read_body(request, COA_BODY, optional=COA_OPTIONAL))
        if asked.psn not in ("", node.name):
            return refuse(HTTPStatus.NOT_FOUND, f"this is {node.name}, not {asked.psn}")
        mac = parse_mac(asked.endpoint)
        outcome = await send_coa(node, asked, mac=mac, cause="the control API asks for it")
        return web.json_response(describe_coa(node.name, outcome))
