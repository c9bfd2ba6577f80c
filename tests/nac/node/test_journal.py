"""The journal: what is kept, who is told, and how a node writes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class CountingClock:
    """A clock that goes on by one second with every look at it."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return NOW + timedelta(seconds=self.looks)


@pytest.fixture
def clock() -> CountingClock:
    return CountingClock()


@pytest.fixture
def journal(clock: CountingClock) -> Journal:
    return Journal(clock)


def test_record_tells_when_who_what_why_and_facts(journal: Journal) -> None:
    journal.write("psn1", "access-accept", "the first rule holds", {"user": "alice", "known": True})
    assert list(journal) == [
        JournalRecord(
            at=NOW + timedelta(seconds=1),
            node="psn1",
            event="access-accept",
            reason="the first rule holds",
            facts={"user": "alice", "known": True},
        )
    ]


def test_record_without_facts_has_none(journal: Journal) -> None:
    journal.write("psn1", "start", "the node is asked to")
    (record,) = journal
    assert record.facts == {}


def test_instant_that_is_given_spares_a_look_at_the_clock(journal: Journal, clock: CountingClock) -> None:
    journal.write("psn1", "event", "reason", at=NOW)
    (record,) = journal
    assert (record.at, clock.looks) == (NOW, 0)


def test_oldest_records_go_first_beyond_the_limit_but_are_counted(clock: CountingClock) -> None:
    journal = Journal(clock, limit=3)
    for number in range(5):
        journal.write("psn1", str(number), "reason")
    assert [record.event for record in journal] == ["2", "3", "4"]
    assert (len(journal), journal.written) == (3, 5)


def test_cleared_journal_is_empty_and_goes_on(journal: Journal) -> None:
    journal.write("psn1", "before", "reason")
    journal.clear()
    journal.write("psn1", "behind", "reason")
    assert [record.event for record in journal] == ["behind"]


def test_records_may_be_written_while_others_are_read(journal: Journal) -> None:
    journal.write("psn1", "first", "reason")
    for record in journal:
        journal.write("psn1", f"after {record.event}", "reason")
    assert len(journal) == 2


def test_listener_is_told_from_then_on_until_it_ends(journal: Journal) -> None:
    heard: list[str] = []
    journal.write("psn1", "before", "reason")
    end = journal.listen(lambda record: heard.append(record.event))
    journal.write("psn1", "meanwhile", "reason")
    end()
    end()
    journal.write("psn1", "afterwards", "reason")
    assert heard == ["meanwhile"]


def test_listener_that_ends_itself_deprives_no_other_of_the_record(journal: Journal) -> None:
    heard: list[str] = []
    ends: list[Callable[[], None]] = []

    def listen_once(record: JournalRecord) -> None:
        heard.append(f"once {record.event}")
        ends[0]()

    ends.append(journal.listen(listen_once))
    journal.listen(lambda record: heard.append(f"always {record.event}"))
    journal.write("psn1", "first", "reason")
    journal.write("psn1", "second", "reason")
    assert heard == ["once first", "always first", "always second"]


def refuse(_: JournalRecord) -> None:
    raise ValueError("no")


def test_listener_that_fails_is_dropped_and_the_others_are_told(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[str] = []
    journal.listen(refuse)
    journal.listen(lambda record: heard.append(record.event))
    journal.write("psn1", "first", "reason")
    journal.write("psn1", "second", "reason")
    assert heard == ["first", "second"]
    assert capsys.readouterr().err.count("ValueError: no") == 1


async def test_failure_of_a_listener_goes_to_the_loop_once(journal: Journal) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    journal.listen(refuse)
    journal.write("psn1", "first", "reason")
    journal.write("psn1", "second", "reason")
    assert [(context["message"], str(context["exception"])) for context in told] == [
        ("a listener of the journal failed", "no")
    ]


def test_listener_may_write_itself(journal: Journal) -> None:
    def echo(record: JournalRecord) -> None:
        if record.event == "call":
            journal.write("psn2", "echo", "the other called")

    journal.listen(echo)
    journal.write("psn1", "call", "reason")
    assert [(record.node, record.event) for record in journal] == [("psn1", "call"), ("psn2", "echo")]


def test_node_writes_under_its_own_name(journal: Journal, clock: CountingClock) -> None:
    runtime = Runtime(node="psn1", clock=clock, random=random.Random(1), journal=journal)
    runtime.write("event", "reason", {"fact": 1})
    runtime.observe("observed", "reason", {"fact": 2})
    journal.writer("mnt1")("noted", "reason", {"fact": 3})
    assert [(record.node, record.event, record.facts["fact"]) for record in journal] == [
        ("psn1", "event", 1),
        ("psn1", "observed", 2),
        ("mnt1", "noted", 3),
    ]
