"""A replica on the bus: what damages it, and what it forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ldd.bus import EmbeddedBus
from ldd.directory import LIFETIME, RadiusSessionDirectory
from ldd.record import encode_record
from ldd.replication import EXPIRY_INTERVAL, Replication
from nac.runtime import Runtime
from tests.ldd.conftest import NOW

if TYPE_CHECKING:
    from tests.ldd.conftest import BuildRecord, HandClock


@pytest.fixture
async def bus() -> EmbeddedBus:
    bus = EmbeddedBus()
    await bus.start()
    return bus


@pytest.fixture
def runtime(build_runtime: Callable[[str], Runtime]) -> Runtime:
    return build_runtime("mnt1")


@pytest.fixture
def directory(runtime: Runtime, bus: EmbeddedBus) -> RadiusSessionDirectory:
    directory = RadiusSessionDirectory()
    Replication(runtime, directory=directory, bus=bus).start()
    return directory


async def test_a_damaged_message_changes_nothing_but_the_journal(
    directory: RadiusSessionDirectory, bus: EmbeddedBus, runtime: Runtime, build_record: BuildRecord
) -> None:
    bus.publish(b"{")
    bus.publish(encode_record(build_record()))
    await asyncio.sleep(0)
    assert directory.list_sessions() == [build_record()]
    (record,) = runtime.journal
    assert (record.event, record.reason) == ("rsd-record-refused", "not a session record: it is no JSON")


async def test_sessions_that_nobody_speaks_of_are_forgotten_when_others_come(
    directory: RadiusSessionDirectory,
    bus: EmbeddedBus,
    runtime: Runtime,
    build_record: BuildRecord,
    clock: HandClock,
) -> None:
    bus.publish(encode_record(build_record(session_id="old")))
    await asyncio.sleep(0)
    clock.instant = NOW + LIFETIME + EXPIRY_INTERVAL
    new = build_record(session_id="new", at=(clock.instant - NOW) / timedelta(seconds=1))
    bus.publish(encode_record(new))
    await asyncio.sleep(0)
    assert directory.list_sessions() == [new]
    assert [(record.event, record.facts["session_id"]) for record in runtime.journal] == [("rsd-expired", "old")]
