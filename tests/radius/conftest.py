"""A fake server on a real loopback socket, a clock that leaps, and an observer that remembers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import pytest

from radius.authenticator import encode_reply
from radius.client import Peer, RadiusClient
from radius.packet import Attribute, decode, encode_attributes
from radius.secret import Secret

Answer = Callable[[bytes], list[bytes]]


@dataclass
class FakeServer:
    """A server that keeps every datagram and sends back what `answer` makes of it."""

    secret: Secret
    answer: Answer = field(default=lambda _: [])
    received: list[tuple[bytes, tuple[str, int]]] = field(default_factory=list)
    arrival: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(self.sock, self._read)

    def _read(self) -> None:
        data, source = self.sock.recvfrom(65_535)
        self.received.append((data, source))
        self.arrival.set()
        for reply in self.answer(data):
            self.sock.sendto(reply, source)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock)
        self.sock.close()

    def reply(self, code: int, *attributes: Attribute, secret: Secret | None = None) -> Answer:
        """Build an answer that replies with this code."""
        return lambda data: [encode_reply(decode(data), code, encode_attributes(attributes), secret or self.secret)]

    def silence(self, lost: int, leap: Callable[[float], None], then: Answer, *, seconds: float) -> Answer:
        """Build an answer that first loses some datagrams, letting the client's timer run out each time."""
        left = iter(range(lost))

        def answer(data: bytes) -> list[bytes]:
            if next(left, None) is None:
                return then(data)
            leap(seconds)
            return []

        return answer

    async def wait_received(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.received) < count:
                self.arrival.clear()
                await self.arrival.wait()

    @property
    def peer(self) -> Peer:
        return Peer(host="127.0.0.1", port=self.sock.getsockname()[1], secret=self.secret)

    @property
    def identifiers(self) -> list[int]:
        return [data[1] for data, _ in self.received]


class Leap:
    """The running loop's clock, moved at will."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._loop.time = lambda: self._time() + self.offset  # type: ignore[method-assign]

    def __call__(self, seconds: float) -> None:
        self.offset += seconds


@dataclass
class Observed:
    """Event and reason of everything reported."""

    reasons: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, event: str, reason: str, _: Mapping[str, object]) -> None:
        self.reasons.append((event, reason))


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    fake = FakeServer(Secret("xyzzy5461"))
    yield fake
    fake.close()


@pytest.fixture
async def other_server() -> AsyncIterator[FakeServer]:
    fake = FakeServer(Secret("xyzzy5461"))
    yield fake
    fake.close()


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.fixture
async def radius_client(observed: Observed) -> AsyncIterator[RadiusClient]:
    subject = RadiusClient(host="127.0.0.1", random=Random(7), observe=observed)
    yield subject
    subject.close()


@pytest.fixture
async def leap() -> Leap:
    return Leap()
