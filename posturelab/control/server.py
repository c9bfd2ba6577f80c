"""The shell of a control API: plain JSON over HTTP, for whoever may come in, with one sentence for what goes wrong.

Knows nothing of what is asked but how a lab says no. Errors are ``{"error": "one sentence"}``. Without a token it
listens on loopback only, and a request must name the lab by an address or as localhost; none may come from another
origin. So no web page a user visits can reach it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from aiohttp import web

from nac.node.http_server import HttpListener
from nac.node.journal import Observer
from posturelab.lab_error import ImpossibleActionError, NotHereError, UnknownNodeError
from posturelab.topology.model import ControlEntry

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUSES: dict[type[Exception], HTTPStatus] = {
    UnknownNodeError: HTTPStatus.NOT_FOUND,
    NotHereError: HTTPStatus.NOT_FOUND,
    ImpossibleActionError: HTTPStatus.CONFLICT,
    ValueError: HTTPStatus.BAD_REQUEST,
    OSError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""What a handler may raise with a sentence for whoever asked."""


class ControlServer:
    """Listens for one control API. Port 0 means any; `url` tells the one chosen."""

    def __init__(self, settings: ControlEntry, *, routes: Iterable[web.RouteDef], observe: Observer) -> None:
        """Listen where the settings say, once started; what is no HTTP is told to `observe`."""
        self._settings = settings
        self._routes = tuple(routes)
        self._listener = HttpListener(self._build_application, observe=observe, event="control-refused")
        self.url = ""

    async def start(self) -> None:
        """Open the port; raises `nac.node.binding.AddressInUseError` or `OSError`."""
        await self._listener.start((self._settings.address, self._settings.port))
        (port,) = self._listener.ports
        self.url = f"http://{self._settings.address}:{port}"

    async def stop(self) -> None:
        """Close the port; a second call does nothing."""
        await self._listener.stop()

    def _build_application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(self._routes)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Let in who may come in, and turn whatever goes wrong into one sentence."""
        if self._settings.token is None and not _names_an_address(request.host):
            return refuse(HTTPStatus.FORBIDDEN, f"this API has an IP address or is localhost, not {request.host!r}")
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            return refuse(HTTPStatus.FORBIDDEN, "no web page of another origin may use this API")
        if not self._knows_token(request.headers.get("Authorization", "")):
            return refuse(HTTPStatus.UNAUTHORIZED, "this lab asks for its token: Authorization: Bearer <token>")
        try:
            return await handler(request)
        except web.RequestPayloadError:
            return refuse(HTTPStatus.BAD_REQUEST, "the body is not as its headers announce")
        except web.HTTPException as error:
            return refuse(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")
        except tuple(_STATUSES) as error:
            return refuse(next(status for kind, status in _STATUSES.items() if isinstance(error, kind)), str(error))

    def _knows_token(self, authorization: str) -> bool:
        token = self._settings.token
        given = authorization.encode(errors="surrogateescape")  # a peer may send octets that are no text
        return token is None or compare_digest(given, f"Bearer {token}".encode())


def _names_an_address(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    try:
        return name == "localhost" or IPv4Address(name) is not None
    except AddressValueError:
        return False


def refuse(status: HTTPStatus, sentence: str) -> web.Response:
    """Build the answer to what is not done."""
    return web.json_response({"error": sentence}, status=status)


def read_number(request: web.Request, name: str) -> int:
    """Read a number of a query, 0 where it is absent; raises `ValueError`."""
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ValueError(f"{name} must be a number, not {text!r}")
    return int(text)


async def read_body(
    request: web.Request, example: Mapping[str, Any], *, optional: Iterable[str] = ()
) -> dict[str, Any]:
    """Read a JSON body with the members of an example, of the same types; raises `ValueError`, which shows it."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise ValueError("the body must be JSON") from None
    if not (
        isinstance(body, dict)
        and body.keys() <= example.keys()
        and all(name in body or name in optional for name in example)
        and all(type(value) is type(example[name]) for name, value in body.items())
    ):
        raise ValueError(f"the body must be like {json.dumps(dict(example))}")
    return body
