"""One connection to a broker that can be broken off at any time, whatever the broker does.

A broker that hangs would keep the library's polite farewell waiting; the wire is therefore held on to and cut.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from contextlib import suppress
from typing import Any

from aio_pika import Connection
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPConnectionError
from yarl import URL

from ldd.broker_settings import BrokerSettings
from ldd.rabbit.trouble import SessionLostError

_FAREWELL_TIMEOUT = 1.0
"""Seconds for closing in the broker's presence, and as many again for what follows the cut."""


class BrokerConnection:
    """A connection from before it is open until nothing of it is left."""

    def __init__(self, settings: BrokerSettings, *, url: str, name: str, tls: ssl.SSLContext | None) -> None:
        """Prepare to connect; `name` is what the broker's own tools show."""
        heartbeat = math.ceil(settings.heartbeat.total_seconds())
        self._wire = _Wire(tls if url.startswith("amqps:") else None)
        self._connection = _Connection(make_url(url, heartbeat=heartbeat, name=name), self._wire)

    async def open(self) -> Connection:
        """Connect and log in."""
        _keep_library_off_stderr()
        try:
            await self._connection.connect()
        except AMQPConnectionError as error:
            # By TLS 1.3 a refused certificate is told after the handshake, and often lost with the connection.
            if self._wire.is_encrypted and type(error) is AMQPConnectionError:
                reason = "TLS with the broker failed: it broke the connection off; it may want another certificate"
                raise SessionLostError(reason) from None
            raise
        return self._connection

    async def close(self) -> None:
        """Take leave where the broker listens, else break off."""
        closing = asyncio.ensure_future(self._connection.close())
        await asyncio.wait({closing}, timeout=_FAREWELL_TIMEOUT)
        self._wire.cut()
        await asyncio.wait({closing}, timeout=_FAREWELL_TIMEOUT)
        if not closing.done():
            closing.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await closing
        await self._wire.await_end()


class _Connection(Connection):
    """A connection over a given wire."""

    def __init__(self, url: URL, wire: _Wire) -> None:
        super().__init__(url)
        self.kwargs["transport_factory"] = wire


class _Wire:
    """The library's transport factory: makes one stream, and keeps it at hand."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._writer: asyncio.StreamWriter | None = None

    @property
    def is_encrypted(self) -> bool:
        return self._tls is not None and self._writer is not None

    async def create(self, url: URL, **_: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        bound = None if self._tls is None else _FAREWELL_TIMEOUT
        reader, self._writer = await asyncio.open_connection(
            url.host, url.port, ssl=self._tls, ssl_shutdown_timeout=bound
        )
        return reader, self._writer

    def cut(self) -> None:
        if self._writer is not None:
            with suppress(AttributeError):  # of TLS that was closed twice, in early releases of Python 3.11
                self._writer.transport.abort()

    async def await_end(self) -> None:
        if self._writer is not None:
            with suppress(asyncio.TimeoutError, OSError):
                async with asyncio.timeout(_FAREWELL_TIMEOUT):
                    await self._writer.wait_closed()


def _keep_library_off_stderr() -> None:
    """Spare people the library's own log where nobody has asked for it; the link says what matters."""
    for name in ("aiormq", "aio_pika"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
