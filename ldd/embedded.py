"""The link of a lab in a single process: a broker that is an object, and never late.

It carries the same envelopes as RabbitMQ does and keeps the same things: letters until their receiver has them,
records until their node has them or the broker fails. Everything is delivered in later turns of the loop, in the same
order in every run; nothing polls. A message is decoded once for all its receivers, which must not change it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

from ldd.embedded_mailbox import EmbeddedMailbox
from ldd.envelope import RecordMessage, decode_records, encode_letters, encode_records
from ldd.link import Receiver, Subscriber, Watcher
from ldd.link_state import FAREWELL_TIMEOUT, LinkState

QUEUE_LIMIT = 10_000
"""Messages of records that may wait for one node; the oldest are dropped."""

MAILBOX_LIMIT = 50_000
"""Messages of letters that may wait in one mailbox; more is not accepted, and waits at its sender."""

_RECORDS_A_TURN = 64
"""Records given to one node before the loop may turn to something else."""

_UP = "connected to the broker of this process"


class EmbeddedBroker:
    """What the links of one lab share."""

    def __init__(self, *, queue_limit: int = QUEUE_LIMIT, mailbox_limit: int = MAILBOX_LIMIT) -> None:
        """Begin empty."""
        self._links: dict[str, EmbeddedLink] = {}
        self._mailboxes: dict[str, EmbeddedMailbox] = {}
        self._queue_limit = queue_limit
        self._mailbox_limit = mailbox_limit
        self._troubles: dict[str, str] = {}
        self._failure = ""

    def link(self, node: str, *, spool: Path | None = None) -> EmbeddedLink:
        """Make a node's link; what it cannot send before it stops is kept in `spool`."""
        return EmbeddedLink(node, self, spool=spool, queue_limit=self._queue_limit)

    def cut(self, node: str, *, reason: str = "the link is cut") -> None:
        """Break one node's link until `restore`; it need not have been made yet."""
        self._troubles[node] = reason
        if node in self._links:
            self._look_after(self._links[node])

    def restore(self, node: str) -> None:
        """Mend what `cut` broke."""
        self._troubles.pop(node, None)
        if node in self._links:
            self._look_after(self._links[node])

    def fail(self, *, reason: str = "the broker has failed") -> None:
        """Break all links until `recover`; records under way are lost, letters are kept."""
        self._failure = reason
        for link in self._links.values():
            self._look_after(link)
            link.forget_queue()

    def recover(self) -> None:
        """Be there again."""
        self._failure = ""
        for link in list(self._links.values()):
            self._look_after(link)

    def attach(self, link: EmbeddedLink) -> None:
        """Let a link take part; raises `ValueError` where one of its node does already."""
        if link.node in self._links:
            raise ValueError(f"a node named {link.node} is linked already")
        self._links[link.node] = link
        self._look_after(link)

    def detach(self, link: EmbeddedLink) -> None:
        """End a link's part."""
        if self._links.get(link.node) is link:
            del self._links[link.node]

    def spread(self, message: bytes, sender: EmbeddedLink) -> None:
        """Put a message of records into the queue of every other node."""
        decoded = decode_records(message)
        for link in self._links.values():
            if link is not sender:
                link.enqueue(decoded)

    def get_mailbox(self, name: str) -> EmbeddedMailbox:
        """Return a mailbox, which exists as soon as somebody speaks of it."""
        mailbox = self._mailboxes.get(name)
        if mailbox is None:
            mailbox = self._mailboxes[name] = EmbeddedMailbox(name, self._mailbox_limit)
        return mailbox

    def _look_after(self, link: EmbeddedLink) -> None:
        """Let a link be up, or down for what is in its way now."""
        trouble = self._failure or self._troubles.get(link.node)
        if trouble is None:
            link.connect()
        else:
            link.disconnect(trouble)


class EmbeddedLink:
    """A node's link to the others of its process (`ldd.link.Link`)."""

    def __init__(self, node: str, broker: EmbeddedBroker, *, spool: Path | None, queue_limit: int) -> None:
        """Made by `EmbeddedBroker.link`."""
        self.node = node
        self._broker = broker
        self._state = LinkState(node, spool)
        self._queue: deque[RecordMessage] = deque(maxlen=queue_limit)
        self._sequence = 0
        self._is_started = False
        self._is_flushing = False
        self._is_delivering = False

    @property
    def is_up(self) -> bool:
        """Whether the broker is there for this node."""
        return self._state.is_up

    async def start(self) -> None:
        """Take part from now on; raises `ValueError` where a node of this name does already."""
        if self._is_started:
            return
        self._is_started = True
        await self._state.begin()
        self._broker.attach(self)

    async def stop(self) -> None:
        """Send what waits, and end; receivers have two seconds to end what they have begun."""
        if not self._is_started:
            return
        self._is_started = False
        while self.is_up and self._flush_once():
            pass
        await self._state.tasks.join(FAREWELL_TIMEOUT)
        self._broker.detach(self)
        self._close_mailboxes()
        self.forget_queue()
        await self._state.end()

    def publish(self, topic: str, key: str, record: bytes) -> None:
        """Send a record to all other nodes in a later turn of the loop."""
        self._state.outbox.put_record(topic, key, record)
        self.wake()

    def post(self, mailbox: str, letter: bytes) -> None:
        """Send a letter in a later turn of the loop."""
        self._state.outbox.put_letter(mailbox, letter)
        self.wake()

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Take part in a topic; raises `ValueError` for a second subscriber."""
        self._state.subscribe(topic, subscriber)

    def receive(self, mailbox: str, receiver: Receiver) -> None:
        """Empty a mailbox; raises `ValueError` for a second receiver."""
        self._state.receive(mailbox, receiver)

    def watch(self, watcher: Watcher) -> None:
        """Be told what happens to the link."""
        self._state.watch(watcher)

    async def drain(self) -> None:
        """Wait until what waits to be published now is, or the link is down."""
        await self._state.drain()

    def connect(self) -> None:
        """Go up; called by the broker."""
        if not self.is_up:
            self._state.rise(_UP)
            for name in self._state.receivers:
                self._broker.get_mailbox(name).open(self._state)
            self.wake()
            self._wake_delivery()

    def disconnect(self, reason: str) -> None:
        """Go down; called by the broker."""
        self._close_mailboxes()
        self._state.fall(reason)

    def enqueue(self, message: RecordMessage) -> None:
        """Let a message of records wait for this node; the oldest goes where too many do."""
        self._queue.append(message)
        self._wake_delivery()

    def forget_queue(self) -> None:
        """Lose the records that wait for this node."""
        self._queue.clear()

    def wake(self) -> None:
        """Send what waits in a later turn; called by a mailbox too, when it has room again."""
        if not self._is_flushing and self._state.is_up:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _close_mailboxes(self) -> None:
        for name in self._state.receivers:
            self._broker.get_mailbox(name).close(self._state)

    def _flush(self) -> None:
        self._is_flushing = False
        if self._state.is_up and self._flush_once():
            self.wake()

    def _flush_once(self) -> bool:
        """Send one message of records and one to each mailbox; whether more can be sent at once."""
        state = self._state
        batch = state.outbox.take_records()
        if batch is not None:
            self._sequence += 1
            message = encode_records(
                node=self.node,
                stream=state.stream,
                sequence=self._sequence,
                topic=batch.topic,
                records=batch.records.values(),
            )
            self._broker.spread(message, self)
            state.outbox.confirm_records(batch)
        more = state.outbox.has_records
        for mailbox in state.outbox.list_mailboxes():
            more = self._send_letters(mailbox) or more
        state.settle()
        return more

    def _send_letters(self, mailbox: str) -> bool:
        batch = self._state.outbox.take_letters(mailbox)
        if batch is None:
            return False
        message = encode_letters(node=self.node, stream=batch.stream, first=batch.first, letters=batch.letters)
        if not self._broker.get_mailbox(mailbox).put(message, self.wake):
            return False
        self._state.outbox.confirm_letters(batch)
        return self._state.outbox.has_letters(mailbox)

    def _wake_delivery(self) -> None:
        if self._queue and self._state.is_up and not self._is_delivering:
            self._is_delivering = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        self._is_delivering = False
        count = 0
        while self._queue and self._state.is_up and count < _RECORDS_A_TURN:
            message = self._queue.popleft()
            count += len(message.records)
            self._state.dispatch(message)
        self._wake_delivery()
