"""What the control APIs of a whole lab and of a node by itself are asked alike, in HTTP and JSON.

Knows how a request is read and an answer is written; what is told, a `Respondent` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from agent_emulator.endpoint import Endpoint
from ldd.directory import RadiusSessionDirectory
from nac.node.journal import Journal
from posturelab.coa import find_mac
from posturelab.control.server import read_number
from posturelab.journal.page import describe_page
from posturelab.journal.query import read_record_query
from posturelab.node_maker import RunningNode
from posturelab.observation.replicas import describe_directory
from posturelab.topology.model import Topology


class Respondent(Protocol):
    """A lab, or a node by itself. Each may raise `NotHereError`; views are JSON-ready."""

    @property
    def topology(self) -> Topology:
        """What it is, or is part of."""
        ...

    @property
    def journal(self) -> Journal:
        """What it has decided."""
        ...

    @property
    def nodes(self) -> Mapping[str, RunningNode]:
        """Its nodes, of which one by itself is the only one."""
        ...

    def describe_ready(self) -> dict[str, Any]:
        """Tell what is ready."""
        ...

    def describe_nodes(self) -> dict[str, Any]:
        """Tell what its nodes are and where they listen."""
        ...

    def describe_snapshot(self) -> dict[str, Any]:
        """Tell everything it knows at this instant."""
        ...

    def list_replicas(self) -> Mapping[str, RadiusSessionDirectory | None]:
        """List its replicas of the session directory, None for a node that does not run."""
        ...

    def get_endpoint(self, name: str) -> Endpoint:
        """Get an endpoint; raises `UnknownNodeError`."""
        ...


class ControlRequests:
    """Answers for one respondent."""

    def __init__(self, respondent: Respondent) -> None:
        """Answer with what this one tells."""
        self._respondent = respondent

    def list_routes(self) -> list[web.RouteDef]:
        """List the requests that are understood."""
        return [
            web.get("/ready", self._show_ready),
            web.get("/nodes", self._show_nodes),
            web.get("/directory", self._show_directory),
            web.get("/journal", self._show_journal),
            web.get("/snapshot", self._show_snapshot),
            web.post("/endpoints/{name}/{change:plug|unplug|rescan}", self._change_endpoint),
        ]

    async def _show_ready(self, _: web.Request) -> web.Response:
        return web.json_response(self._respondent.describe_ready())

    async def _show_nodes(self, _: web.Request) -> web.Response:
        return web.json_response(self._respondent.describe_nodes())

    async def _show_directory(self, request: web.Request) -> web.Response:
        """Show the replicas of the nodes that run; those of the others are gone."""
        replicas, topology = self._respondent.list_replicas(), self._respondent.topology
        endpoint = request.query.get("endpoint")
        told = describe_directory(
            {name: replica for name, replica in replicas.items() if replica is not None},
            era=topology.ldd,
            stopped=[name for name, replica in replicas.items() if replica is None],
            mac=find_mac(topology, endpoint) if endpoint is not None else "",
        )
        return web.json_response(told)

    async def _show_journal(self, request: web.Request) -> web.Response:
        since, query = read_number(request, "since"), read_record_query(request.query, self._respondent.nodes)
        return web.json_response(describe_page(self._respondent.journal, since, query))

    async def _show_snapshot(self, _: web.Request) -> web.Response:
        return web.json_response(self._respondent.describe_snapshot())

    async def _change_endpoint(self, request: web.Request) -> web.Response:
        """Plug an endpoint in, pull its cable out, or let its user ask for a scan."""
        endpoint = self._respondent.get_endpoint(request.match_info["name"])
        await getattr(endpoint, request.match_info["change"])()
        return web.json_response({"endpoint": endpoint.name, "agent": endpoint.view().status})
