"""The wait for what is expected. What is expected of a lab is tested where stories are told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest_asyncio

from nac.node.journal import Journal
from posturelab.clock import LabClock
from posturelab.scenario.expectation import wait_until


@pytest_asyncio.fixture
async def journal() -> Journal:
    return Journal(LabClock(asyncio.get_running_loop()))


async def wait(journal: Journal, seconds: float, *, until: float | None = None) -> tuple[bool, float]:
    """Wait until the journal holds a record, or until a time; whether that came, and when the wait was over."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    def holds() -> bool:
        return len(journal) > 0 if until is None else loop.time() - began >= until

    held = await wait_until(journal, holds, within=timedelta(seconds=seconds))
    return held, round(loop.time() - began, 3)


async def test_a_wait_ends_at_the_record_that_makes_it_true(journal: Journal) -> None:
    asyncio.get_running_loop().call_later(2.25, journal.write, "psn1", "access-accept", "because")
    assert await wait(journal, 30) == (True, 2.25)


async def test_what_no_record_tells_is_noticed_within_a_second(journal: Journal) -> None:
    assert await wait(journal, 30, until=2.5) == (True, 3.0)


async def test_what_holds_already_is_not_waited_for(journal: Journal) -> None:
    assert await wait(journal, 0, until=0) == (True, 0.0)


async def test_a_wait_in_vain_takes_as_long_as_it_may(journal: Journal) -> None:
    assert await wait(journal, 2.5) == (False, 2.5)
    assert await wait(journal, 0) == (False, 0.0)
    assert await wait(journal, 1, until=1) == (True, 1.0), "it is looked at a last time"
