"""Both ends of a conversation on real loopback sockets, a clock that leaps, and an observer that remembers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from random import Random

import pytest

from radius.authenticator import encode_reply, encode_request
from radius.client import Peer, RadiusClient
from radius.client_table import Client, ClientTable
from radius.packet import Attribute, Code, decode, encode_attributes
from radius.secret import Secret
from radius.server import Handler, RadiusServer, Reply, Service

SECRET = Secret("xyzzy5461")
LAB = Client(name="lab", network=IPv4Network("127.0.0.1/32"), secret=SECRET)
WITNESS = Client(name="witness", network=IPv4Network("127.0.0.99/32"), secret=SECRET)

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
        async with asyncio.timeout(30):
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
    """The running loop's clock, which stands still unless it is moved: how long a machine takes is not seen in it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time()
        self._loop.time = lambda: self._now  # type: ignore[method-assign]

    def __call__(self, seconds: float) -> None:
        self._now += seconds


@dataclass
class Observed:
    """Event, reason and facts of everything reported."""

    reasons: list[tuple[str, str]] = field(default_factory=list)
    facts: list[dict[str, object]] = field(default_factory=list)

    def __call__(self, event: str, reason: str, facts: Mapping[str, object]) -> None:
        self.reasons.append((event, reason))
        self.facts.append(dict(facts))


class Device:
    """A device with one real socket towards one port of a server."""

    def __init__(self, port: int, host: str) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((host, 0))
        self.sock.connect(("127.0.0.1", port))

    def send(self, *datagrams: bytes) -> None:
        for data in datagrams:
            self.sock.send(data)

    async def receive(self) -> bytes:
        async with asyncio.timeout(30):
            return await asyncio.get_running_loop().sock_recv(self.sock, 65_535)

    async def ask(self, data: bytes) -> bytes:
        self.send(data)
        return await self.receive()

    def list_received(self) -> list[bytes]:
        """List what has arrived by now."""
        received = []
        while True:
            try:
                received.append(self.sock.recv(65_535))
            except BlockingIOError:
                return received


class Desk:
    """One served port and the devices before it. Requests of the witness, which has a code of its own, mark time."""

    def __init__(
        self, handlers: Mapping[int, Handler], *, clients: tuple[Client, ...], status_code: int | None, in_flight: int
    ) -> None:
        self.observed = Observed()
        self.port, sock = _bind()
        service = Service(
            name="test",
            handlers={**handlers, Code.STATUS_CLIENT: lambda _: Reply(Code.ACCESS_ACCEPT)},
            status_code=status_code,
        )
        self.server = RadiusServer(
            services=[(sock, service)],
            clients=ClientTable([*clients, WITNESS]),
            observe=self.observed,
            maximum_in_flight=in_flight,
        )
        self.server.start()
        self.devices: list[Device] = []
        self._witness = self.add_device(host="127.0.0.99")

    def add_device(self, *, host: str = "127.0.0.1") -> Device:
        self.devices.append(Device(self.port, host))
        return self.devices[-1]

    async def settle(self) -> None:
        """Wait until the server has dealt with everything sent before."""
        await self._witness.ask(encode_request(Code.STATUS_CLIENT, 0, [], SECRET, Random().randbytes(16)))

    @property
    def drops(self) -> dict[str, int]:
        return self.server.counters.drops

    async def close(self) -> None:
        await self.server.stop()
        for device in self.devices:
            device.sock.close()


def _bind() -> tuple[int, socket.socket]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock.getsockname()[1], sock


OpenDesk = Callable[..., Desk]


@pytest.fixture
async def open_desk() -> AsyncIterator[OpenDesk]:
    """Build servers; what escapes one of them fails the test."""
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    desks: list[Desk] = []

    def build(
        handlers: Mapping[int, Handler],
        *,
        clients: tuple[Client, ...] = (LAB,),
        status_code: int | None = Code.ACCESS_ACCEPT,
        in_flight: int = 100,
    ) -> Desk:
        desks.append(Desk(handlers, clients=clients, status_code=status_code, in_flight=in_flight))
        return desks[-1]

    yield build
    for desk in desks:
        await desk.close()
    assert not failures


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
