"""What all HTTP servers have in common: a body within bounds, and one sentence for what a peer did wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from nac.clock import Clock

Refuse = Callable[[web.Request, HTTPStatus, str], web.StreamResponse]
"""Told what a request is refused with and why; gives the answer in the server's own form."""


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
