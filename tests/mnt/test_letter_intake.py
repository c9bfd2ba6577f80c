"""Letters: every one once, whatever comes again; damaged ones refused; missing ones told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.link import Delivery, Json, NotTakenError
from mnt.letter_intake import LetterIntake
from mnt.store import MonitoringStore
from mnt.store_schema import Position
from nac.node.database import DatabaseError
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.syslog import SyslogRecord
from tests.mnt.conftest import HandClock, LetterMaker


class Mailbox:
    """An intake with a store, and what came through it."""

    def __init__(self, path: Path | None = None) -> None:
        clock = HandClock()
        self.runtime = Runtime(node="mnt1", clock=clock, random=random.Random(1), journal=Journal(clock))
        self.store = MonitoringStore(path, self.runtime, find_session=lambda _: None)
        self.intake = LetterIntake(self.runtime, self.store, self.take)
        self.taken: list[tuple[str, int]] = []

    def take(self, record: SyslogRecord, position: Position) -> None:
        self.taken.append((record.first("CPMSessionID"), position.number))

    async def deliver(self, first: int, letters: Sequence[Json], *, stream: str = "life") -> None:
        await self.intake.receive(Delivery(sender="psn1", stream=stream, first=first, letters=letters))

    def reasons(self, event: str) -> list[str]:
        return [entry.reason for entry in self.runtime.journal if entry.event == event]


def make_letters(count: int) -> list[Json]:
    maker = LetterMaker()
    return [maker.make(3002, f"S{number}") for number in range(1, count + 1)]


async def test_letters_are_taken_in_their_order() -> None:
    mailbox = Mailbox()
    await mailbox.deliver(1, make_letters(3))
    assert mailbox.taken == [("S1", 1), ("S2", 2), ("S3", 3)]


async def test_a_record_of_several_lines_is_one_letter(letters: LetterMaker) -> None:
    mailbox = Mailbox()
    letter = letters.make(5200, "S1", Filler="x" * 9_000)
    assert len(letter) == 3
    await mailbox.deliver(1, [letter])
    assert mailbox.taken == [("S1", 1)]


@given(cuts=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 6)), max_size=12))
def test_whatever_comes_again_is_taken_once(cuts: list[tuple[int, int]]) -> None:
    async def story() -> None:
        letters = make_letters(20)
        mailbox = Mailbox()
        acknowledged = 1
        for first, count in [*cuts, (1, 20)]:
            start = min(first, acknowledged)  # a link leaves nothing out
            await mailbox.deliver(start, letters[start - 1 : start - 1 + count])
            acknowledged = max(acknowledged, start + count)
        assert mailbox.taken == [(f"S{number}", number) for number in range(1, 21)]
        assert mailbox.reasons("log-records-missing") == []

    asyncio.run(story())


async def test_deliveries_under_way_at_once_are_stored_before_they_are_acknowledged(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mnt1.sqlite")
    await mailbox.store.open(mailbox.runtime.clock.now())
    letters = make_letters(30)
    await asyncio.gather(*(mailbox.deliver(first, letters[first - 1 : first + 9]) for first in (1, 11, 1, 21, 11)))
    assert [number for _, number in mailbox.taken] == list(range(1, 31))
    await mailbox.store.close()
    await mailbox.store.open(mailbox.runtime.clock.now())
    assert mailbox.store.find_next("life") == 31
    await mailbox.store.close()


async def test_letters_that_could_not_be_stored_are_not_acknowledged_and_not_doubled(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mnt1.sqlite")
    await mailbox.store.open(mailbox.runtime.clock.now())

    async def fail(*_: object) -> DatabaseError:
        return DatabaseError("the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mailbox.store, "_write_batch", fail)
        with pytest.raises(NotTakenError, match="the disk is full"):
            await mailbox.deliver(1, make_letters(2))
    await mailbox.deliver(1, make_letters(2))
    assert [number for _, number in mailbox.taken] == [1, 2]
    await mailbox.store.close()


async def test_streams_are_counted_each_by_itself() -> None:
    mailbox = Mailbox()
    await mailbox.deliver(1, make_letters(2))
    await mailbox.deliver(1, make_letters(1), stream="next life")
    assert mailbox.taken == [("S1", 1), ("S2", 2), ("S1", 1)]


async def test_missing_letters_are_told_with_their_number_and_late_ones_not_doubled() -> None:
    mailbox = Mailbox()
    letters = make_letters(5)
    await mailbox.deliver(1, letters[:1])
    await mailbox.deliver(4, letters[3:])
    await mailbox.deliver(1, letters)
    assert [number for _, number in mailbox.taken] == [1, 4, 5]
    (entry,) = [entry for entry in mailbox.runtime.journal if entry.event == "log-records-missing"]
    assert entry.facts == {"server": "psn1", "missing": 2}


async def test_what_came_before_the_first_letter_of_a_sender_is_nobodys_loss() -> None:
    mailbox = Mailbox()
    await mailbox.deliver(4, make_letters(1))
    await mailbox.deliver(6, make_letters(1))
    assert mailbox.taken == [("S1", 4), ("S1", 6)]
    (reason,) = mailbox.reasons("log-records-missing")
    assert reason.startswith("1 log records of psn1")


async def test_another_life_of_a_sender_that_begins_late_has_lost_its_beginning() -> None:
    mailbox = Mailbox()
    await mailbox.deliver(1, make_letters(1), stream="last life")
    await mailbox.deliver(4, make_letters(1))
    assert mailbox.reasons("log-records-missing")[0].startswith("3 log records of psn1")


async def test_a_damaged_letter_is_refused_once_and_the_others_are_taken() -> None:
    mailbox = Mailbox()
    one, two = make_letters(2)
    for _ in range(2):
        await mailbox.deliver(1, [one, {"no": "letter"}, two])
    assert mailbox.taken == [("S1", 1), ("S2", 3)]
    (reason,) = mailbox.reasons("letter-refused")
    assert "a letter is a list of lines" in reason


async def test_a_letter_that_this_node_fails_on_does_not_come_again_for_ever() -> None:
    mailbox = Mailbox()

    def fail(record: SyslogRecord, position: Position) -> None:
        raise RuntimeError(record.code)

    letters = make_letters(2)
    with pytest.raises(RuntimeError):
        await LetterIntake(mailbox.runtime, mailbox.store, fail).receive(
            Delivery(sender="psn1", stream="life", first=1, letters=letters)
        )
    await mailbox.deliver(1, letters)
    assert mailbox.taken == [("S2", 2)]


@given(stream=st.text(), sender=st.text())
def test_names_that_no_file_can_hold_are_stored_all_the_same(stream: str, sender: str) -> None:
    async def story() -> None:
        mailbox = Mailbox()
        lone = f"{stream}\ud800"
        for _ in range(2):
            await mailbox.intake.receive(Delivery(sender=sender, stream=lone, first=1, letters=make_letters(1)))
        assert len(mailbox.taken) == 1

    asyncio.run(story())
