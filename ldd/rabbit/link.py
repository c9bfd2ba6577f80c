"""A node's link over RabbitMQ: one connection that is made again for as long as the node lives (docs/messaging.md).

The library's own reconnecting connection is not used: it hides for how long it was away, and a link has to say so.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from ldd.broker_settings import BrokerSettings, show_url
from ldd.link import Receiver, Subscriber, Watcher
from ldd.link_state import FAREWELL_TIMEOUT, LinkState
from ldd.rabbit.connection import BrokerConnection
from ldd.rabbit.names import BrokerNames
from ldd.rabbit.sender import Sender
from ldd.rabbit.session import RabbitSession
from ldd.rabbit.trouble import explain
from nac.node.owned_tasks import OwnedTasks

FIRST_PAUSE = 0.5
"""Seconds before the broker is tried a second time, give or take a quarter; doubled each time."""

LONGEST_PAUSE = 5.0


class RabbitLink:
    """A node's link to the others over RabbitMQ (`ldd.link.Link`)."""

    def __init__(
        self,
        node: str,
        settings: BrokerSettings,
        *,
        deployment: str,
        random: random.Random,
        spool: Path | None = None,
        is_lasting: bool = True,
    ) -> None:
        """Begin nothing before `start`; raises `BrokerSettingsError` for certificates that do not serve.

        A deployment that is not lasting leaves nothing at the broker.
        """
        self._settings = settings
        self._tls = settings.build_tls_context()
        self._names = BrokerNames(deployment, node, is_lasting)
        self._random = random
        self._state = LinkState(node, spool)
        self._sender = Sender(self._state, self._names, settings.confirm_timeout)
        self._tasks = OwnedTasks()
        self._closing = OwnedTasks()

    @property
    def is_up(self) -> bool:
        """Whether the broker takes and brings messages."""
        return self._state.is_up

    async def start(self) -> None:
        """Begin to connect."""
        if not len(self._tasks):
            await self._state.begin()
            self._tasks.spawn(self._supervise(), name=f"link of {self._names.node}")

    async def stop(self) -> None:
        """Send what waits and let receivers end, for two seconds at most each; then close and keep what is left."""
        if not len(self._tasks):
            return
        try:
            async with asyncio.timeout(FAREWELL_TIMEOUT):
                await self._state.drain(letters=True)
        except TimeoutError:
            pass
        if self.is_up:
            await self._state.tasks.join(FAREWELL_TIMEOUT)
        await self._tasks.cancel()
        await self._closing.join(2 * FAREWELL_TIMEOUT)
        await self._state.end()

    async def drain(self) -> None:
        """Wait until the broker has what waits to be published now, or the link is down."""
        await self._state.drain()

    def publish(self, topic: str, key: str, record: bytes) -> None:
        """Send a record to all other nodes as soon as the broker takes it."""
        self._state.outbox.put_record(topic, key, record)
        self._sender.wake_records()

    def post(self, mailbox: str, letter: bytes) -> None:
        """Send a letter as soon as the broker takes it."""
        self._state.outbox.put_letter(mailbox, letter)
        self._sender.wake_letters()

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Take part in a topic; raises `ValueError` for a second subscriber."""
        self._state.subscribe(topic, subscriber)

    def receive(self, mailbox: str, receiver: Receiver) -> None:
        """Empty a mailbox; raises `ValueError` for a second receiver."""
        self._state.receive(mailbox, receiver)

    def watch(self, watcher: Watcher) -> None:
        """Be told what happens to the link."""
        self._state.watch(watcher)

    async def _supervise(self) -> None:
        """Be at one of the brokers, the first that can be reached; where none can, try them all again after a while."""
        failures = 0
        while True:
            reasons = []
            for url in self._settings.urls:
                was_up, reason = await self._live(url)
                reasons.append(f"{show_url(url)}: {reason}")
                if was_up:
                    failures, reasons = 0, []
                    break
            if reasons:
                self._state.fall("; ".join(reasons))
            pause = min(FIRST_PAUSE * 2**failures, LONGEST_PAUSE)
            failures = min(failures + 1, 10)
            await asyncio.sleep(pause * self._random.uniform(0.75, 1.25))

    async def _live(self, url: str) -> tuple[bool, str]:
        """Spend a life at one broker; whether it ever began, and why it is over."""
        connection = BrokerConnection(self._settings, url=url, name=self._names.queue, tls=self._tls)
        session = RabbitSession(connection, self._state, self._sender, self._names)
        try:
            async with asyncio.timeout(self._settings.connect_timeout.total_seconds()):
                await session.open()
            self._state.rise(f"connected to {show_url(url)}")
            await session.run()
        except Exception as error:
            was_up, reason = self._state.is_up, explain(error)
            if was_up:
                self._state.fall(f"{show_url(url)}: {reason}")
            return was_up, reason
        finally:
            # A task of its own, so that a stop in the middle does not leave half a connection behind.
            await asyncio.shield(self._closing.spawn(session.close(), name=f"farewell of {self._names.node}"))
        raise AssertionError("a session ends by raising")
