"""The clock: virtual time, leaps of a live loop, standstill, and jobs that hold time still."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from posturelab.clock import VIRTUAL_EPOCH, LabClock, LabLoop, StandstillError

T = TypeVar("T")


def run(main: Callable[[LabLoop], Coroutine[Any, Any, T]], *, virtual: bool = True) -> T:
    async def start() -> T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LabLoop)
        return await main(loop)

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=virtual)) as runner:
        return runner.run(start())


def echo(loop: LabLoop, sock: socket.socket) -> None:
    def receive() -> None:
        data, source = sock.recvfrom(64)
        sock.sendto(data, source)

    loop.add_reader(sock, receive)


def datagram_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock


def test_five_virtual_days_pass_at_once_and_in_order() -> None:
    order: list[float] = []

    async def main(loop: LabLoop) -> float:
        async def tick(every: float) -> None:
            while True:
                await asyncio.sleep(every)
                order.append(every)

        tickers = [asyncio.create_task(tick(every)) for every in (3600, 5400)]
        await asyncio.sleep(5 * 86400)
        for ticker in tickers:
            ticker.cancel()
        return loop.time()

    assert run(main) == pytest.approx(5 * 86400)
    assert order[:5] == [3600, 5400, 3600, 5400, 3600]


def test_datagrams_arrive_before_their_timeout_in_virtual_time() -> None:
    async def main(loop: LabLoop) -> float:
        server, client = datagram_socket(), datagram_socket()
        echo(loop, server)
        for _ in range(200):
            async with asyncio.timeout(0.001):
                await loop.sock_sendto(client, b"ping", server.getsockname())
                await loop.sock_recv(client, 64)
        loop.remove_reader(server)
        server.close()
        client.close()
        return loop.time()

    assert run(main) == 0


def test_a_silent_port_times_out_without_waiting() -> None:
    async def main(loop: LabLoop) -> float:
        with datagram_socket() as client, pytest.raises(TimeoutError):
            async with asyncio.timeout(120):
                await loop.sock_recv(client, 64)
        return loop.time()

    assert run(main) == pytest.approx(120)


def test_stream_connections_are_waited_for() -> None:
    async def main(loop: LabLoop) -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.readline()).upper())
            await asyncio.sleep(30)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server, asyncio.timeout(31):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            answer_ = await reader.read()
            writer.close()
            await writer.wait_closed()
        return answer_

    assert run(main) == b"HELLO\n"


def test_time_does_not_jump_while_an_executor_job_runs() -> None:
    async def main(loop: LabLoop) -> tuple[float, int]:
        async with asyncio.timeout(0.01):
            await loop.run_in_executor(None, time.sleep, 0.05)
        return loop.time(), loop.jobs

    assert run(main) == (0, 0)


def test_names_resolve_in_virtual_time() -> None:
    async def main(loop: LabLoop) -> float:
        async with asyncio.timeout(0.01):
            await loop.getaddrinfo("localhost", 80)
        return loop.time()

    assert run(main) == 0


def test_a_virtual_loop_with_nothing_left_to_happen_says_so() -> None:
    async def main(loop: LabLoop) -> None:
        await loop.create_future()

    with pytest.raises(StandstillError, match="no timer is scheduled"):
        run(main)


def test_a_live_loop_leaps_forward_and_runs_the_timers_on_the_way() -> None:
    ticks: list[float] = []

    async def main(loop: LabLoop) -> tuple[float, float]:
        async def tick() -> None:
            while True:
                await asyncio.sleep(1800)
                ticks.append(loop.time())

        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0)
        before, wall = loop.time(), time.monotonic()
        await loop.advance(timedelta(hours=8))
        leapt = loop.time() - before
        await asyncio.sleep(0.01)
        ticker.cancel()
        return leapt, time.monotonic() - wall

    leapt, wall = run(main, virtual=False)
    assert 8 * 3600 <= leapt <= 8 * 3600 + wall
    assert len(ticks) == 15 or len(ticks) == 16


def test_an_advance_returns_when_the_timers_at_its_end_have_had_their_effect() -> None:
    async def main(loop: LabLoop) -> str:
        server, client = datagram_socket(), datagram_socket()
        echo(loop, server)
        answered: list[bytes] = []

        async def ask() -> None:
            await asyncio.sleep(60)
            await loop.sock_sendto(client, b"ping", server.getsockname())
            answered.append(await loop.sock_recv(client, 64))

        asking = asyncio.create_task(ask())
        await loop.advance(timedelta(seconds=60.1))
        loop.remove_reader(server)
        server.close()
        client.close()
        await asking
        return answered[0].decode()

    assert run(main, virtual=False) == "ping"
    assert run(main, virtual=True) == "ping"


def test_two_advances_add_up() -> None:
    async def main(loop: LabLoop) -> float:
        await asyncio.gather(loop.advance(timedelta(hours=1)), loop.advance(timedelta(hours=2)))
        return loop.time()

    assert run(main) == pytest.approx(3 * 3600)


def test_an_abandoned_advance_leaves_a_loop_in_real_time() -> None:
    async def main(loop: LabLoop) -> float:
        async def tick(every: float) -> None:
            while True:
                await asyncio.sleep(every)
                ticks.append(every)

        ticks: list[float] = []
        task = asyncio.create_task(tick(1))
        leap = asyncio.create_task(loop.advance(timedelta(days=300)))
        await asyncio.sleep(10)
        leap.cancel()
        await asyncio.gather(leap, return_exceptions=True)
        before = time.monotonic()
        await asyncio.sleep(0.02)
        task.cancel()
        return time.monotonic() - before

    assert run(main, virtual=False) >= 0.02


@pytest.mark.parametrize("by", [timedelta(0), timedelta(seconds=-1)])
def test_the_clock_only_goes_forward(by: timedelta) -> None:
    async def main(loop: LabLoop) -> None:
        await loop.advance(by)

    with pytest.raises(ValueError, match="forward"):
        run(main)


def test_the_calendar_of_a_virtual_lab_begins_on_a_fixed_day() -> None:
    async def main(loop: LabLoop) -> datetime:
        clock = LabClock(loop)
        await asyncio.sleep(90)
        return clock.now()

    assert run(main) == VIRTUAL_EPOCH + timedelta(seconds=90)


def test_the_calendar_of_a_live_lab_begins_at_present() -> None:
    async def main(loop: LabLoop) -> datetime:
        return LabClock(loop).now()

    before = datetime.now(UTC)
    assert before <= run(main, virtual=False) <= datetime.now(UTC)
