"""How what waits at a node goes to the broker: each message is confirmed before the next one is sent.

Whatever has gathered meanwhile is the next message; so a quiet node is quick and a busy one sends large batches. A
message costs sender, broker and every receiver much more than a record in it does, so there is a moment's pause
between two, unless more waits than goes into one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import DeliveryError, PublishError

from ldd.envelope import encode_letters, encode_records
from ldd.link_state import LinkState
from ldd.outbox import BATCH_LIMIT, RecordBatch
from ldd.rabbit.names import BrokerNames
from ldd.rabbit.trouble import SessionLostError

_PAUSE = 0.004
"""Seconds from one message of records to the next: no record is later for it than that."""

_GATHERING_TIME = 0.01
"""Seconds for which letters gather: each message of them is written to disk, and they are in no hurry."""

_REFUSAL_PAUSE = 1.0
"""Seconds before a full mailbox is tried again."""


class Sender:
    """What one link sends, over one connection after the other."""

    def __init__(self, state: LinkState, names: BrokerNames, confirm_timeout: timedelta) -> None:
        """Send nothing before `open`."""
        self._state = state
        self._names = names
        self._confirm_timeout = confirm_timeout.total_seconds()
        self._sequence = 0
        self._records_wait = asyncio.Event()
        self._letters_wait = asyncio.Event()
        self._mailboxes: set[str] = set()

    def wake_records(self) -> None:
        """Say that a record waits."""
        self._records_wait.set()

    def wake_letters(self) -> None:
        """Say that a letter waits."""
        self._letters_wait.set()

    async def open(self, records: AbstractChannel, letters: AbstractChannel) -> None:
        """Begin on a new connection; raises what shows that the broker takes no messages at present."""
        self._exchange: AbstractExchange = await self._names.declare_exchange(records)
        self._letters = letters
        self._mailboxes.clear()
        # A broker that is short of memory or disk opens connections gladly, and only hangs when something is sent.
        probe = Message(b"", delivery_mode=DeliveryMode.NOT_PERSISTENT)
        await self._confirm(records.default_exchange, probe, f"{self._names.exchange}.nobody", mandatory=False)

    async def send_records(self) -> None:
        """Send records for as long as the connection lasts."""
        outbox, now = self._state.outbox, asyncio.get_running_loop().time
        while True:
            self._records_wait.clear()
            while (batch := outbox.take_records()) is not None:
                begin = now()
                try:
                    await self._confirm(self._exchange, self._build(batch), "", mandatory=False)
                except BaseException:
                    outbox.put_back(batch)
                    raise
                outbox.confirm_records(batch)
                self._state.settle()
                if len(batch.records) < BATCH_LIMIT:
                    await asyncio.sleep(begin + _PAUSE - now())
            await self._records_wait.wait()

    async def send_letters(self) -> None:
        """Send letters, to several mailboxes at once, for as long as the connection lasts."""
        async with asyncio.TaskGroup() as group:
            busy: dict[str, asyncio.Task[None]] = {}
            while True:
                self._letters_wait.clear()
                for mailbox in self._state.outbox.list_mailboxes():
                    if mailbox not in busy or busy[mailbox].done():
                        busy[mailbox] = group.create_task(self._fill(mailbox))
                await self._letters_wait.wait()

    def _build(self, batch: RecordBatch) -> Message:
        """Give a batch the next number; that of one which was not confirmed is not given again: it may have arrived."""
        self._sequence += 1
        body = encode_records(
            node=self._state.node,
            stream=self._state.stream,
            sequence=self._sequence,
            topic=batch.topic,
            records=batch.records.values(),
        )
        return Message(body, delivery_mode=DeliveryMode.NOT_PERSISTENT, content_type="application/json")

    async def _fill(self, mailbox: str) -> None:
        """Send everything that waits for one mailbox."""
        if mailbox not in self._mailboxes:
            async with self._bound(f"did not declare mailbox {mailbox}"):
                await self._names.declare_mailbox(self._letters, mailbox)
            self._mailboxes.add(mailbox)
        queue, outbox = self._names.name_mailbox(mailbox), self._state.outbox
        await asyncio.sleep(_GATHERING_TIME)
        while (batch := outbox.take_letters(mailbox)) is not None:
            body = encode_letters(node=self._state.node, stream=batch.stream, first=batch.first, letters=batch.letters)
            message = Message(body, delivery_mode=DeliveryMode.PERSISTENT, content_type="application/json")
            try:
                await self._confirm(self._letters.default_exchange, message, queue, mandatory=True)
            except PublishError:
                raise
            except DeliveryError:
                await asyncio.sleep(_REFUSAL_PAUSE)
            else:
                outbox.confirm_letters(batch)
                await asyncio.sleep(_GATHERING_TIME)
        self._state.settle()

    async def _confirm(self, exchange: AbstractExchange, message: Message, key: str, *, mandatory: bool) -> None:
        """Publish; returns when the broker has the message."""
        async with self._bound("did not confirm a message"):
            await exchange.publish(message, key, mandatory=mandatory)

    @asynccontextmanager
    async def _bound(self, failure: str) -> AsyncIterator[None]:
        """Give the broker no more time than it has for a confirmation."""
        try:
            async with asyncio.timeout(self._confirm_timeout):
                yield
        except TimeoutError:
            raise SessionLostError(f"the broker {failure} within {self._confirm_timeout:g} s") from None
