"""One HTTPS question to another node: its certificate verified, its answer bounded in time and size.

Every call opens a connection of its own, so that a node restarted meanwhile is never taken for a dead one. The host of
the URL, be it a name or an address, must stand in the certificate. What goes wrong ends in `CallError`, whose words are
the same in every run.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

MAXIMUM_BODY = 64 << 10
"""Octets; MNT's answer about one session has some six thousand."""


class CallError(ConnectionError):
    """No usable answer came; `is_untrusted` where the other side could not prove who it is."""

    def __init__(self, why: str, *, is_untrusted: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_untrusted = is_untrusted


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """One answer."""

    status: int
    body: bytes


class NodeCaller:
    """Asks other nodes from one node's own address."""

    def __init__(self, *, address: str, tls: ssl.SSLContext) -> None:
        """Trust whom `tls` trusts, and show the certificate it holds, if any."""
        self._address = address
        self._tls = tls

    async def get(self, url: str, *, user: str, password: str, limit: timedelta) -> NodeAnswer:
        """Get a URL with HTTP Basic; raises `CallError`, also for a user whose name HTTP Basic cannot carry."""
        try:
            credentials = aiohttp.encode_basic_auth(user, password)
        except ValueError as error:
            raise CallError(f"user {user!r} cannot be named: {error}") from None
        return await self._call("GET", url, limit=limit, headers={"Authorization": credentials}, data=None)

    async def post(self, url: str, data: bytes, *, limit: timedelta) -> NodeAnswer:
        """Post a JSON document; raises `CallError`."""
        return await self._call("POST", url, limit=limit, headers={"Content-Type": "application/json"}, data=data)

    async def _call(
        self, method: str, url: str, *, limit: timedelta, headers: dict[str, str], data: bytes | None
    ) -> NodeAnswer:
        connector = aiohttp.TCPConnector(ssl=self._tls, local_addr=(self._address, 0), force_close=True)
        try:
            async with (
                asyncio.timeout(limit.total_seconds()),
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                ) as session,
                session.request(method, url, data=data, headers=headers, allow_redirects=False) as response,
            ):
                return NodeAnswer(response.status, await _read(response.content))
        except TimeoutError:
            raise CallError(f"no answer within {limit.total_seconds():g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _explain(error) from None


async def _read(stream: aiohttp.StreamReader) -> bytes:
    """Read a body to its end; raises `CallError` where it has none within the bound."""
    body = bytearray()
    async for chunk in stream.iter_any():
        body += chunk
        if len(body) > MAXIMUM_BODY:
            raise CallError(f"its answer exceeds {MAXIMUM_BODY} octets")
    return bytes(body)


def _explain(error: Exception) -> CallError:
    """Say what stood in the way, without the ports that differ from run to run."""
    match error:
        case CallError():
            return error
        case aiohttp.ClientConnectorCertificateError():
            said = getattr(error.certificate_error, "verify_message", "") or "no reason given"
            return CallError(f"its certificate is not trusted: {said}", is_untrusted=True)
        case aiohttp.ClientConnectorSSLError():
            return CallError("no TLS connection could be made")
        case aiohttp.ClientConnectorError():
            return CallError(f"no connection could be made: {os.strerror(error.errno or 0)}")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | aiohttp.ClientPayloadError():
            return CallError("the connection was closed without a whole answer")
        case _:
            return CallError(f"what it answers is no HTTP ({type(error).__name__})")
