"""The control API of a running lab: what it is, what it knows, and the few things that can be done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from aiohttp import web

from mnt.session import MonitoredSession
from mnt.session_directory import SessionDirectory
from nac.identity import parse_mac
from posturelab.coa import COA_BODY, COA_OPTIONAL, RequestedCoa, describe_coa, order_coa
from posturelab.control_server import read_body, read_number, read_record_query, refuse
from posturelab.directory_view import compare_replicas
from posturelab.duration import parse_duration
from posturelab.endpoint_change import CHANGE_PATH, change_endpoint
from posturelab.facts import observe_all
from posturelab.foreign_sessions import observe_foreign
from posturelab.journal_json import describe_page
from posturelab.lab import Lab
from posturelab.node_maker import describe_place
from posturelab.snapshot import describe_lab

MAXIMUM_ADVANCE = timedelta(days=400)


def list_nodes(lab: Lab) -> dict[str, dict[str, Any]]:
    """List every node with kind, address and bound ports."""
    return {name: describe_place(node) for name, node in lab.nodes.items()}


class LabControl:
    """What can be asked of a lab."""

    def __init__(self, lab: Lab) -> None:
        """Answer for this lab."""
        self._lab = lab

    def list_routes(self) -> list[web.RouteDef]:
        """List all requests that are understood."""
        return [
            web.get("/ready", self._show_ready),
            web.get("/nodes", self._show_nodes),
            web.get("/sessions", self._show_sessions),
            web.get("/directory", self._show_directory),
            web.get("/mnt/sessions", self._show_monitored),
            web.get("/journal", self._show_journal),
            web.get("/snapshot", self._show_snapshot),
            web.post(CHANGE_PATH, self._change_endpoint),
            web.post("/coa", self._send_coa),
            web.post("/clock/advance", self._advance_clock),
            web.post("/reset", self._reset),
        ]

    async def _show_ready(self, _: web.Request) -> web.Response:
        lab = self._lab
        links = {name: state.describe() for name, state in lab.links.items()}
        return web.json_response(
            {
                "ready": True,
                "topology": lab.topology.name,
                "seed": lab.seed,
                "now": lab.clock.now().isoformat(),
                "bus": "embedded" if lab.broker else "rabbitmq",
                "links": links,
            }
        )

    async def _show_nodes(self, _: web.Request) -> web.Response:
        lab = self._lab
        return web.json_response({"ca_certificate": str(lab.authority.certificate_path), "nodes": list_nodes(lab)})

    async def _show_sessions(self, _: web.Request) -> web.Response:
        lab = self._lab
        return web.json_response({"sessions": [asdict(facts) for facts in (*observe_all(lab), *observe_foreign(lab))]})

    async def _show_directory(self, _: web.Request) -> web.Response:
        lab = self._lab
        replicas = {name: node.rsd for name, node in (lab.psns | lab.mnts).items()}
        return web.json_response({"ldd": lab.topology.ldd.value, "sessions": compare_replicas(replicas)})

    async def _show_monitored(self, request: web.Request) -> web.Response:
        """Show the session that the first monitoring node finds for one key."""
        query = list(request.query.items())
        if len(query) != 1 or query[0][0] not in _LOOKUPS:
            raise ValueError(f"ask by exactly one of {', '.join(_LOOKUPS)}")
        ((key, value),) = query
        parse, find = _LOOKUPS[key]
        wanted = parse(value)
        for name, node in self._lab.mnts.items():
            session = find(node.directory, wanted)
            if session is None:
                return refuse(HTTPStatus.NOT_FOUND, f"{name} has no session with {key} {value!r}")
            return web.json_response({"mnt": name, "session": session.snapshot()})
        return refuse(HTTPStatus.NOT_FOUND, "this lab has no monitoring node")

    async def _show_journal(self, request: web.Request) -> web.Response:
        lab, since = self._lab, read_number(request, "since")
        return web.json_response(describe_page(lab.journal, since, **read_record_query(request, lab.nodes)))

    async def _show_snapshot(self, _: web.Request) -> web.Response:
        return web.json_response(describe_lab(self._lab))

    async def _change_endpoint(self, request: web.Request) -> web.Response:
        return await change_endpoint(request, self._lab.get_endpoint)

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
        await self._lab.reset()
        return web.json_response({"ready": True, "now": self._lab.clock.now().isoformat()})


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
