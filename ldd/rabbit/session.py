"""One life of a link at a broker: from the connection's beginning until something of it is lost."""

from __future__ import annotations

import asyncio

from ldd.link_state import LinkState
from ldd.rabbit.connection import BrokerConnection
from ldd.rabbit.inbox import LetterInbox, consume_records, open_channel
from ldd.rabbit.names import BrokerNames
from ldd.rabbit.sender import Sender
from ldd.rabbit.trouble import SessionLostError


class RabbitSession:
    """Carries what one link sends and receives."""

    def __init__(self, connection: BrokerConnection, state: LinkState, sender: Sender, names: BrokerNames) -> None:
        """Begin nothing before `open`."""
        self._connection = connection
        self._state = state
        self._sender = sender
        self._names = names
        self._inboxes: list[LetterInbox] = []
        self._loss: BaseException | None = None
        self._is_lost = asyncio.Event()

    async def open(self) -> None:
        """Connect, declare and begin to receive; raises whatever prevents that."""
        connection = await self._connection.open()
        connection.close_callbacks.add(lambda _, error: self._lose(error))
        records = await open_channel(connection, self._lose)
        letters = await open_channel(connection, self._lose)
        await self._sender.open(records, letters)
        await consume_records(connection, self._state, self._names, self._lose)
        for mailbox in self._state.receivers:
            inbox = LetterInbox(connection, self._state, self._names, self._lose, mailbox=mailbox)
            self._inboxes.append(inbox)
            await inbox.open()

    async def run(self) -> None:
        """Send and receive; ends by raising why it cannot go on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._await_loss())
            group.create_task(self._sender.send_records())
            group.create_task(self._sender.send_letters())
            for inbox in self._inboxes:
                group.create_task(inbox.run())

    async def close(self) -> None:
        """Leave nothing behind; bounded in time."""
        for inbox in self._inboxes:
            inbox.end()
        await self._connection.close()

    async def _await_loss(self) -> None:
        await self._is_lost.wait()
        raise self._loss or SessionLostError("the connection to the broker ended")

    def _lose(self, error: BaseException | None) -> None:
        """Remember what was lost first: the rest follows from it."""
        if not self._is_lost.is_set():
            self._loss = error if isinstance(error, Exception) else None
            self._is_lost.set()
