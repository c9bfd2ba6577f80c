"""A publisher and a replica on an embedded link, and stories told to several of them on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Any

from ldd.digest import BUCKETS
from ldd.directory import RadiusSessionDirectory
from ldd.embedded import EmbeddedBroker, EmbeddedLink
from ldd.era import Era
from ldd.publisher import OwnSession, PublishingNode, SessionPublisher
from ldd.record import RecordState, SessionRecord
from ldd.replication import Replication
from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from posturelab.clock import LabClock, LabLoop
from tests.ldd.conftest import HandClock

SESSION = OwnSession(
    session_id="7F000301000000010000ABCD",
    mac="02:00:00:00:10:01",
    calling_station_id="02-00-00-00-10-01",
    addresses=(),
    nas_ip="127.0.3.1",
    state=RecordState.AUTHENTICATED,
    posture_status=PostureStatus.UNKNOWN,
    acct_session_id="",
)


def list_tombstones(directory: RadiusSessionDirectory) -> list[SessionRecord]:
    """List what a replica tells others of stopped sessions, by session id."""
    everything = {owner: set(range(BUCKETS)) for owner in directory.digest.shares}
    records = [record for step in directory.walk(everything) for record in step]
    return sorted((record for record in records if not record.is_active), key=attrgetter("session_id"))


class ReplicaNode:
    """What a node has of light data distribution."""

    def __init__(
        self, name: str, broker: EmbeddedBroker, clock: LabClock | HandClock, *, era: Era = Era.POSTURE_SHARING
    ) -> None:
        self.runtime = Runtime(node=name, clock=clock, random=random.Random(1), journal=Journal(clock))
        self.rsd = RadiusSessionDirectory()
        self.link: EmbeddedLink = broker.link(name)
        node = PublishingNode(name=name, address="127.0.1.1", fqdn=f"{name}.lab.test")
        self.publisher = SessionPublisher(node, self.runtime, directory=self.rsd, link=self.link, era=era)
        self.replication = Replication(self.runtime, directory=self.rsd, link=self.link)

    async def start(self) -> None:
        self.replication.start()
        await self.link.start()

    async def stop(self) -> None:
        await self.link.stop()
        await self.replication.stop()

    def list_records(self, event: str) -> list[JournalRecord]:
        return [record for record in self.runtime.journal if record.event == event]


class Deployment:
    """Three nodes on one broker, up and quiet; `clock` may be moved by hand, the loop's time moves by itself."""

    def __init__(self, *, era: Era = Era.POSTURE_SHARING, queue_limit: int = 10_000) -> None:
        self.broker = EmbeddedBroker(queue_limit=queue_limit)
        self.clock = HandClock()
        self.psn1, self.psn2, self.mnt1 = self.nodes = [
            ReplicaNode(name, self.broker, self.clock, era=era) for name in ("psn1", "psn2", "mnt1")
        ]

    async def settle(self) -> None:
        """Let everything arrive that is under way."""
        await asyncio.sleep(5)


def tell(story: Callable[[Deployment], Coroutine[Any, Any, None]], deployment: Deployment | None = None) -> None:
    """Tell a story to a deployment on virtual time; whatever fails in it fails the test."""
    failures: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        told = deployment or Deployment()
        for node in told.nodes:
            await node.start()
        await told.settle()
        try:
            await story(told)
        finally:
            for node in told.nodes:
                await node.stop()

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
        runner.run(run())
    assert failures == []
