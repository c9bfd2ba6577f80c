"""A monitoring node on virtual time, for the tests of the node: over real sockets and a broker in memory."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ldd.embedded import EmbeddedBroker, EmbeddedLink
from ldd.era import Era
from mnt.config import MntConfig
from mnt.node import MonitoringNode
from mnt.session import SessionState
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.syslog import SyslogEncoder, render_attributes
from nac.syslog_catalogue import CATALOGUE
from posturelab.clock import LabClock, LabLoop

ADDRESS = "127.0.0.1"


@dataclass
class Bench:
    """A monitoring node, and policy service nodes' ends of the wire and of the broker."""

    node: MonitoringNode
    clock: LabClock
    journal: Journal
    wire: socket.socket
    encoders: dict[str, SyslogEncoder]
    broker: EmbeddedBroker
    psn1: EmbeddedLink

    def encode(self, code: int, *, host: str = "psn1", session_id: str = "S1", **attributes: str) -> list[bytes]:
        pairs = [(key.replace("_", "-"), value) for key, value in attributes.items()]
        body = render_attributes([*pairs, ("CPMSessionID", session_id)])
        return self.encoders[host].encode(CATALOGUE[code], self.clock.now(), body)

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.wire.sendto(datagram, (ADDRESS, self.node.ports["syslog"]))

    async def tell(self, code: int, **attributes: str) -> None:
        """Send a record and give it time to arrive."""
        self.send(*self.encode(code, **attributes))
        await settle()

    async def post(self, code: int, **attributes: str) -> None:
        """Send a record as a letter and give it time to arrive."""
        lines = [datagram.decode() for datagram in self.encode(code, **attributes)]
        self.psn1.post(self.node.name, json.dumps(lines).encode())
        await settle()

    def events(self, *words: str) -> list[str]:
        return [record.event for record in self.journal if not words or record.event in words]

    def reasons(self, word: str) -> list[str]:
        return [record.reason for record in self.journal if record.event == word]

    def state(self, session_id: str = "S1") -> SessionState | None:
        session = self.node.directory.find(session_id)
        return session.state if session else None


async def settle() -> None:
    """Virtual time moves on only after all that was sent has been read."""
    await asyncio.sleep(0.001)


@asynccontextmanager
async def build_bench(config: MntConfig) -> AsyncIterator[Bench]:
    """Build a node that is not started, linked to a broker of this test."""
    clock = LabClock(asyncio.get_running_loop())
    journal = Journal(clock)
    runtime = Runtime(node=config.name, clock=clock, random=random.Random(1), journal=journal)
    broker = EmbeddedBroker()
    psn1 = broker.link("psn1")
    node = MonitoringNode(config, runtime, link=broker.link(config.name))
    await psn1.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        encoders = {host: SyslogEncoder(host) for host in ("psn1", "psn2")}
        yield Bench(node, clock, journal, wire, encoders, broker, psn1)
    await psn1.stop()


def run(story: Callable[[Bench], Awaitable[None]], *, after: float = 0, **settings: object) -> None:
    """Tell a story to a node on virtual time, started after so many seconds; it shares no sessions unless told to."""
    settings = {"era": Era.OFF} | settings

    async def main() -> None:
        config = MntConfig(name="mnt1", address=ADDRESS, syslog_port=0, **settings)  # type: ignore[arg-type]
        async with build_bench(config) as bench:
            await asyncio.sleep(after)
            await bench.node.start()
            try:
                await story(bench)
            finally:
                await bench.node.stop()

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
        runner.run(main())
