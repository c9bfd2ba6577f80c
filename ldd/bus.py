"""What carries records between nodes: a fan-out in which every subscriber gets what anybody publishes.

Knows nothing of what it carries. `Bus` is what nodes rely on; `EmbeddedBus` is the one of a lab in a single process.
ISE has RabbitMQ here (posture.md 7).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

QUEUE_LIMIT = 10_000
"""Messages that may wait for one subscriber."""

_BATCH = 64
"""Messages delivered to one subscriber before the loop may turn to something else."""

Subscriber = Callable[[bytes], None]


class Bus(Protocol):
    """A fan-out that never keeps a publisher waiting. To be used inside its event loop."""

    async def start(self) -> None:
        """Begin to carry messages."""
        ...

    async def stop(self) -> None:
        """Cease to carry messages; those under way may be lost. A second call does nothing."""
        ...

    def publish(self, message: bytes) -> None:
        """Send a message to all subscribers, the publisher's own included; returns at once and never raises."""
        ...

    def subscribe(self, name: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with every message from now on, one publisher's in their order; the result ends that.

        Raises `ValueError` where a node of this name is subscribed already. What a subscriber raises goes to the
        loop's exception handler and stops nothing.
        """
        ...


class QueueOverflowError(RuntimeError):
    """A subscriber lost messages: more waited for it than its queue holds. Reported to the loop, never raised."""

    def __init__(self, name: str, limit: int) -> None:
        """Say whose queue it was."""
        super().__init__(f"more than {limit} messages waited for {name}; the oldest were dropped")


class EmbeddedBus:
    """A bus for nodes that share one process and event loop. What is published outside start and stop is dropped."""

    def __init__(self, *, queue_limit: int = QUEUE_LIMIT) -> None:
        """Begin without subscribers."""
        self._queue_limit = queue_limit
        self._queues: dict[str, _Queue] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Begin to carry messages."""
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Cease to carry messages; those that wait are dropped."""
        self._loop = None
        for queue in self._queues.values():
            queue.messages.clear()

    def publish(self, message: bytes) -> None:
        """Put a message into every queue."""
        if self._loop is not None:
            for queue in self._queues.values():
                queue.put(message, self._loop)

    def subscribe(self, name: str, subscriber: Subscriber) -> Callable[[], None]:
        """Give a subscriber a queue of its own."""
        if name in self._queues:
            raise ValueError(f"{name} is subscribed already")
        queue = self._queues[name] = _Queue(name, subscriber, self._queue_limit)

        def unsubscribe() -> None:
            queue.messages.clear()
            if self._queues.get(name) is queue:
                del self._queues[name]

        return unsubscribe


class _Queue:
    """What waits for one subscriber; it is delivered in later turns of the loop."""

    def __init__(self, name: str, subscriber: Subscriber, limit: int) -> None:
        self.messages: deque[bytes] = deque(maxlen=limit)
        self._name = name
        self._subscriber = subscriber
        self._limit = limit
        self._is_scheduled = False
        self._overflows = False

    def put(self, message: bytes, loop: asyncio.AbstractEventLoop) -> None:
        if len(self.messages) == self._limit and not self._overflows:
            self._overflows = True
            error = QueueOverflowError(self._name, self._limit)
            loop.call_exception_handler({"message": "the bus lost messages", "exception": error})
        self.messages.append(message)
        self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._deliver, loop)

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_scheduled = False
        self._overflows = False
        for _ in range(min(_BATCH, len(self.messages))):
            if not self.messages:
                return
            message = self.messages.popleft()
            try:
                self._subscriber(message)
            except Exception as error:
                context = {"message": f"{self._name} failed to take a message from the bus", "exception": error}
                loop.call_exception_handler(context)
        if self.messages:
            self._schedule(loop)
