"""A device that reports accounting at a steady rate and remembers what was acknowledged.

What one server does not answer it reports to the next, as devices do.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from types import TracebackType
from typing import Self

from radius import attribute
from radius.client import NoResponseError, Peer, RadiusClient
from radius.packet import Code, integer, text
from radius.retransmission import Retransmission
from radius.secret import Secret
from tests.compose.project import HOST

PORTS = (1813, 2813, 3813)
PREFIX = "load-"
_ONCE = Retransmission.every(timedelta(seconds=1), 0)
_TRIES = 6


class AccountingLoad:
    """Reports the starts of accounting sessions to the published ports of the three servers."""

    def __init__(self) -> None:
        """Report nothing yet."""
        self.acknowledged: set[str] = set()
        """Accounting session ids of what was answered."""
        self.given_up = 0
        self._client = RadiusClient(host="127.0.0.1", random=random.Random(), observe=lambda *_: None)
        self._peers = [Peer(host=HOST, port=port, secret=Secret("testing123")) for port in PORTS]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @asynccontextmanager
    async def offer(self, rate: int) -> AsyncIterator[None]:
        """Report so many starts a second until the end of the block, and wait for the answers."""
        async with asyncio.TaskGroup() as group:
            reporting = group.create_task(self._report_all(group, rate))
            yield
            reporting.cancel()

    async def _report_all(self, group: asyncio.TaskGroup, rate: int) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        for number in count():
            await asyncio.sleep(max(0.0, begin + number / rate - clock()))
            group.create_task(self._report(number))

    async def _report(self, number: int) -> None:
        session_id = f"{PREFIX}{number}"
        attributes = [
            (attribute.USER_NAME, text("alice")),
            (attribute.ACCT_STATUS_TYPE, integer(attribute.ACCT_START)),
            (attribute.ACCT_SESSION_ID, text(session_id)),
            (attribute.CALLING_STATION_ID, text("02-00-00-00-00-01")),
            (attribute.NAS_IDENTIFIER, text("load")),
        ]
        for attempt in range(_TRIES):
            peer = self._peers[(number + attempt) % len(self._peers)]
            try:
                await self._client.exchange(peer, Code.ACCOUNTING_REQUEST, attributes, retransmission=_ONCE)
            except NoResponseError:
                continue
            self.acknowledged.add(session_id)
            return
        self.given_up += 1
