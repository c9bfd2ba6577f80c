"""What all HTTP servers have in common: ports, a body within bounds, one sentence for what a peer did wrong."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from nac.node.binding import bind_tcp
from nac.node.clock import Clock
from nac.node.http_log import build_http_log
from nac.node.journal import Observer

SHUTDOWN_TIMEOUT = timedelta(seconds=1)
"""For requests under way when a server stops."""

Refuse = Callable[[web.Request, HTTPStatus, str], web.StreamResponse]
"""Told what a request is refused with and why; gives the answer in the server's own form."""


class HttpListener:
    """The ports of one HTTP server: opened together or not at all, and closed together."""

    def __init__(
        self, build: Callable[[], web.Application], *, observe: Observer, event: str, tls: ssl.SSLContext | None = None
    ) -> None:
        """Have the application built at each start, once `ports` are bound; what is no HTTP is told as `event`."""
        self._build = build
        self._observe = observe
        self._event = event
        self._tls = tls
        self._sockets: list[socket.socket] = []
        self._runner: web.AppRunner | None = None

    @property
    def ports(self) -> tuple[int, ...]:
        """The bound ports, in the order of their addresses; none while stopped."""
        return tuple(sock.getsockname()[1] for sock in self._sockets)

    @property
    def server(self) -> web.Server:
        """What serves a connection, for those who accept theirs by hand; only between `start` and `stop`."""
        assert self._runner is not None
        assert self._runner.server is not None
        return self._runner.server

    async def start(self, *addresses: tuple[str, int]) -> None:
        """Open these addresses and ports; raises as `nac.node.binding.bind_tcp` does, and then leaves nothing open."""
        try:
            for address, port in addresses:
                self._sockets.append(bind_tcp(address, port))
            log = build_http_log(self._observe, event=self._event)
            shutdown_timeout = SHUTDOWN_TIMEOUT.total_seconds()
            self._runner = web.AppRunner(self._build(), access_log=None, logger=log, shutdown_timeout=shutdown_timeout)
            await self._runner.setup()
            for sock in self._sockets:
                await web.SockSite(self._runner, sock, ssl_context=self._tls).start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close every port and connection; a second call does nothing."""
        sockets, self._sockets = self._sockets, []
        runner, self._runner = self._runner, None
        try:
            if runner is not None:
                await runner.cleanup()
        finally:
            for sock in sockets:
                sock.close()


class RefusedError(Exception):
    """A request cannot be answered as it is; the message is one sentence for the peer."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        """Refuse with this status."""
        super().__init__(reason)
        self.status = status


async def read_body(request: web.Request, *, within: timedelta) -> bytes:
    """Read a body; raises `RefusedError` for one that is too long, too late, or not as its headers announce."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        reason = f"the body exceeds {request.client_max_size} octets"
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason) from None
    except web.RequestPayloadError:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is not as its headers announce") from None
    except TimeoutError:
        reason = f"the body did not arrive within {within.total_seconds():g} seconds"
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, reason) from None


def build_guard(refuse: Refuse) -> Middleware:
    """Build the middleware that has whatever a peer did wrong refused; our own mistakes pass through it."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedError as error:
            return refuse(request, error.status, str(error))
        except web.HTTPException as error:
            return refuse(request, HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")

    return guard


def build_stamp(clock: Clock) -> Callable[[web.BaseRequest, web.StreamResponse], Awaitable[None]]:
    """Build what marks every answer with the lab's time instead of the machine's, and as nothing to be kept."""

    async def stamp(_: web.BaseRequest, response: web.StreamResponse) -> None:
        response.headers["Date"] = format_datetime(clock.now(), usegmt=True)
        response.headers["Server"] = "Posture Lab"
        response.headers["Cache-Control"] = "no-store"

    return stamp
