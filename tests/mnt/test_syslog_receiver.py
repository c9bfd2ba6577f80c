"""The syslog target over a real UDP socket, on virtual time: batches, segments, and what is no record."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mnt.reassembly import Reassembly
from mnt.syslog_receiver import SyslogReceiver
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.syslog import SyslogEncoder, SyslogRecord, render_attributes
from nac.syslog_catalogue import AUTHENTICATION_SUCCEEDED
from posturelab.clock import LabClock, LabLoop

ADDRESS = "127.0.0.1"


@dataclass
class Wire:
    """A receiver, what came out of it, and a socket to send to it."""

    clock: LabClock
    journal: Journal
    sock: socket.socket
    encoder: SyslogEncoder = field(default_factory=lambda: SyslogEncoder("psn1"))
    records: list[SyslogRecord] = field(default_factory=list)
    receiver: SyslogReceiver = field(init=False)

    def __post_init__(self) -> None:
        runtime = Runtime(node="mnt1", clock=self.clock, random=random.Random(1), journal=self.journal)
        self.receiver = SyslogReceiver(runtime, Reassembly(), self.records.append)

    def encode(self, size: int = 10) -> list[bytes]:
        body = render_attributes([("First", "1"), ("Filler", "x" * size), ("Last", "2")])
        return self.encoder.encode(AUTHENTICATION_SUCCEEDED, self.clock.now(), body)

    async def send(self, *datagrams: bytes) -> None:
        """Send, and return when all has been read: virtual time does not move on before."""
        for datagram in datagrams:
            self.sock.sendto(datagram, (ADDRESS, self.receiver.port))
        await asyncio.sleep(0.001)


class Faulty(socket.socket):
    """A socket whose first reading fails, as after an ICMP error."""

    faults = 1

    def recvfrom(self, *arguments: Any) -> Any:
        if self.faults:
            self.faults -= 1
            raise ConnectionRefusedError
        return super().recvfrom(*arguments)


def run(story: Callable[[Wire], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = LabClock(asyncio.get_running_loop())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            wire = Wire(clock, Journal(clock), sock)
            wire.receiver.start(ADDRESS, 0)
            try:
                await story(wire)
            finally:
                wire.receiver.stop()

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
        runner.run(main())


def test_a_datagram_becomes_a_record() -> None:
    async def story(wire: Wire) -> None:
        await wire.send(*wire.encode())
        (record,) = wire.records
        assert (record.host, record.code, record.first("Last")) == ("psn1", 5200, "2")
        assert len(wire.journal) == 0

    run(story)


def test_a_burst_longer_than_a_batch_is_read_to_the_end_in_order() -> None:
    async def story(wire: Wire) -> None:
        count = 300  # no more fit into what a kernel of usual settings holds for a socket
        await wire.send(*(wire.encode()[0] for _ in range(count)))
        assert [record.sequence for record in wire.records] == list(range(1, count + 1))

    run(story)


def test_an_error_of_the_socket_does_not_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(address: str, port: int) -> socket.socket:
        sock = Faulty(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((address, port))
        return sock

    monkeypatch.setattr("mnt.syslog_receiver.bind_udp", bind)
    failures: list[dict[str, Any]] = []

    async def story(wire: Wire) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        await wire.send(*wire.encode(3000))
        (record,) = wire.records
        assert record.first("Filler") == "x" * 3000

    run(story)
    assert failures == []


def test_segments_in_any_order_make_one_record() -> None:
    async def story(wire: Wire) -> None:
        datagrams = wire.encode(3000)
        assert len(datagrams) > 3
        await wire.send(*reversed(datagrams), *datagrams)
        (record,) = wire.records
        assert record.first("Filler") == "x" * 3000

    run(story)


def test_a_record_with_a_lost_segment_is_given_up_with_a_reason() -> None:
    async def story(wire: Wire) -> None:
        first, *others = wire.encode(3000)
        await wire.send(first)
        await asyncio.sleep(9)
        assert len(wire.journal) == 0
        await asyncio.sleep(1.1)
        (lost,) = wire.journal
        assert (lost.event, lost.reason) == (
            "syslog-lost",
            "record 0000000001 of psn1 is given up: its other segments did not come in time",
        )
        assert lost.facts == {"server": "psn1", "missing": len(others), "segments": len(others) + 1}
        assert wire.records == []

    run(story)


def test_each_lost_record_is_given_up_in_its_own_time() -> None:
    async def story(wire: Wire) -> None:
        for _ in range(3):
            await wire.send(wire.encode(3000)[0])
            await asyncio.sleep(4)
        given_up = []
        for _ in range(3):
            given_up.append(len(wire.journal))
            await asyncio.sleep(4)
        assert given_up == [1, 2, 3]

    run(story)


def test_a_stopped_receiver_gives_up_nothing_any_more() -> None:
    async def story(wire: Wire) -> None:
        await wire.send(wire.encode(3000)[0])
        wire.receiver.stop()
        await asyncio.sleep(60)
        assert (len(wire.journal), wire.receiver.port) == (0, 0)

    run(story)


def test_a_line_of_another_program_is_told_with_its_sender() -> None:
    async def story(wire: Wire) -> None:
        await wire.send(b"<14>Jan  5 08:00:07 host sshd[12]: Accepted password")
        (record,) = wire.journal
        assert record.event == "syslog-malformed"
        assert record.reason.startswith("not a syslog record of a policy service node: the frame is not")
        assert record.facts == {"address": ADDRESS, "octets": 52}

    run(story)


def test_ten_thousand_damaged_lines_disturb_nobody() -> None:
    async def story(wire: Wire) -> None:
        chance = random.Random(7)
        for _ in range(100):
            good = wire.encode()[0]
            bad = []
            for _ in range(100):
                line = bytearray(good)
                for _ in range(chance.randrange(1, 20)):
                    line[chance.randrange(len(line))] = chance.randrange(256)
                bad.append(bytes(line) if chance.random() < 0.9 else chance.randbytes(chance.randrange(200)))
            await wire.send(*bad, *wire.encode())
        assert {record.sequence for record in wire.records} >= set(range(2, 201, 2))

    run(story)
