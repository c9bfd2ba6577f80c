"""The cable of an endpoint in a process of its own: a connection to the node control of its switch.

The cable is in for as long as the connection lasts; both sides look every few seconds whether the other still lives. So
an endpoint that is killed has lost its link as the switch sees it, and a switch that is has gone down as the endpoint
sees it, which then tries to come back, however long that takes. Knows nothing of agents.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any
from urllib.parse import quote

from aiohttp import (
    ClientError,
    ClientSession,
    ClientWSTimeout,
    ServerTimeoutError,
    WebSocketError,
    WSMsgType,
    WSServerHandshakeError,
)

from nac.cable import LinkWatcher
from nac.node.journal import Fact, Observer
from nac.node.owned_tasks import OwnedTasks

HEARTBEAT = 10.0
"""Seconds between two looks at the other side, which has half as long to answer."""

_REFUSALS = {401: "it asks for a token that is another", 404: "it has no such port", 409: "another cable is in there"}
_PATIENCE = 5.0
_PAUSE = 1.0
_CLOSING = 1.0


class RemoteCable:
    """The cable into one port of a switch elsewhere (`nac.cable.Cable`)."""

    def __init__(self, control: str, port: str, *, gateway: str, token: str | None, observe: Observer) -> None:
        """Begin with the cable out. `control` is the URL of the switch's node control, `gateway` the switch itself."""
        self.proxy_url = ""
        self.is_up = False
        self._watcher: LinkWatcher | None = None
        self._place = f"{port} by {control}"
        self._url = f"{control}/ports/{quote(port, safe='')}/cable"
        self._gateway = gateway
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._observe = observe
        self._facts: dict[str, Fact] = {"access_port": port}
        self._tasks = OwnedTasks()
        self._reason = ""

    @property
    def gateway(self) -> str:
        """The address the endpoint uses as its default gateway: the switch itself."""
        return self._gateway

    def watch(self, watcher: LinkWatcher | None) -> None:
        """Let `watcher` be called when the link came up or went down, but not for what `plug` itself brings about."""
        self._watcher = watcher

    async def plug(self, mac: str, address: str) -> None:
        """Lead the cable to the port and keep it there; returns after the first try, whatever came of it."""
        await self._tasks.cancel()
        self._reason = ""
        first_try = asyncio.Event()
        self._tasks.spawn(self._keep({"mac": mac, "address": address}, first_try), name=f"cable to {self._url}")
        await first_try.wait()

    async def unplug(self) -> None:
        """Take the link down, which the switch is told; does nothing where the cable is out."""
        self.is_up = False
        await self._tasks.cancel()

    async def _keep(self, plugged: dict[str, str], first_try: asyncio.Event) -> None:
        """Connect again and again."""
        async with ClientSession(headers=self._headers) as session:
            while True:
                reason = await self._connect(session, plugged, first_try)
                await self._go_down(reason, first_try)
                await asyncio.sleep(_PAUSE)

    async def _connect(self, session: ClientSession, plugged: dict[str, str], first_try: asyncio.Event) -> str:
        """Be connected for as long as that lasts; returns why it does not."""
        bound = ClientWSTimeout(ws_close=_CLOSING)
        try:
            async with (
                asyncio.timeout(_PATIENCE) as patience,
                session.ws_connect(self._url, params=plugged, heartbeat=HEARTBEAT, timeout=bound) as socket,
            ):
                async for message in socket:
                    if message.type is WSMsgType.ERROR:
                        raise message.data
                    await self._follow(message.json(), first_try)
                    patience.reschedule(None)
        except WSServerHandshakeError as error:
            return f"{self._place} refuses the cable: {_REFUSALS.get(error.status, f'it answers {error.status}')}"
        except ServerTimeoutError:  # of the heartbeat: to connect at all there is less time than the library gives
            return f"{self._place} does not answer any more"
        except OSError as error:
            return f"{self._place} does not answer: {os.strerror(error.errno) if error.errno else 'it took too long'}"
        except (ClientError, WebSocketError) as error:
            return f"{self._place} breaks the connection off: {type(error).__name__}"
        except (TypeError, ValueError, KeyError):
            return f"{self._place} answers as no switch does"
        return f"{self._place} is there no more"

    async def _follow(self, told: dict[str, Any], first_try: asyncio.Event) -> None:
        """Follow what the switch says of the port that the cable is in."""
        self.proxy_url = told["proxy_url"]
        if told["up"]:
            await self._come_up(first_try)
        else:
            await self._go_down(f"{self._place} is down", first_try)

    async def _come_up(self, first_try: asyncio.Event) -> None:
        self.is_up, self._reason = True, ""
        self._observe("link-up", f"the cable is in {self._place}", self._facts)
        await self._tell(first_try)

    async def _go_down(self, reason: str, first_try: asyncio.Event) -> None:
        """Say so once for each reason."""
        was_up, self.is_up = self.is_up, False
        if reason != self._reason:
            self._reason = reason
            self._observe("link-down", reason, self._facts)
        if was_up or not first_try.is_set():
            await self._tell(first_try)

    async def _tell(self, first_try: asyncio.Event) -> None:
        if not first_try.is_set():
            first_try.set()
        elif self._watcher is not None:
            await self._watcher()
