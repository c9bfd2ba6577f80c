"""Measure what sharing over RabbitMQ costs: records per second, and the delay from one node to another.

A broker of its own is started (Debian's `rabbitmq-server`), on ports, in folders and under a name of its own.

- *Throughput*: records of some 400 octets through a node's link, which sends what waits as one message, beside the
  same records as a message each through bare aio-pika, confirmed one by one and 64 at a time.
- *Delay*: 500 records a second, from the moment a record is due until the other side has it decoded; the link and
  bare aio-pika, a message a record with confirms and acknowledgements, take turns. The goal is a p99 within twice that
  of bare aio-pika.

Sender and receiver share this process, under uvloop; the broker has the rest of the machine. Figures hold for this
machine and this run; compare ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import uvloop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from ldd.broker_settings import BrokerSettings  # noqa: E402
from ldd.rabbit.link import RabbitLink  # noqa: E402
from tests.rabbitmq_server import RabbitMqServer, find_missing  # noqa: E402

Publish = Callable[[str, bytes], Awaitable[None]]
Take = Callable[[Any], None]
Contender = Callable[[str, Take], Any]


def build_record(number: int, due_at: float) -> bytes:
    """Build a record as large as a session's, with the instant at which it is due."""
    record = {
        "auditSessionID": f"7F000301{number:016X}",
        "endpointMAC": f"02:00:00:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}",
        "ipAddressLst": ["127.0.10.1"],
        "filler": "x" * 260,
        "due": due_at,
    }
    return json.dumps(record, separators=(",", ":")).encode()


@asynccontextmanager
async def open_links(url: str, take: Take) -> AsyncIterator[Publish]:
    """Link two nodes; whatever one publishes is given to `take` at the other."""
    deployment, settings = secrets.token_hex(4), BrokerSettings(urls=(url,))
    sender, receiver = (
        RabbitLink(node, settings, deployment=deployment, random=random.Random(1)) for node in ("psn1", "psn2")
    )

    def take_all(_: str, records: Sequence[Any]) -> None:
        for record in records:
            take(record)

    receiver.subscribe("session", take_all)
    up = [asyncio.Event(), asyncio.Event()]
    for link, event in zip((sender, receiver), up, strict=True):
        link.watch(lambda _, text, event=event: event.set())  # type: ignore[misc]
        await link.start()
    for event in up:
        await event.wait()

    async def publish(key: str, record: bytes) -> None:
        sender.publish("session", key, record)

    try:
        yield publish
    finally:
        await sender.stop()
        await receiver.stop()


@asynccontextmanager
async def open_bare(url: str, take: Take) -> AsyncIterator[Publish]:
    """Connect a publisher and a consumer of bare aio-pika: a message a record, confirmed, each acknowledged."""
    name = secrets.token_hex(4)
    sender, receiver = await aio_pika.connect(url), await aio_pika.connect(url)
    async with sender, receiver, sender.channel() as sending, receiver.channel() as receiving:
        await receiving.set_qos(prefetch_count=100)
        exchange = await sending.declare_exchange(name, "fanout", auto_delete=True)
        queue = await receiving.declare_queue(exclusive=True)
        await queue.bind(name)

        async def consume(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            take(json.loads(message.body))
            await message.ack()

        async def publish(_: str, record: bytes) -> None:
            await exchange.publish(aio_pika.Message(record), "", mandatory=False)

        await queue.consume(consume)
        yield publish


async def measure_delays(contender: Contender, url: str, *, rate: int, seconds: float) -> list[float]:
    """Publish at a steady rate; returns every record's delay in milliseconds, sorted."""
    count, delays, all_here = int(rate * seconds), list[float](), asyncio.Event()

    def take(record: Any) -> None:
        delays.append((time.perf_counter() - record["due"]) * 1000)
        if len(delays) == count:
            all_here.set()

    async with contender(url, take) as publish, asyncio.TaskGroup() as group:
        begin = time.perf_counter() + 0.1
        for number in range(count):
            due_at = begin + number / rate
            await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
            group.create_task(publish(str(number), build_record(number, due_at)))
        async with asyncio.timeout(20):
            await all_here.wait()
    return sorted(delays)


async def measure_rate(contender: Contender, url: str, *, count: int, in_flight: int) -> float:
    """Publish as fast as it goes; returns records a second until the last one is taken."""
    taken, all_here = 0, asyncio.Event()

    def take(_: Any) -> None:
        nonlocal taken
        taken += 1
        if taken == count:
            all_here.set()

    records = [build_record(number, 0) for number in range(count)]
    numbers = iter(range(count))

    async with contender(url, take) as publish:
        begin = time.perf_counter()

        async def work() -> None:
            for number in numbers:
                await publish(str(number), records[number])

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(work())
        await all_here.wait()
        return count / (time.perf_counter() - begin)


def spread(values: list[float], digits: int) -> str:
    """Render minimum, median and maximum."""
    return "/".join(f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


async def compare_rates(url: str, arguments: argparse.Namespace) -> None:
    """Print records a second."""
    plans: list[tuple[str, Contender, int, int]] = [
        ("link, what waits in one message", open_links, 60_000, 1),
        ("bare aio-pika, one at a time", open_bare, 2_000, 1),
        ("bare aio-pika, 64 in flight", open_bare, 4_000, 64),
    ]
    rates: dict[str, list[float]] = {title: [] for title, *_ in plans}
    for _ in range(arguments.rounds):
        for title, contender, count, in_flight in plans:
            rates[title].append(await measure_rate(contender, url, count=count, in_flight=in_flight))
    print("\nThroughput, publisher to one consumer\n  " + f"{'':<34} {'records/s':>24}")
    for title, found in rates.items():
        print(f"  {title:<34} {spread(found, 0):>24}")


async def compare_delays(url: str, arguments: argparse.Namespace) -> None:
    """Print median and p99 of the delay, and how they compare round by round."""
    contenders: dict[str, Contender] = {"link": open_links, "bare aio-pika": open_bare}
    found: dict[str, list[list[float]]] = {name: [] for name in contenders}
    for _ in range(arguments.rounds):
        for name, contender in contenders.items():
            found[name].append(await measure_delays(contender, url, rate=arguments.rate, seconds=arguments.seconds))
    print(f"\nDelay at {arguments.rate} records/s, ms\n  " + f"{'':<16} {'median':>16} {'p99':>20}")
    p99 = {name: [delays[int(len(delays) * 0.99)] for delays in rounds] for name, rounds in found.items()}
    for name, rounds in found.items():
        print(f"  {name:<16} {spread([statistics.median(d) for d in rounds], 2):>16} {spread(p99[name], 2):>20}")
    ratios = [own / bare for own, bare in zip(*p99.values(), strict=True)]
    print(f"  p99 of the link by that of bare aio-pika: {spread(ratios, 2)} (goal: 2)")


async def run(url: str, arguments: argparse.Namespace) -> None:
    """Measure everything."""
    await compare_rates(url, arguments)
    await compare_delays(url, arguments)


def main() -> None:
    """Parse the command line, start the broker, say what is measured on what."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one round of delays")
    parser.add_argument("--rate", type=int, default=500, help="records a second while delays are measured")
    arguments = parser.parse_args()
    missing = find_missing()
    if missing is not None:
        raise SystemExit(missing)
    print(f"Python {sys.version.split()[0]}, aio-pika {aio_pika.__version__}, {os.cpu_count()} cores")
    print(f"figures are minimum/median/maximum of {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        server = RabbitMqServer(Path(folder) / "broker")
        try:
            server.start()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run(server.url, arguments))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
