"""What both back ends of a link have in common: what waits, who is told, and in which order letters are given out.

Knows no broker: a back end says when the link is up or down, and hands in what arrives.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ldd.envelope import RecordMessage, Sequences
from ldd.link import Delivery, LinkEvent, NotTakenError, Receiver, Subscriber, Watcher
from ldd.outbox import Outbox
from ldd.spool import read_spool, write_spool
from nac.owned_tasks import OwnedTasks

REDELIVERY_PAUSE = 1.0
"""Seconds after which letters come again that their receiver did not take."""

FAREWELL_TIMEOUT = 2.0
"""Seconds for which a link that stops waits for what is under way."""

_Token = TypeVar("_Token")


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
        self._is_told_down = False
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
        self._is_told_down = False
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
        self._is_told_down = False
        self.tell(LinkEvent.UP, text)

    def fall(self, reason: str) -> None:
        """Note that the link is down; told once until it is up again."""
        self.is_up = False
        self.settle()
        if not self._is_told_down:
            self._is_told_down = True
            self.tell(LinkEvent.DOWN, reason)

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


@dataclass(slots=True)
class _Handover(Generic[_Token]):
    """A delivery that its receiver was given."""

    token: _Token
    is_over: bool = False
    is_taken: bool = False


class Reading(Generic[_Token]):
    """Gives one mailbox's deliveries to their receiver, and acknowledges them in their order.

    Where the receiver fails, nothing of what is under way is acknowledged any more, not even what comes to a good end
    later: the receiver sees all of it again, in order.
    """

    def __init__(
        self,
        receiver: Receiver,
        tasks: OwnedTasks,
        *,
        acknowledge: Callable[[_Token], None],
        fail: Callable[[], None],
    ) -> None:
        """Begin with nothing under way; `fail` is called once, and the reading is over then."""
        self._receiver = receiver
        self._tasks = tasks
        self._acknowledge = acknowledge
        self._fail = fail
        self._under_way: deque[_Handover[_Token]] = deque()
        self._is_over = False

    def __len__(self) -> int:
        return len(self._under_way)

    def take(self, delivery: Delivery, token: _Token) -> None:
        """Call the receiver in the loop's next turn; `acknowledge` is given the token."""
        if self._is_over:
            return
        handover = _Handover(token)
        self._under_way.append(handover)
        task = self._tasks.spawn(self._give(delivery, handover), name=f"letters of {delivery.sender}")
        task.add_done_callback(lambda _: self._settle(handover))

    def end(self) -> list[_Token]:
        """Acknowledge nothing any more; returns the tokens of what is under way, in order."""
        self._is_over = True
        tokens = [handover.token for handover in self._under_way]
        self._under_way.clear()
        return tokens

    async def _give(self, delivery: Delivery, handover: _Handover[_Token]) -> None:
        with suppress(NotTakenError):
            await self._receiver(delivery)
            handover.is_taken = True

    def _settle(self, ended: _Handover[_Token]) -> None:
        ended.is_over = True
        while self._under_way and self._under_way[0].is_over:
            if not self._under_way[0].is_taken:
                self._is_over = True
                self._fail()
                return
            self._acknowledge(self._under_way.popleft().token)
