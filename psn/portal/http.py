"""How the portal's requests and answers look to aiohttp: read within bounds, rendered, or left without an octet.

What a peer sees of a silent answer is a setting, since it is not public (posture.md 14).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from nac.node.http_server import Refuse, read_body
from psn.config import Silence
from psn.portal.reception import PortalReception
from psn.portal.request import PortalAnswer, PortalRequest

MAXIMUM_BODY = 64 << 10
"""Octets; a report of a hundred requirements has some twenty thousand."""
BODY_TIMEOUT = timedelta(seconds=30)
HANG_TIMEOUT = timedelta(minutes=2)
"""How long a silent node leaves a peer waiting."""

Answer = Callable[[PortalRequest], PortalAnswer | Awaitable[PortalAnswer]]


class SilentResponse(web.StreamResponse):
    """A response without an octet: instead of it the connection is closed."""

    def __init__(self) -> None:
        """Ask for the connection to be closed."""
        super().__init__()
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send no headers."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send no body."""


class SilenceKeeper:
    """Keeps the silence of one portal."""

    def __init__(self, silence: Silence) -> None:
        """Keep it in this way."""
        self._silence = silence
        self._is_over = asyncio.Event()

    def end(self) -> None:
        """Leave nobody waiting any longer: the portal stops."""
        self._is_over.set()

    async def keep(self) -> web.StreamResponse:
        """Keep silent towards one peer, which need not wait for the end."""
        if self._silence is Silence.EMPTY:
            return web.Response()
        if self._silence is Silence.HANG:
            with suppress(TimeoutError):
                async with asyncio.timeout(HANG_TIMEOUT.total_seconds()):
                    await self._is_over.wait()
        return SilentResponse()


def build_handler(answer: Answer, keeper: SilenceKeeper) -> Handler:
    """Build the handler of a path whose answer depends on the body or the query string."""

    async def handle(request: web.Request) -> web.StreamResponse:
        outcome = answer(await _read(request))
        answered = outcome if isinstance(outcome, PortalAnswer) else await outcome
        return await keeper.keep() if answered.is_silent else render(answered)

    return handle


async def _read(request: web.Request) -> PortalRequest:
    """Read a request with its body or, where there is none, its query string."""
    if request.method == "POST":
        return _describe(request, await read_body(request, within=BODY_TIMEOUT))
    return _describe(request, request.rel_url.raw_query_string.encode())


def render(answer: PortalAnswer) -> web.Response:
    """Render an answer that is not silent."""
    return web.Response(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        charset="utf-8" if answer.content_type.startswith("text/") else None,
        headers=answer.headers,
    )


def render_found(answer: PortalAnswer | None) -> web.Response:
    """Render an answer; raises `aiohttp.web.HTTPNotFound` where there is none."""
    if answer is None:
        raise web.HTTPNotFound
    return render(answer)


def build_refusal(reception: PortalReception) -> Refuse:
    """Build what `reception` answers to a request that cannot be read."""

    def refuse(request: web.Request, status: HTTPStatus, reason: str) -> web.Response:
        return render(reception.refuse(_describe(request), reason, status=status))

    return refuse


def _describe(request: web.Request, data: bytes = b"") -> PortalRequest:
    return PortalRequest(
        path=request.path,
        data=data,
        user_agent=request.headers.get("User-Agent", ""),
        remote=request.remote or "",
    )
