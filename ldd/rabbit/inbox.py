"""What arrives from the broker: records for the node's subscribers, letters for its receivers.

Records are acknowledged after the merge, letters after their receiver has them, in order. Records that nobody here can
read are acknowledged too, and told of; what becomes of such letters is for `ldd.reading` to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aio_pika import Connection
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import ChannelClosed

from ldd.envelope import EnvelopeError, decode_records
from ldd.link_state import LinkState
from ldd.rabbit.names import BrokerNames
from ldd.rabbit.trouble import SessionLostError
from ldd.reading import REDELIVERY_PAUSE, Reading

_RECORD_WINDOW = 100
_LETTER_WINDOW = 64
"""Messages that may be under way to one receiver."""

Lose = Callable[[BaseException | None], None]
"""Told that something is gone without which the connection is of no use."""


async def consume_records(connection: Connection, state: LinkState, names: BrokerNames, lose: Lose) -> None:
    """Begin to take records; raises `SessionLostError` where another node of this name does."""

    async def take(message: AbstractIncomingMessage) -> None:
        try:
            decoded = decode_records(message.body)
        except EnvelopeError as error:
            state.refuse_records(error)
        else:
            if decoded.node != state.node:
                state.dispatch(decoded)
        await message.ack()

    channel = await open_channel(connection, lose)
    await channel.set_qos(prefetch_count=_RECORD_WINDOW)
    queue = await names.declare_queue(channel)
    namesake = f"another node named {state.node} is connected to the broker; labs at one broker need names of their own"
    await _consume(queue, take, taken=namesake)


class LetterInbox:
    """Empties one mailbox over one connection; begins anew on a channel of its own where its receiver fails."""

    def __init__(
        self, connection: Connection, state: LinkState, names: BrokerNames, lose: Lose, *, mailbox: str
    ) -> None:
        """Take nothing before `open`."""
        self._connection = connection
        self._state = state
        self._names = names
        self._lose = lose
        self._mailbox = mailbox
        self._wake = asyncio.Event()
        self._done: AbstractIncomingMessage | None = None
        self._has_failed = False
        self._is_held = False
        self._reading = self._read()

    async def open(self) -> None:
        """Begin to take letters; raises `SessionLostError` where another node does."""
        self._has_failed = False
        self._reading = self._read()
        self._channel = await open_channel(self._connection, self._note_loss)
        await self._channel.set_qos(prefetch_count=_LETTER_WINDOW)
        queue = await self._names.declare_mailbox(self._channel, self._mailbox)
        await _consume(queue, self._take, taken=f"another node empties mailbox {self._mailbox}")

    async def run(self) -> None:
        """Acknowledge what is taken for as long as the connection lasts."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            done, self._done = self._done, None
            if done is not None:
                await done.ack(multiple=True)
            if self._has_failed:
                await self._begin_anew()

    def end(self) -> None:
        """Acknowledge nothing any more."""
        self._reading.end()

    async def _begin_anew(self) -> None:
        """Give the broker back what is under way; it keeps the order."""
        self._reading.end()
        await self._channel.close()
        if not self._is_held:
            await asyncio.sleep(REDELIVERY_PAUSE)
            await self.open()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        self._reading.take(message.body, message)

    def _read(self) -> Reading[AbstractIncomingMessage]:
        return Reading(self._state, self._mailbox, acknowledge=self._note, fail=self._fail, hold=self._hold)

    def _note(self, message: AbstractIncomingMessage) -> None:
        self._done = message
        self._wake.set()

    def _fail(self) -> None:
        self._has_failed = True
        self._wake.set()

    def _hold(self) -> None:
        self._is_held = True
        self._fail()

    def _note_loss(self, error: BaseException | None) -> None:
        if not self._has_failed:
            self._lose(error)


async def open_channel(connection: Connection, lose: Lose) -> AbstractChannel:
    """Open a channel; `lose` is called when it closes, or when the broker ceases to deliver to it."""
    channel = connection.channel(on_return_raises=True)
    await channel.initialize()
    channel.close_callbacks.add(lambda _, error: lose(error))
    inner = await channel.get_underlay_channel()
    inner.on_consumer_cancel_callbacks.add(lambda _: lose(SessionLostError("a queue has disappeared from the broker")))
    return channel


async def _consume(
    queue: AbstractQueue, take: Callable[[AbstractIncomingMessage], Awaitable[None]], *, taken: str
) -> None:
    try:
        await queue.consume(take, exclusive=True)
    except ChannelClosed as error:
        raise SessionLostError(taken) if "exclusive use" in str(error) else error from None
