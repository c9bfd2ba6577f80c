"""What a test of links asks of either back end: links, a broker that fails and recovers, and people who watch."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import aio_pika
import pytest

from ldd.broker_settings import BrokerSettings
from ldd.embedded import EmbeddedBroker
from ldd.link import Delivery, Link, LinkEvent
from ldd.rabbit.link import RabbitLink
from tests.rabbitmq_server import RabbitMqServer

PATIENCE = 30.0


class Harness(Protocol):
    """A deployment on one back end."""

    def link(self, node: str, *, spool: Path | None = None) -> Link: ...

    async def put(self, mailbox: str, message: bytes) -> None: ...

    async def fail(self) -> None: ...

    async def recover(self) -> None: ...


class EmbeddedHarness:
    def __init__(self) -> None:
        self._broker = EmbeddedBroker()

    def link(self, node: str, *, spool: Path | None = None) -> Link:
        return self._broker.link(node, spool=spool)

    async def put(self, mailbox: str, message: bytes) -> None:
        assert self._broker.get_mailbox(mailbox).put(message, lambda: None)

    async def fail(self) -> None:
        self._broker.fail()

    async def recover(self) -> None:
        self._broker.recover()


class RabbitHarness:
    """A deployment of its own on the one broker of the test session."""

    def __init__(self, server: RabbitMqServer) -> None:
        self._server = server
        self.deployment = secrets.token_hex(4)

    def link(self, node: str, *, spool: Path | None = None, **settings: Any) -> RabbitLink:
        settings = {"urls": (self._server.url,)} | settings
        return self.make_link(node, deployment=self.deployment, spool=spool, **settings)

    @staticmethod
    def make_link(node: str, *, deployment: str = "nowhere", spool: Path | None = None, **settings: Any) -> RabbitLink:
        chosen = BrokerSettings(**settings)
        return RabbitLink(node, chosen, deployment=deployment, random=random.Random(1), spool=spool)

    async def put(self, mailbox: str, message: bytes) -> None:
        """Put bytes into a mailbox as a node of any release may do; it has been declared."""
        async with await aio_pika.connect(self._server.url) as connection, connection.channel() as channel:
            name = f"posturelab.{self.deployment}.log.{mailbox}"
            await channel.default_exchange.publish(aio_pika.Message(message), name)

    async def fail(self) -> None:
        await asyncio.to_thread(self._server.kill)

    async def recover(self) -> None:
        await asyncio.to_thread(self._server.start)


class Inbox:
    """Takes part in everything at one link, and can be waited for."""

    def __init__(self, link: Link, *, topics: Sequence[str] = ("session",), mailboxes: Sequence[str] = ()) -> None:
        self.link = link
        self.records: list[tuple[str, Any]] = []
        self.deliveries: list[Delivery] = []
        self.events: list[tuple[LinkEvent, str]] = []
        self._changed = asyncio.Event()
        link.watch(self._note)
        for topic in topics:
            link.subscribe(topic, self._take)
        for mailbox in mailboxes:
            link.receive(mailbox, self._receive)

    @property
    def kinds(self) -> list[LinkEvent]:
        return [event for event, _ in self.events]

    @property
    def letters(self) -> list[Any]:
        """What a receiver stores that remembers how far each stream has come."""
        stored: list[Any] = []
        following: dict[tuple[str, str], int] = {}
        for delivery in self.deliveries:
            source = (delivery.sender, delivery.stream)
            for number, letter in enumerate(delivery.letters, delivery.first):
                if number >= following.get(source, 1):
                    following[source] = number + 1
                    stored.append(letter)
        return stored

    @property
    def values(self) -> list[Any]:
        return [record for _, record in self.records]

    async def wait_for(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def wait_until_up(self) -> None:
        await self.wait_for(lambda: self.link.is_up)

    async def wait_for_records(self, count: int) -> list[Any]:
        await self.wait_for(lambda: len(self.records) >= count)
        return self.values

    async def wait_for_letters(self, count: int) -> list[Any]:
        await self.wait_for(lambda: len(self.letters) >= count)
        return self.letters

    async def wait_for_event(self, kind: LinkEvent, *, count: int = 1) -> str:
        await self.wait_for(lambda: self.kinds.count(kind) >= count)
        return [text for event, text in self.events if event is kind][count - 1]

    def _note(self, event: LinkEvent, text: str) -> None:
        self.events.append((event, text))
        self._changed.set()

    def _take(self, sender: str, records: Sequence[Any]) -> None:
        self.records += [(sender, record) for record in records]
        self._changed.set()

    async def _receive(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self._changed.set()


async def start_all(*inboxes: Inbox) -> None:
    for inbox in inboxes:
        await inbox.link.start()
    for inbox in inboxes:
        await inbox.wait_until_up()


async def stop_all(*inboxes: Inbox) -> None:
    for inbox in inboxes:
        await inbox.link.stop()


def hasten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses of both back ends, and let whoever takes leave send what waits however long that takes."""
    set_farewell(monkeypatch, PATIENCE)
    monkeypatch.setattr("ldd.embedded_mailbox.REDELIVERY_PAUSE", 0.05)
    monkeypatch.setattr("ldd.rabbit.inbox.REDELIVERY_PAUSE", 0.05)
    monkeypatch.setattr("ldd.rabbit.link.FIRST_PAUSE", 0.1)
    monkeypatch.setattr("ldd.rabbit.link.LONGEST_PAUSE", 0.5)
    monkeypatch.setattr("ldd.rabbit.sender._REFUSAL_PAUSE", 0.1)


def set_farewell(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Say how long a link that stops waits for what it cannot send, and for receivers that do not end."""
    monkeypatch.setattr("ldd.embedded.FAREWELL_TIMEOUT", seconds)
    monkeypatch.setattr("ldd.rabbit.link.FAREWELL_TIMEOUT", seconds)


def number(count: int, *, begin: int = 0) -> list[bytes]:
    return [str(item).encode() for item in range(begin, begin + count)]
