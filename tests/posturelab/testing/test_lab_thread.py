"""A lab in a thread: who may call, what time does meanwhile, and how it ends."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nac.node.binding import AddressInUseError, bind_udp
from nac.node.journal import JournalRecord
from posturelab.clock import VIRTUAL_EPOCH, StandstillError
from posturelab.lab import Lab
from posturelab.port_assignment import assign_ports
from posturelab.testing.lab_thread import LabEndedError, LabThread
from posturelab.topology.model import Topology
from posturelab.topology.nodes import PsnNode

Start = Callable[..., LabThread]


@pytest.fixture
def start(campus: Topology, tmp_path: Path) -> Iterator[Start]:
    threads: list[LabThread] = []

    def build(*, virtual: bool = True) -> LabThread:
        thread = LabThread(campus, seed=1, state_dir=tmp_path, virtual=virtual)
        threads.append(thread)
        thread.start()
        return thread

    yield build
    for thread in threads:
        thread.stop()
        assert not thread.mistakes


def ask_for_status(thread: LabThread) -> str:
    """Ask psn1 for its status with a program that knows nothing of labs."""
    node = thread.lab.topology.select(PsnNode)["psn1"]
    command = ["radclient", "-t", "5", f"{node.address}:{node.ports.authentication[0]}", "status", "testing123"]
    done = subprocess.run(command, input="Message-Authenticator = 0x00\n", capture_output=True, text=True, check=False)
    return done.stdout


def test_virtual_time_passes_during_calls_only(start: Start) -> None:
    thread = start()
    assert thread.call(thread.lab.clock.now) == VIRTUAL_EPOCH
    thread.run(asyncio.sleep(3600))
    later = VIRTUAL_EPOCH + timedelta(hours=1)
    assert [thread.call(thread.lab.clock.now) for _ in range(3)] == [later] * 3
    thread.run(thread.lab.advance(timedelta(days=1)))
    assert thread.call(thread.lab.clock.now) == later + timedelta(days=1)


def test_a_foreign_client_is_answered_while_virtual_time_stands_still(start: Start) -> None:
    thread = start()
    assert "Access-Accept" in ask_for_status(thread)
    assert thread.call(thread.lab.clock.now) == VIRTUAL_EPOCH


def test_a_live_lab_goes_on_by_itself(start: Start) -> None:
    thread = start(virtual=False)
    seen = threading.Event()

    def listen(record: JournalRecord) -> None:
        if record.event == "access-accept":
            seen.set()

    thread.call(thread.lab.journal.listen, listen)
    thread.run(thread.lab.get_endpoint("laptop1").plug())
    assert seen.wait(30)
    assert "Access-Accept" in ask_for_status(thread)


def test_two_virtual_labs_of_one_seed_tell_the_same(start: Start) -> None:
    def tell() -> list[str]:
        thread = start()
        thread.run(thread.lab.get_endpoint("laptop1").plug())
        thread.run(thread.lab.get_endpoint("laptop2").plug())
        thread.run(asyncio.sleep(60))
        records = thread.call(list, thread.lab.journal)
        thread.stop()
        return [f"{record.at} {record.node} {record.event}" for record in records]

    assert tell() == tell()


def test_what_is_called_settles_before_the_call_ends(start: Start) -> None:
    thread = start()
    thread.run(thread.lab.get_endpoint("laptop1").plug())
    assert thread.lab.switches["switch1"].access("GigabitEthernet1/0/1").summary == "redirect"
    assert thread.call(thread.lab.clock.now) == VIRTUAL_EPOCH


def test_calls_may_come_from_several_threads(start: Start) -> None:
    thread = start()
    callers = [threading.Thread(target=lambda: thread.run(asyncio.sleep(60))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert thread.call(thread.lab.clock.now) >= VIRTUAL_EPOCH + timedelta(minutes=1)


def test_what_a_call_raises_is_raised(start: Start) -> None:
    thread = start()
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0)
    with pytest.raises(TimeoutError):
        thread.run(asyncio.wait_for(asyncio.Event().wait(), 5))
    assert thread.call(lambda: 1) == 1


def test_a_lab_that_has_ended_answers_no_calls(start: Start) -> None:
    thread = start()
    thread.stop()
    thread.stop()
    with pytest.raises(LabEndedError):
        thread.call(lambda: 1)


def test_a_call_out_of_the_lab_s_own_thread_is_refused(start: Start) -> None:
    thread = start()
    with pytest.raises(LabEndedError, match="waits for itself"):
        thread.call(lambda: thread.call(lambda: 1))


def test_a_lab_that_breaks_down_says_so_to_whoever_waits(start: Start) -> None:
    thread = start()

    async def wait_in_vain() -> None:
        for node in reversed(thread.lab.nodes.values()):
            await node.stop()
        await asyncio.Event().wait()

    with pytest.raises(LabEndedError) as told:
        thread.run(wait_in_vain())
    assert isinstance(told.value.__cause__, StandstillError)


def test_a_birth_that_fails_is_raised_and_leaves_no_thread(campus: Topology, tmp_path: Path) -> None:
    topology = assign_ports(campus)
    node = topology.select(PsnNode)["psn2"]
    thread = LabThread(topology, seed=1, state_dir=tmp_path, virtual=True)
    with bind_udp(node.address, node.ports.authentication[0]), pytest.raises(AddressInUseError):
        thread.start()
    thread.stop()
    assert not [other for other in threading.enumerate() if other.name.startswith("posturelab")]


def test_a_breakdown_that_no_call_has_told_is_raised_at_the_end_once(start: Start) -> None:
    thread = start()

    def die() -> None:
        raise SystemExit("no more")

    thread.call(asyncio.get_running_loop).call_soon_threadsafe(die)
    with pytest.raises(LabEndedError, match="the lab has broken down: SystemExit: no more"):
        thread.stop()
    thread.stop()


def test_a_stop_that_fails_is_raised(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Lab.__aexit__

    async def fail(lab: Lab, *details: Any) -> None:
        await stop(lab, *details)
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Lab, "__aexit__", fail)
    thread = start()
    with pytest.raises(LabEndedError, match="the lab has broken down: ZeroDivisionError: oh"):
        thread.stop()


def test_a_lab_that_goes_on_after_its_end_is_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    thread, blocked = start(), threading.Event()
    thread.call(asyncio.get_running_loop).call_soon_threadsafe(blocked.wait)
    with monkeypatch.context() as patch:
        patch.setattr("posturelab.testing.lab_thread.CALL_TIMEOUT", 0.1)
        with pytest.raises(LabEndedError, match=r"the lab does not stop within 0\.1 s"):
            thread.stop()
    blocked.set()
