"""The control API of a running lab: what it is, what it knows, and the few things that can be done to it from outside.

Plain JSON over HTTP. Errors are ``{"error": "one sentence"}``. Without a token it listens on loopback only. A request
must name the lab by an address or as localhost and not come from another origin, so that no web page a user visits can
reach it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import AddressValueError, IPv4Address, ip_address
from itertools import islice
from typing import Any

from aiohttp import web

from mnt.session import MonitoredSession
from mnt.session_directory import SessionDirectory
from nac.binding import bind_tcp
from nac.http_log import build_http_log
from nac.identity import parse_mac
from posturelab.clock import LabLoop
from posturelab.duration import parse_duration
from posturelab.facts import observe_all
from posturelab.foreign_sessions import observe_foreign
from posturelab.journal_json import describe_record
from posturelab.lab import Lab, UnknownNodeError
from posturelab.mistake import LAB
from posturelab.snapshot import describe_lab
from psn.portal import MALFORMED_HTTP

MAXIMUM_ADVANCE = timedelta(days=400)
MAXIMUM_RECORDS = 1000
"""How many journal records one answer holds."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LAB = web.AppKey("lab", Lab)


class ControlServer:
    """The API of one lab. Port 0 means any; `url` tells the one chosen."""

    def __init__(self, lab: Lab) -> None:
        """Listen where the topology says, once started."""
        self._lab = lab
        self._settings = lab.topology.control
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Open the port; raises `nac.binding.AddressInUseError` or `OSError`."""
        sock = bind_tcp(self._settings.address, self._settings.port)
        application = web.Application(middlewares=[self._guard])
        application[_LAB] = self._lab
        application.add_routes(_ROUTES)
        observe = self._lab.journal.writer(LAB)
        logger = build_http_log(observe, event="control-refused", malformed=MALFORMED_HTTP)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1, logger=logger)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()
        self.url = "http://{}:{}".format(*sock.getsockname())

    async def stop(self) -> None:
        """Close the port; a second call does nothing."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Let in who may come in, and turn whatever goes wrong into one sentence."""
        if not _names_an_address(request.host):
            return _refuse(HTTPStatus.FORBIDDEN, f"this API has an IP address or is localhost, not {request.host!r}")
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            return _refuse(HTTPStatus.FORBIDDEN, "no web page of another origin may use this API")
        if not self._knows_token(request.headers.get("Authorization", "")):
            return _refuse(HTTPStatus.UNAUTHORIZED, "this lab asks for its token: Authorization: Bearer <token>")
        try:
            return await handler(request)
        except UnknownNodeError as error:
            return _refuse(HTTPStatus.NOT_FOUND, str(error))
        except ValueError as error:
            return _refuse(HTTPStatus.BAD_REQUEST, str(error))
        except OSError as error:
            return _refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        except web.RequestPayloadError:
            return _refuse(HTTPStatus.BAD_REQUEST, "the body is not as its headers announce")
        except web.HTTPException as error:
            return _refuse(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")

    def _knows_token(self, authorization: str) -> bool:
        token = self._settings.token
        return token is None or compare_digest(authorization.encode(), f"Bearer {token}".encode())


def _names_an_address(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    try:
        return name == "localhost" or IPv4Address(name) is not None
    except AddressValueError:
        return False


def _refuse(status: HTTPStatus, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


def list_nodes(lab: Lab) -> dict[str, dict[str, Any]]:
    """List every node with kind, address and bound ports."""
    return {
        name: {"kind": node.kind, "address": node.address, "ports": dict(node.ports)}
        for name, node in lab.nodes.items()
    }


async def _show_ready(request: web.Request) -> web.Response:
    lab = request.app[_LAB]
    return web.json_response(
        {"ready": True, "topology": lab.topology.name, "seed": lab.seed, "now": lab.clock.now().isoformat()}
    )


async def _show_nodes(request: web.Request) -> web.Response:
    lab = request.app[_LAB]
    return web.json_response({"ca_certificate": str(lab.authority.certificate_path), "nodes": list_nodes(lab)})


async def _show_sessions(request: web.Request) -> web.Response:
    lab = request.app[_LAB]
    return web.json_response({"sessions": [asdict(facts) for facts in (*observe_all(lab), *observe_foreign(lab))]})


async def _show_monitored(request: web.Request) -> web.Response:
    """Show the session that the first monitoring node finds for one key."""
    query = list(request.query.items())
    if len(query) != 1 or query[0][0] not in _LOOKUPS:
        raise ValueError(f"ask by exactly one of {', '.join(_LOOKUPS)}")
    ((key, value),) = query
    parse, find = _LOOKUPS[key]
    wanted = parse(value)
    for name, node in request.app[_LAB].mnts.items():
        session = find(node.directory, wanted)
        if session is None:
            return _refuse(HTTPStatus.NOT_FOUND, f"{name} has no session with {key} {value!r}")
        return web.json_response({"mnt": name, "session": session.snapshot()})
    return _refuse(HTTPStatus.NOT_FOUND, "this lab has no monitoring node")


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


async def _show_journal(request: web.Request) -> web.Response:
    """Show records from number `since` on, oldest first; `next` is where to go on."""
    journal = request.app[_LAB].journal
    first = journal.written - len(journal)
    since = max(_read_number(request, "since"), first)
    node, event = request.query.get("node"), request.query.get("event")
    records = [
        describe_record(record) | {"number": number}
        for number, record in enumerate(islice(journal, since - first, None), since)
        if node in (None, record.node) and event in (None, record.event)
    ]
    shown = records[:MAXIMUM_RECORDS]
    complete = len(shown) == len(records)
    following = journal.written if complete else shown[-1]["number"] + 1
    return web.json_response({"records": shown, "next": following})


def _read_number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ValueError(f"{name} must be a number, not {text!r}")
    return int(text)


async def _show_snapshot(request: web.Request) -> web.Response:
    return web.json_response(describe_lab(request.app[_LAB]))


async def _change_endpoint(request: web.Request) -> web.Response:
    endpoint = request.app[_LAB].get_endpoint(request.match_info["name"])
    await getattr(endpoint, request.match_info["change"])()
    return web.json_response({"endpoint": endpoint.name, "agent": endpoint.view().status})


async def _advance_clock(request: web.Request) -> web.Response:
    lab = request.app[_LAB]
    by = parse_duration(await _read_text(request, "by"))
    if by > MAXIMUM_ADVANCE:
        raise ValueError(f"the clock leaps {MAXIMUM_ADVANCE.days} days at most")
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LabLoop), "a whole lab runs on a loop whose time can jump"
    await loop.advance(by)
    return web.json_response({"now": lab.clock.now().isoformat()})


async def _read_text(request: web.Request, key: str) -> str:
    """Read one text of a JSON body; raises `ValueError`."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise ValueError("the body must be JSON") from None
    value = body.get(key) if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise ValueError(f'the body must be like {{"{key}": "..."}}')
    return value


async def _reset(request: web.Request) -> web.Response:
    lab = request.app[_LAB]
    await lab.reset()
    return web.json_response({"ready": True, "now": lab.clock.now().isoformat()})


_ROUTES = [
    web.get("/ready", _show_ready),
    web.get("/nodes", _show_nodes),
    web.get("/sessions", _show_sessions),
    web.get("/mnt/sessions", _show_monitored),
    web.get("/journal", _show_journal),
    web.get("/snapshot", _show_snapshot),
    web.post("/endpoints/{name}/{change:plug|unplug|rescan}", _change_endpoint),
    web.post("/clock/advance", _advance_clock),
    web.post("/reset", _reset),
]
