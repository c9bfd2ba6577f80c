"""The broker dies in the middle of a busy run, and every replica comes to hold the same.

`POSTURELAB_KILL_SECONDS=30` makes the run as long as the promise says; by default it is shorter.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import Any

from ldd.link import LinkEvent
from ldd.record import RecordState
from posturelab.clock import LabClock
from tests.ldd.link_harness import PATIENCE, RabbitHarness
from tests.ldd.replica_node import SESSION, ReplicaNode
from tests.rabbitmq_server import RabbitMqServer

SECONDS = float(os.environ.get("POSTURELAB_KILL_SECONDS", "8"))
RATE = 500
"""Records a second, of all nodes together."""


def work(nodes: list[ReplicaNode], number: int) -> None:
    """Authenticate, account and stop sessions, some of which move from one node to another."""
    node = nodes[number % len(nodes)]
    session = replace(SESSION, session_id=f"{number // 3 * 7 % 900:024X}", mac=f"02:00:00:00:00:{number % 200:02X}")
    match number // 3 % 5:
        case 0 | 1 | 2:
            node.publisher.authenticated(session)
        case 3:
            node.publisher.changed(replace(session, state=RecordState.STARTED, addresses=("127.0.10.1",)))
        case _:
            node.publisher.changed(replace(session, state=RecordState.STOPPED))


class Watch:
    """Counts how often links have gone up and down."""

    def __init__(self) -> None:
        self._events = {event: asyncio.Semaphore(0) for event in LinkEvent}

    def note(self, event: LinkEvent, _: str) -> None:
        self._events[event].release()

    async def wait_for(self, event: LinkEvent, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            for _ in range(count):
                await self._events[event].acquire()


async def load(nodes: list[ReplicaNode]) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number in range(int(RATE * SECONDS)):
        await asyncio.sleep(max(0.0, begin + number / RATE - loop.time()))
        work(nodes, number)


async def converge(nodes: list[ReplicaNode]) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        shares = [node.rsd.digest.shares for node in nodes]
        if all(share == shares[0] for share in shares):
            return
        await asyncio.sleep(0.05)


async def test_replicas_are_equal_after_the_broker_was_killed_under_load(rabbitmq: RabbitMqServer) -> None:
    failures: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    harness, watch = RabbitHarness(rabbitmq), Watch()
    nodes = [ReplicaNode(name, harness, LabClock(loop)) for name in ("psn1", "psn2", "psn3")]  # type: ignore[arg-type]
    for node in nodes:
        node.link.watch(watch.note)
        await node.start()
    await watch.wait_for(LinkEvent.UP, 3)
    loading = asyncio.create_task(load(nodes))
    await asyncio.sleep(SECONDS / 4)
    await harness.fail()
    await watch.wait_for(LinkEvent.DOWN, 3)
    await harness.recover()
    await watch.wait_for(LinkEvent.UP, 3)
    await loading
    await converge(nodes)
    held = [node.rsd.list_sessions() for node in nodes]
    assert len(held[0]) > 100
    assert held[0] == held[1] == held[2]
    for node in nodes:
        await node.stop()
    assert failures == []
