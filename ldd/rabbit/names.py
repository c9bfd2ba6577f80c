"""What a deployment has in its broker: names, arguments, and how they are declared (docs/messaging.md).

Both sides of a mailbox declare it, with the same arguments, so that whoever comes first makes it. ISE's own names are
not public.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

QUEUE_EXPIRY = 10 * 60 * 1000
"""Milliseconds after which the queue of a node that is gone goes too."""

PASSING_EXPIRY = 60 * 1000
"""The same for every queue of a deployment that does not last."""

QUEUE_LIMIT = 10_000
"""Messages of records that may wait for one node; the oldest are dropped."""

QUEUE_OCTETS = 64 << 20

MAILBOX_LIMIT = 50_000
"""Messages of letters that may wait in one mailbox; more is not accepted, and waits at its sender."""

MAILBOX_OCTETS = 256 << 20


@dataclass(frozen=True, slots=True)
class BrokerNames:
    """The names that one node uses. What a deployment leaves at the broker goes by itself unless it `is_lasting`."""

    deployment: str
    node: str
    is_lasting: bool = True

    @property
    def exchange(self) -> str:
        """The fan-out to all nodes."""
        return f"posturelab.{self.deployment}"

    @property
    def queue(self) -> str:
        """What waits for this node."""
        return f"posturelab.{self.deployment}.{self.node}"

    def name_mailbox(self, mailbox: str) -> str:
        """Name a mailbox's queue."""
        return f"posturelab.{self.deployment}.log.{mailbox}"

    async def declare_exchange(self, channel: AbstractChannel) -> AbstractExchange:
        """Declare the fan-out; a passing one goes with the last of its queues."""
        return await channel.declare_exchange(
            self.exchange, ExchangeType.FANOUT, durable=True, auto_delete=not self.is_lasting
        )

    async def declare_queue(self, channel: AbstractChannel) -> AbstractQueue:
        """Declare this node's queue and bind it to the fan-out, which exists."""
        queue = await channel.declare_queue(
            self.queue,
            durable=True,
            arguments={
                "x-expires": QUEUE_EXPIRY if self.is_lasting else PASSING_EXPIRY,
                "x-max-length": QUEUE_LIMIT,
                "x-max-length-bytes": QUEUE_OCTETS,
                "x-overflow": "drop-head",
            },
        )
        await queue.bind(self.exchange)
        return queue

    async def declare_mailbox(self, channel: AbstractChannel, mailbox: str) -> AbstractQueue:
        """Declare a mailbox, which keeps what is in it for as long as its deployment lasts."""
        arguments: dict[str, Any] = {
            "x-max-length": MAILBOX_LIMIT,
            "x-max-length-bytes": MAILBOX_OCTETS,
            "x-overflow": "reject-publish",
        }
        if not self.is_lasting:
            arguments["x-expires"] = PASSING_EXPIRY
        return await channel.declare_queue(self.name_mailbox(mailbox), durable=True, arguments=arguments)
