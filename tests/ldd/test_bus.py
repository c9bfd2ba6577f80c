"""What is the embedded bus's own: bounded queues and deliveries in turns."""

from __future__ import annotations

import asyncio
from typing import Any

from ldd.bus import EmbeddedBus, QueueOverflowError


async def test_a_full_queue_drops_the_oldest_and_reports_it_once() -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    bus = EmbeddedBus(queue_limit=3)
    await bus.start()
    taken: list[bytes] = []
    bus.subscribe("psn1", taken.append)
    for message in (b"1", b"2", b"3", b"4", b"5"):
        bus.publish(message)
    await asyncio.sleep(0)
    assert taken == [b"3", b"4", b"5"]
    assert [type(context["exception"]) for context in failures] == [QueueOverflowError]
    assert str(failures[0]["exception"]) == "more than 3 messages waited for psn1; the oldest were dropped"
    for message in (b"6", b"7", b"8", b"9"):
        bus.publish(message)
    assert len(failures) == 2, "a queue that overflows anew is reported anew"


async def test_a_long_queue_does_not_hold_the_loop() -> None:
    bus = EmbeddedBus()
    await bus.start()
    taken: list[bytes] = []
    bus.subscribe("psn1", taken.append)
    for _ in range(1000):
        bus.publish(b"record")
    await asyncio.sleep(0)
    assert 0 < len(taken) < 1000
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(taken) == 1000


async def test_what_waits_when_the_bus_stops_is_dropped() -> None:
    bus = EmbeddedBus()
    await bus.start()
    taken: list[bytes] = []
    bus.subscribe("psn1", taken.append)
    bus.publish(b"record")
    await bus.stop()
    await asyncio.sleep(0)
    assert taken == []
