"""The alarm Queue Link Error: once for each outage, whose reasons and end are in the journal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ldd.embedded import EmbeddedBroker
from ldd.link import Delivery
from ldd.link_alarm import REASON_LIMIT, LinkAlarm
from ldd.outbox import LETTER_LIMIT
from nac.node.journal import Journal
from nac.node.runtime import Runtime

NODE = "psn1"


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Bench:
    """A node's alarm and the broker that gives reason for it."""

    def __init__(self, spool: Path | None = None) -> None:
        clock = Clock()
        self.journal = Journal(clock)
        self.broker = EmbeddedBroker()
        self.link = self.broker.link(NODE, spool=spool)
        runtime = Runtime(node=NODE, clock=clock, random=random.Random(1), journal=self.journal)
        self.alarm = LinkAlarm(runtime, self.link, name="psn1.lab.test")
        self.raised: list[list[tuple[str, str]]] = []

    async def start(self) -> None:
        self.alarm.start(self.raised.append)
        await self.link.start()

    async def stop(self) -> None:
        self.alarm.stop()
        await self.link.stop()

    def list_words(self) -> list[tuple[str, str]]:
        return [(record.event, record.reason) for record in self.journal]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.stop()


async def test_link_that_breaks_is_an_alarm(bench: Bench) -> None:
    """Attributes of a published log."""
    await bench.start()
    assert bench.list_words() == []
    bench.broker.cut(NODE, reason="connection refused")
    assert bench.raised == [[("Message", "From psn1.lab.test To the message broker"), ("Cause", "connection refused")]]
    assert bench.list_words() == [("queue-link-error", "nothing reaches the other nodes: connection refused")]


async def test_link_that_never_was_up_is_an_alarm_too(bench: Bench) -> None:
    bench.broker.cut(NODE, reason="connection refused")
    await bench.start()
    assert len(bench.raised) == 1


async def test_outage_is_one_alarm_and_its_end_is_news(bench: Bench) -> None:
    await bench.start()
    for _ in range(2):
        bench.broker.fail(reason="gone")
        bench.broker.fail(reason="gone")
        bench.broker.recover()
    assert len(bench.raised) == 2
    assert [event for event, _ in bench.list_words()] == ["queue-link-error", "queue-link-restored"] * 2
    assert bench.list_words()[1][1].startswith("the other nodes can be reached again: ")


async def test_each_reason_of_an_outage_is_told_once_and_is_no_alarm_of_its_own(bench: Bench) -> None:
    await bench.start()
    for _ in range(2):
        for _ in range(2):
            bench.broker.fail(reason="connection refused")
            bench.broker.fail(reason="wrong password")
        bench.broker.recover()
    first, second, end = bench.list_words()[:3]
    assert first == ("queue-link-error", "nothing reaches the other nodes: connection refused")
    assert second == ("queue-link-error", "still nothing reaches the other nodes: wrong password")
    assert bench.list_words() == [first, second, end] * 2
    assert len(bench.raised) == 2


async def test_an_outage_with_ever_new_reasons_falls_silent(bench: Bench) -> None:
    await bench.start()
    for number in range(REASON_LIMIT + 1):
        bench.broker.fail(reason=f"refusal {number}")
    assert len(bench.list_words()) == REASON_LIMIT


async def test_node_that_stops_raises_no_alarm_and_begins_anew_when_it_starts(bench: Bench) -> None:
    await bench.start()
    bench.broker.cut(NODE)
    await bench.stop()
    await bench.start()
    assert len(bench.raised) == 2
    await bench.stop()
    bench.broker.restore(NODE)
    bench.broker.cut(NODE)
    assert len(bench.raised) == 2


async def test_what_is_dropped_is_in_the_journal(bench: Bench) -> None:
    bench.broker.cut(NODE)
    await bench.start()
    for _ in range(LETTER_LIMIT + 2):
        bench.link.post("mnt1", b"[]")
    reasons = [reason for event, reason in bench.list_words() if event == "queue-overflow"]
    assert reasons == [f"more than {LETTER_LIMIT} letters to mnt1 wait; the oldest are dropped"]


async def test_letters_that_cannot_be_read_are_in_the_journal_whether_they_stay_or_go(bench: Bench) -> None:
    async def receive(delivery: Delivery) -> None:
        raise AssertionError

    bench.link.receive("mnt1", receive)
    await bench.start()
    for message in (b"damaged", b'{"schemaVersion":2,"node":"psn2"}'):
        bench.broker.get_mailbox("mnt1").put(message, lambda: None)
    for _ in range(10):
        await asyncio.sleep(0)
    newer = "psn2 writes schema version 2, and this release knows 1"
    assert bench.list_words() == [
        ("message-unreadable", "letters to mnt1 are thrown away: it is not JSON"),
        ("letters-held", f"letters to mnt1 wait for a newer release of this node: {newer}"),
    ]


async def test_letters_that_a_node_has_left_and_cannot_read_are_in_the_journal(tmp_path: Path) -> None:
    spool = tmp_path / "psn1.spool"
    spool.write_bytes(b"damaged")
    bench = Bench(spool)
    await bench.start()
    reason = "the letters in psn1.spool cannot be read: the file is damaged, and is now called psn1.spool.damaged"
    assert bench.list_words() == [("spool-failed", reason)]
    await bench.stop()
