"""Measure how late a session is known elsewhere: three policy service nodes and a monitoring node on one RabbitMQ.

Every node is a process of its own, `posturelab node`, under uvloop; the broker is one of the benchmark's own (Debian's
`rabbitmq-server`). The generator (`radload.c`) authenticates new sessions on psn1 at a steady rate, and the delay is
counted from the moment in which psn1 makes the session's record until psn3 has merged it: policy, session cache,
journal and log records are at work on both sides, psn2 and mnt1 merge everything too, and mnt1 stores the log records.

Beside it, in turns, *bare aio-pika*: a process that publishes records of the same size at the same rate, a message a
record, confirmed, and one that consumes and acknowledges them; the nodes have nothing to do meanwhile. The goal is a
p99 within twice that. A delay is mostly time spent waiting for the processor, so it is told how much of that was idle:
where next to nothing was, figures say little. They hold for this machine and this run; compare ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aio_pika
import uvloop
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage, AbstractQueue

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from generator import build_generator  # noqa: E402
from rabbitmq import build_record, spread  # noqa: E402

from tests.live.deployment import NODES, PASSWORD, SECRET, USER, Deployment  # noqa: E402
from tests.rabbitmq_server import RabbitMqServer, find_missing  # noqa: E402

WINDOW = 100
"""Messages the bare consumer may have that it has not acknowledged; a node's link allows as many."""


@dataclass(frozen=True, slots=True)
class Delays:
    """One round, in milliseconds, and the share of the processor that was idle meanwhile."""

    median: float
    p99: float
    idle: float


class IdleWatch:
    """Measures how much of the processor nobody has used: where there is nothing left, everybody waits for it."""

    def __init__(self) -> None:
        """Begin."""
        self._begin = _read_processor()

    def read(self) -> float:
        """Read the share that was idle since the beginning."""
        (idle, total), (idle_before, total_before) = _read_processor(), self._begin
        return (idle - idle_before) / max(1, total - total_before)


def _read_processor() -> tuple[int, int]:
    """Read the ticks of all cores: idle, and in total (proc(5))."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


async def declare(channel: AbstractChannel, name: str) -> tuple[AbstractExchange, AbstractQueue]:
    """Declare what both sides use, so that whoever comes first makes it."""
    exchange = await channel.declare_exchange(name, "fanout")
    queue = await channel.declare_queue(name)
    await queue.bind(exchange)
    return exchange, queue


async def publish(url: str, name: str, rate: int, count: int) -> None:
    """Publish records at a steady rate, once somebody consumes them; each bears the moment in which it was made."""
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel, asyncio.TaskGroup() as group:
        exchange, queue = await declare(channel, name)
        while not queue.declaration_result.consumer_count:
            await asyncio.sleep(0.05)
            exchange, queue = await declare(channel, name)
        begin = time.time() + 0.1
        for number in range(count):
            await asyncio.sleep(max(0.0, begin + number / rate - time.time()))
            message = aio_pika.Message(build_record(number, time.time()))
            group.create_task(exchange.publish(message, "", mandatory=False))


async def consume(url: str, name: str, count: int) -> list[float]:
    """Consume so many records; returns by how many milliseconds each was late."""
    delays, all_here = list[float](), asyncio.Event()

    async def take(message: AbstractIncomingMessage) -> None:
        delays.append((time.time() - json.loads(message.body)["due"]) * 1000)
        await message.ack()
        if len(delays) == count:
            all_here.set()

    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        await channel.set_qos(prefetch_count=WINDOW)
        _, queue = await declare(channel, name)
        await queue.consume(take)
        async with asyncio.timeout(60):
            await all_here.wait()
    return delays


def run_publisher(url: str, name: str, rate: int, count: int) -> None:
    """Publish, in a process of its own."""
    uvloop.run(publish(url, name, rate, count))


def run_consumer(url: str, name: str, count: int) -> list[float]:
    """Consume, in a process of its own."""
    return uvloop.run(consume(url, name, count))


def measure_bare(pool: Executor, url: str, *, rate: int, count: int) -> Delays:
    """Let two processes share records through bare aio-pika."""
    name = secrets.token_hex(4)
    watch = IdleWatch()
    consumer = pool.submit(run_consumer, url, name, count)
    pool.submit(run_publisher, url, name, rate, count).result()
    delays = sorted(consumer.result())
    return Delays(statistics.median(delays), delays[int(0.99 * (len(delays) - 1))], watch.read())


async def measure_nodes(deployment: Deployment, generator: Path, *, rate: int, count: int) -> Delays:
    """Authenticate sessions on psn1; psn3 begins anew before, so that what it says of delays is of this round."""
    await deployment["psn3"].stop()
    await deployment.start()
    await deployment.wait_equal(names=("psn1", "psn3"))
    command = [str(generator), "-H", deployment["psn1"].address, "-p", "1812", "-S", SECRET, "-u", USER]
    command += ["-w", PASSWORD, "-r", str(rate), "-c", str(count), "-d", "60"]
    watch = IdleWatch()
    found = json.loads(await asyncio.to_thread(subprocess.check_output, command))
    idle = watch.read()
    if found["accept"] != count or found["badauth"] + found["badma"]:
        raise SystemExit(f"psn1 accepted {found['accept']} of {count} requests: {found}")
    await deployment.wait_equal(names=("psn1", "psn3"))
    merges = (await deployment["psn3"].ask("/snapshot"))["replication"]
    return Delays(merges["median_delay"], merges["p99_delay"], idle)


def report(found: dict[str, list[Delays]], rate: int) -> None:
    """Print median and p99, and how they compare round by round."""
    print(f"\nDelay at {rate} sessions/s, ms\n  {'':<38} {'median':>20} {'p99':>24} {'processor idle, %':>20}")
    for title, rounds in found.items():
        medians, p99 = [delays.median for delays in rounds], [delays.p99 for delays in rounds]
        idle = spread([100 * delays.idle for delays in rounds], 0)
        print(f"  {title:<38} {spread(medians, 2):>20} {spread(p99, 2):>24} {idle:>20}")
    nodes, bare = found.values()
    ratios = [own.p99 / other.p99 for own, other in zip(nodes, bare, strict=True)]
    print(f"  p99 of the nodes by that of bare aio-pika: {spread(ratios, 2)} (goal: 2)")


async def compare(server: RabbitMqServer, folder: Path, arguments: argparse.Namespace) -> None:
    """Start the nodes, take turns, print the table."""
    nodes, bare = list[Delays](), list[Delays]()
    rate, count = arguments.rate, int(arguments.rate * arguments.seconds)
    generator, deployment = build_generator(), Deployment(folder, broker=server.url)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        try:
            await deployment.start()
            for _ in range(arguments.rounds):
                nodes.append(await measure_nodes(deployment, generator, rate=rate, count=count))
                bare.append(await asyncio.to_thread(measure_bare, pool, server.url, rate=rate, count=count))
        finally:
            deployment.end()
    report({"authenticated on psn1, merged on psn3": nodes, "bare aio-pika, two processes": bare}, rate)


def main() -> None:
    """Parse the command line, start the broker, say what is measured on what."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one round")
    parser.add_argument("--rate", type=int, default=500, help="sessions a second")
    arguments = parser.parse_args()
    missing = find_missing() or (None if shutil.which("gcc") else "gcc is missing: apt-get install gcc")
    if missing is not None:
        raise SystemExit(missing)
    print(f"Python {sys.version.split()[0]}, aio-pika {aio_pika.__version__}, {os.cpu_count()} cores")
    print(f"{', '.join(NODES)}; figures are minimum/median/maximum of {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        server = RabbitMqServer(Path(folder) / "broker")
        try:
            server.start()
            asyncio.run(compare(server, Path(folder), arguments))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
