"""A NAD that asks everything once: what is not answered at the first try is not answered."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import IPv4Address
from itertools import count
from typing import Any

from radius import attribute
from radius.client import ClientClosedError, NoResponseError, Peer, RadiusClient
from radius.packet import Attribute, Code, integer, text
from radius.retransmission import Retransmission
from radius.secret import Secret
from tests.live.deployment import PASSWORD, SECRET, USER, NodeProcess, wait_until

ONCE = Retransmission.every(timedelta(seconds=5), 0)


class Nad:
    """Asks any node, and remembers what was answered and what was not."""

    def __init__(self, address: str) -> None:
        """Ask from this address."""
        self.answered: Counter[str] = Counter()
        """By session ids, audit's or accounting's."""
        self.unanswered: Counter[str] = Counter()
        self._client = RadiusClient(host=address, random=random.Random(), observe=lambda *_: None)
        self._device = (attribute.NAS_IP_ADDRESS, IPv4Address(address).packed)

    async def authenticate(self, node: NodeProcess, session_id: str, mac: str = "02:00:00:00:00:01") -> None:
        """Authenticate an endpoint."""
        attributes = [
            (attribute.USER_PASSWORD, text(PASSWORD)),
            (attribute.SERVICE_TYPE, integer(attribute.SERVICE_FRAMED)),
            (attribute.NAS_PORT_TYPE, integer(attribute.NAS_PORT_TYPE_ETHERNET)),
            (attribute.CALLING_STATION_ID, text(mac.replace(":", "-"))),
            (attribute.CISCO_AVPAIR, text(f"audit-session-id={session_id}")),
        ]
        await self._ask(node, Code.ACCESS_REQUEST, session_id, attributes)

    async def account(self, node: NodeProcess, acct_session_id: str, status: int = attribute.ACCT_START) -> None:
        """Report the start of an accounting session."""
        attributes = [
            (attribute.ACCT_STATUS_TYPE, integer(status)),
            (attribute.ACCT_SESSION_ID, text(acct_session_id)),
            (attribute.CALLING_STATION_ID, text("02-00-00-00-00-01")),
        ]
        await self._ask(node, Code.ACCOUNTING_REQUEST, acct_session_id, attributes)

    async def wait_answered(self, number: int) -> None:
        """Wait until so many more requests than before are answered."""
        wanted = self.answered.total() + number

        async def is_answered() -> bool:
            return self.answered.total() >= wanted

        await wait_until(is_answered, f"{number} requests are not answered")

    def close(self) -> None:
        """Ask no more."""
        self._client.close()

    async def _ask(self, node: NodeProcess, code: Code, name: str, attributes: list[Attribute]) -> None:
        port = 1812 if code is Code.ACCESS_REQUEST else 1813
        peer = Peer(host=node.address, port=port, secret=Secret(SECRET))
        everything = [(attribute.USER_NAME, text(USER)), self._device, *attributes]
        try:
            await self._client.exchange(peer, code, everything, retransmission=ONCE)
        except (NoResponseError, ClientClosedError):
            self.unanswered[name] += 1
        else:
            self.answered[name] += 1


@asynccontextmanager
async def offering(work: Callable[[int], Coroutine[Any, Any, None]], *, rate: int) -> AsyncIterator[None]:
    """Do pieces of work, counted from 0, at a steady rate until the end of the block, and wait for their ends."""
    clock = asyncio.get_running_loop().time
    begin = clock()

    async def begin_all(group: asyncio.TaskGroup) -> None:
        for number in count():
            await asyncio.sleep(max(0.0, begin + number / rate - clock()))
            group.create_task(work(number))

    async with asyncio.TaskGroup() as group:
        beginning = group.create_task(begin_all(group))
        yield
        beginning.cancel()
