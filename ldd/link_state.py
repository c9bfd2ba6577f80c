"""What both back ends of a link have in common: what waits, who takes part, and who is told.

Knows no broker: a back end says when the link is up or down, and hands in what arrives; letters by `ldd.reading`.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from ldd.envelope import EnvelopeError, RecordMessage, Sequences
from ldd.link import LinkEvent, Receiver, Subscriber, Watcher
from ldd.outbox import Outbox
from ldd.spool import read_spool, write_spool
from nac.node.owned_tasks import OwnedTasks

FAREWELL_TIMEOUT = 2.0
"""Seconds for which a link that stops waits for what is under way."""

UNREADABLE_LIMIT = 100
"""Reasons for which records cannot be read that one life of a link tells of."""


class LinkState:
    """One link's outbox, its subscribers and whether it is up."""

    def __init__(self, node: str, spool: Path | None) -> None:
        """Begin down, without having said so."""
        self.node = node
        self.stream = secrets.token_hex(8)
        """Differs in any two lives of a node, also where those are of two processes."""
        self.outbox = Outbox(self.stream, lambda text: self.tell(LinkEvent.DROPPED, text))
        self.receivers: dict[str, Receiver] = {}
        self.tasks = OwnedTasks()
        self.is_up = False
        self._subscribers: dict[str, Subscriber] = {}
        self._watchers: list[Watcher] = []
        self._sequences = Sequences()
        self._spool = spool
        self._is_spooled = False
        self._trouble: str | None = None
        self._held = ""
        self._unreadable: set[str] = set()
        self._settled: set[asyncio.Future[None]] = set()

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Add a subscriber; raises `ValueError` for a second one to a topic."""
        if topic in self._subscribers:
            raise ValueError(f"{self.node} takes part in topic {topic} already")
        self._subscribers[topic] = subscriber

    def receive(self, mailbox: str, receiver: Receiver) -> None:
        """Add a receiver; raises `ValueError` for a second one of a mailbox."""
        if mailbox in self.receivers:
            raise ValueError(f"{self.node} empties mailbox {mailbox} already")
        self.receivers[mailbox] = receiver

    def watch(self, watcher: Watcher) -> None:
        """Add a watcher."""
        self._watchers.append(watcher)

    def tell(self, event: LinkEvent, text: str) -> None:
        """Tell all watchers."""
        for watcher in self._watchers:
            watcher(event, text)

    async def begin(self) -> None:
        """Take up what the last life has left."""
        self._trouble = None
        self._held = ""
        self._unreadable.clear()
        if self._spool is not None:
            troubles: list[str] = []
            loop = asyncio.get_running_loop()
            letters = await loop.run_in_executor(None, read_spool, self._spool, troubles.append)
            for text in troubles:
                self.tell(LinkEvent.SPOOL_FAILED, text)
            self._is_spooled = bool(letters)
            self.outbox.restore_letters(letters)

    def rise(self, text: str) -> None:
        """Note that the link is up."""
        self.is_up = True
        self._trouble = None
        self.tell(LinkEvent.UP, text)
        if self._held:
            self.tell(LinkEvent.HELD, self._held)

    def fall(self, reason: str) -> None:
        """Note why the link is down; told where that is news."""
        self.is_up = False
        self._held = ""
        self.settle()
        if reason != self._trouble:
            self._trouble = reason
            self.tell(LinkEvent.DOWN, reason)

    def hold(self, reason: str) -> None:
        """Note that a mailbox is not emptied any more; told as soon as the link is up."""
        self._held = reason
        if self.is_up:
            self.tell(LinkEvent.HELD, reason)

    def refuse_records(self, error: EnvelopeError) -> None:
        """Tell of records that cannot be read, once for each reason: whoever wrote them goes on writing."""
        reason = str(error)
        if reason not in self._unreadable and len(self._unreadable) < UNREADABLE_LIMIT:
            self._unreadable.add(reason)
            self.tell(LinkEvent.UNREADABLE, f"records are thrown away: {reason}")

    def dispatch(self, message: RecordMessage) -> None:
        """Hand records to the topic's subscriber."""
        gap = self._sequences.find_gap(message)
        subscriber = self._subscribers.get(message.topic)
        if subscriber is not None:
            try:
                subscriber(message.node, message.records)
            except Exception as error:
                text = f"{self.node} failed to take records of topic {message.topic}"
                asyncio.get_running_loop().call_exception_handler({"message": text, "exception": error})
        if gap:
            self.tell(LinkEvent.MISSED, gap)

    async def drain(self, *, letters: bool = False) -> None:
        """Wait until the broker has what waits now, and all letters too if asked for, or the link falls."""
        put = self.outbox.put
        while self.is_up and not (self.outbox.has_published(put) and not (letters and self.outbox.list_mailboxes())):
            settled = asyncio.get_running_loop().create_future()
            self._settled.add(settled)
            try:
                await settled
            finally:
                self._settled.discard(settled)

    def settle(self) -> None:
        """Let those who wait see what the broker has by now, and remove a spool whose letters it has."""
        for settled in self._settled:
            if not settled.done():
                settled.set_result(None)
        if self._is_spooled and not self.outbox.list_mailboxes():
            self._remove_spool()

    async def end(self) -> None:
        """End receivers whose outcome is of no interest any more, and keep the letters that are left."""
        self.is_up = False
        self.settle()
        await self.tasks.cancel()
        if self._spool is not None:
            self._is_spooled = False
            letters = tuple(self.outbox.list_letters())
            self.outbox.clear_letters()
            try:
                await asyncio.get_running_loop().run_in_executor(None, write_spool, self._spool, letters)
            except OSError as error:
                self._tell_unkept(error)

    def _remove_spool(self) -> None:
        assert self._spool is not None
        self._is_spooled = False
        try:
            write_spool(self._spool, ())
        except OSError as error:
            self._tell_unkept(error)

    def _tell_unkept(self, error: OSError) -> None:
        assert self._spool is not None
        text = f"the letters that wait cannot be kept in {self._spool.name}: {error.strerror}"
        self.tell(LinkEvent.SPOOL_FAILED, text)
