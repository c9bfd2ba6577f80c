"""The alarm Queue Link Error: once for each outage, in the journal and, by plain syslog, at MNT."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from ldd.embedded import EmbeddedBroker
from ldd.outbox import LETTER_LIMIT
from psn.link_alarm import LinkAlarm

if TYPE_CHECKING:
    from tests.psn.conftest import Bench

NODE = "psn1"


class Alarm:
    """A node's alarm and the broker that gives reason for it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.broker = EmbeddedBroker()
        self.link = self.broker.link(NODE)
        self.alarm = LinkAlarm(bench.runtime, self.link, fqdn="psn1.lab.test")

    async def start(self) -> None:
        self.alarm.start(self.bench.sender)
        await self.link.start()

    async def stop(self) -> None:
        self.alarm.stop()
        await self.link.stop()

    def list_words(self) -> list[tuple[str, str]]:
        return [(record.event, record.reason) for record in self.bench.journal]


@pytest.fixture
async def alarm(bench: Bench) -> AsyncIterator[Alarm]:
    alarm = Alarm(bench)
    yield alarm
    await alarm.stop()


async def test_link_that_breaks_is_an_alarm_at_mnt(bench: Bench, alarm: Alarm) -> None:
    """Words and attributes of a published log; posture.md 5.4 has the code and the severity."""
    await alarm.start()
    assert alarm.list_words() == []
    alarm.broker.cut(NODE, reason="connection refused")
    (record,) = bench.list_records()
    assert (record.host, record.category, record.code) == (NODE, "CISE_Alarm", 61056)
    assert (record.severity, record.text) == ("ERROR", "Queue Link Error")
    assert record.attributes == (
        ("Message", "From psn1.lab.test To the message broker"),
        ("Cause", "connection refused"),
    )
    assert alarm.list_words() == [("queue-link-error", "nothing reaches the other nodes: connection refused")]


async def test_link_that_never_was_up_is_an_alarm_too(bench: Bench, alarm: Alarm) -> None:
    alarm.broker.cut(NODE, reason="connection refused")
    await alarm.start()
    assert len(bench.list_records()) == 1


async def test_outage_is_one_alarm_and_its_end_is_news(bench: Bench, alarm: Alarm) -> None:
    await alarm.start()
    for _ in range(2):
        alarm.broker.fail(reason="gone")
        alarm.broker.fail(reason="still gone")
        alarm.broker.recover()
    assert len(bench.list_records()) == 2
    assert [event for event, _ in alarm.list_words()] == ["queue-link-error", "queue-link-restored"] * 2
    assert alarm.list_words()[1][1].startswith("the other nodes can be reached again: ")


async def test_node_that_stops_raises_no_alarm_and_begins_anew_when_it_starts(bench: Bench, alarm: Alarm) -> None:
    await alarm.start()
    alarm.broker.cut(NODE)
    await alarm.stop()
    await alarm.start()
    assert len(bench.list_records()) == 2
    await alarm.stop()
    alarm.broker.restore(NODE)
    alarm.broker.cut(NODE)
    assert bench.list_records() == []


async def test_what_is_dropped_is_in_the_journal(bench: Bench, alarm: Alarm) -> None:
    alarm.broker.cut(NODE)
    await alarm.start()
    for _ in range(LETTER_LIMIT + 2):
        alarm.link.post("mnt1", b"[]")
    (record,) = bench.list_events("queue-overflow")
    assert record.reason == f"more than {LETTER_LIMIT} letters to mnt1 wait; the oldest are dropped"
