"""What every bus promises, asked of every back end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ldd.bus import Bus, EmbeddedBus

BACK_ENDS: dict[str, Callable[[], Bus]] = {"embedded": EmbeddedBus}


@pytest.fixture(params=BACK_ENDS)
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    bus = BACK_ENDS[request.param]()
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
async def failures() -> list[dict[str, Any]]:
    """What was reported to the loop."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    return contexts


class Inbox:
    """A subscriber that can be waited for."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self._arrived = asyncio.Event()

    def take(self, message: bytes) -> None:
        self.messages.append(message)
        self._arrived.set()

    async def wait_for(self, count: int) -> list[bytes]:
        async with asyncio.timeout(10):
            while len(self.messages) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.messages


def number(count: int) -> list[bytes]:
    return [str(item).encode() for item in range(count)]


async def test_every_subscriber_gets_every_message_in_order(bus: Bus) -> None:
    inboxes = {name: Inbox() for name in ("psn1", "psn2", "mnt1")}
    for name, inbox in inboxes.items():
        bus.subscribe(name, inbox.take)
    for message in number(500):
        bus.publish(message)
    for inbox in inboxes.values():
        assert await inbox.wait_for(500) == number(500)


async def test_nothing_is_delivered_while_the_publisher_still_speaks(bus: Bus) -> None:
    inbox = Inbox()
    bus.subscribe("psn1", inbox.take)
    bus.publish(b"record")
    assert inbox.messages == []
    assert await inbox.wait_for(1) == [b"record"]


async def test_what_a_subscriber_publishes_follows_what_it_was_told(bus: Bus) -> None:
    inbox = Inbox()

    def answer(message: bytes) -> None:
        if message == b"question":
            bus.publish(b"answer")

    bus.subscribe("psn1", answer)
    bus.subscribe("psn2", inbox.take)
    bus.publish(b"question")
    assert await inbox.wait_for(2) == [b"question", b"answer"]


async def test_a_raising_subscriber_harms_neither_publisher_nor_others(
    bus: Bus, failures: list[dict[str, Any]]
) -> None:
    inbox, seen = Inbox(), Inbox()

    def fail(message: bytes) -> None:
        seen.take(message)
        raise ZeroDivisionError

    bus.subscribe("psn1", fail)
    bus.subscribe("psn2", inbox.take)
    for message in number(3):
        bus.publish(message)
    assert await inbox.wait_for(3) == await seen.wait_for(3) == number(3)
    assert [type(context["exception"]) for context in failures] == [ZeroDivisionError] * 3
    assert "psn1" in failures[0]["message"]


async def test_who_has_unsubscribed_is_told_no_more_not_even_what_waited(bus: Bus) -> None:
    gone, inbox = Inbox(), Inbox()
    unsubscribe = bus.subscribe("psn1", gone.take)
    bus.subscribe("psn2", inbox.take)
    bus.publish(b"first")
    unsubscribe()
    unsubscribe()
    bus.publish(b"second")
    assert await inbox.wait_for(2) == [b"first", b"second"]
    assert gone.messages == []


async def test_one_who_unsubscribes_while_being_told_gets_nothing_further(bus: Bus) -> None:
    once, inbox = Inbox(), Inbox()

    def take(message: bytes) -> None:
        once.take(message)
        unsubscribe()

    unsubscribe = bus.subscribe("psn1", take)
    bus.subscribe("psn2", inbox.take)
    for message in number(3):
        bus.publish(message)
    assert await inbox.wait_for(3) == number(3)
    assert once.messages == [b"0"]


async def test_a_name_is_free_again_after_its_subscriber_left(bus: Bus) -> None:
    inbox = Inbox()
    unsubscribe = bus.subscribe("psn1", inbox.take)
    with pytest.raises(ValueError, match="psn1 is subscribed already"):
        bus.subscribe("psn1", inbox.take)
    unsubscribe()
    bus.subscribe("psn1", inbox.take)
    unsubscribe()  # ends the first subscription only
    bus.publish(b"record")
    assert await inbox.wait_for(1) == [b"record"]


async def test_publishing_without_subscribers_or_after_the_end_harms_nobody(bus: Bus) -> None:
    bus.publish(b"nobody listens")
    await bus.stop()
    await bus.stop()
    bus.publish(b"too late")
