"""The control API of a running lab: what it is, what it knows, and the few things that can be done to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from aiohttp import web

from ldd.directory import RadiusSessionDirectory
from mnt.session import MonitoredSession
from mnt.session_directory import SessionDirectory
from nac.identity import parse_mac
from posturelab.coa import COA_BODY, COA_OPTIONAL, RequestedCoa, describe_coa, order_coa
from posturelab.control.requests import ControlRequests
from posturelab.control.server import read_body, refuse
from posturelab.lab import Lab
from posturelab.node_maker import RunningNode, describe_places
from posturelab.observation.facts import observe_all
from posturelab.observation.foreign_sessions import observe_foreign
from posturelab.observation.snapshot import describe_lab
from posturelab.reading.duration import parse_duration

MAXIMUM_ADVANCE = timedelta(days=400)


class LabControl:
    """What can be asked of a lab."""

    def __init__(self, lab: Lab) -> None:
        """Answer for this lab."""
        self._lab = lab
        self.topology = lab.topology
        self.journal = lab.journal
        self.get_endpoint = lab.get_endpoint

    def list_routes(self) -> list[web.RouteDef]:
        """List all requests that are understood."""
        return [
            *ControlRequests(self).list_routes(),
            web.get("/sessions", self._show_sessions),
            web.get("/mnt/sessions", self._show_monitored),
            web.post("/coa", self._send_coa),
            web.post("/clock/advance", self._advance_clock),
            web.post("/reset", self._reset),
        ]

    @property
    def nodes(self) -> Mapping[str, RunningNode]:
        """All nodes of the lab."""
        return self._lab.nodes

    def describe_ready(self) -> dict[str, Any]:
        """Tell what lab it is, its time, and how its nodes are linked."""
        lab = self._lab
        return {
            "ready": True,
            "topology": lab.topology.name,
            "seed": lab.seed,
            "now": lab.clock.now().isoformat(),
            "bus": "embedded" if lab.broker else "rabbitmq",
            "links": {name: watch.describe() for name, watch in lab.links.items()},
        }

    def describe_nodes(self) -> dict[str, Any]:
        """Tell what its nodes are and where they listen, and whose certificates they have."""
        certificate = str(self._lab.authority.certificate_path)
        return {"ca_certificate": certificate, "nodes": describe_places(self._lab.nodes)}

    def describe_snapshot(self) -> dict[str, Any]:
        """Tell everything all nodes know."""
        return describe_lab(self._lab)

    def list_replicas(self) -> Mapping[str, RadiusSessionDirectory | None]:
        """List the replicas of all nodes that share what they know, None for one that does not run."""
        return {name: node.rsd if self._lab.is_running(name) else None for name, node in self._lab.sharing.items()}

    async def _show_sessions(self, _: web.Request) -> web.Response:
        lab = self._lab
        return web.json_response({"sessions": [asdict(facts) for facts in (*observe_all(lab), *observe_foreign(lab))]})

    async def _show_monitored(self, request: web.Request) -> web.Response:
        """Show the session that the first monitoring node finds for one key."""
        query = list(request.query.items())
        if len(query) != 1 or query[0][0] not in _LOOKUPS:
            raise ValueError(f"ask by exactly one of {', '.join(_LOOKUPS)}")
        ((key, value),) = query
        parse, find = _LOOKUPS[key]
        wanted = parse(value)
        monitor = self._lab.find_monitor()
        if monitor is None:
            return refuse(HTTPStatus.NOT_FOUND, "this lab has no monitoring node")
        session = find(monitor.directory, wanted)
        if session is None:
            return refuse(HTTPStatus.NOT_FOUND, f"{monitor.name} has no session with {key} {value!r}")
        return web.json_response({"mnt": monitor.name, "session": session.snapshot()})

    async def _send_coa(self, request: web.Request) -> web.Response:
        order = RequestedCoa(**await read_body(request, COA_BODY, optional=COA_OPTIONAL))
        psn, outcome = await order_coa(self._lab, order, cause="the control API asks for it")
        return web.json_response(describe_coa(psn, outcome))

    async def _advance_clock(self, request: web.Request) -> web.Response:
        by = parse_duration((await read_body(request, {"by": "8h"}))["by"])
        if by > MAXIMUM_ADVANCE:
            raise ValueError(f"the clock leaps {MAXIMUM_ADVANCE.days} days at most")
        await self._lab.advance(by)
        return web.json_response({"now": self._lab.clock.now().isoformat()})

    async def _reset(self, _: web.Request) -> web.Response:
        trouble = await self._lab.reset()
        return web.json_response({"ready": True, "now": self._lab.clock.now().isoformat(), "not_forgotten": trouble})


def _parse_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None


_LOOKUPS: dict[str, tuple[Callable[[str], str], Callable[[SessionDirectory, str], MonitoredSession | None]]] = {
    "mac": (parse_mac, SessionDirectory.find_by_mac),
    "ip": (_parse_address, SessionDirectory.find_by_address),
    "user": (str, SessionDirectory.find_by_user),
    "session_id": (str, SessionDirectory.find),
}
"""By what a session can be looked for: how the value is read, and who finds it."""
