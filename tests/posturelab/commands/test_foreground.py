"""What runs in the foreground ends as it is told, and says whether all went well."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from nac.node.binding import bind_udp
from nac.node.clock import SystemClock
from nac.node.journal import Journal
from posturelab.commands.foreground import run_until_told
from posturelab.lab_file import LabFile
from posturelab.mistake import MistakeWatch, end_on_mistake
from posturelab.reading.document import Document
from posturelab.reading.input_error import InputError
from posturelab.topology.model import Topology


@pytest.fixture
def campus_lab(campus: Topology) -> LabFile:
    return LabFile(Document("campus.yaml", {}, {}), campus)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_all_went_well(campus_lab: LabFile, number: signal.Signals) -> None:
    async def live(ended: asyncio.Event) -> MistakeWatch:
        os.kill(os.getpid(), number)
        await ended.wait()
        return MistakeWatch(Journal(SystemClock()))

    assert run_until_told(live, campus_lab, loop_factory=asyncio.new_event_loop)


def test_a_mistake_ends_it_and_that_is_told(campus_lab: LabFile, capsys: pytest.CaptureFixture[str]) -> None:
    async def live(ended: asyncio.Event) -> MistakeWatch:
        watch = end_on_mistake(Journal(SystemClock()), ended)
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await ended.wait()
        return watch

    assert not run_until_told(live, campus_lab, loop_factory=asyncio.new_event_loop)
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_fault_of_the_file(campus_lab: LabFile, block: int) -> None:
    with bind_udp(f"127.{block}.9.9", 0) as taken:
        address, port = taken.getsockname()

        async def live(_: asyncio.Event) -> MistakeWatch:
            bind_udp(address, port).close()
            return MistakeWatch(Journal(SystemClock()))

        with pytest.raises(InputError, match=f"{address}.*{port}"):
            run_until_told(live, campus_lab, loop_factory=asyncio.new_event_loop)
