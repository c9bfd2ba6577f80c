"""Whatever arrives, a server replies, counts a drop or keeps its handler's silence, and the conversations go on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from radius import attribute
from radius.authenticator import encode_request, verify_reply
from radius.client_table import Client, ClientTable
from radius.packet import Attribute, Code, decode, integer
from radius.secret import Secret
from radius.server import Handler, Listener, RadiusServer, Reply, Request, Service

if TYPE_CHECKING:
    from tests.radius.conftest import OpenDesk

SECRET = Secret("xyzzy5461")
DAMAGED = 10_000
ROUND = 50


def echo(request: Request) -> Reply:
    """Answer, after having looked at every attribute in every way there is."""
    packet = request.packet
    for type_ in packet.index:
        packet.text(type_)
        packet.integer(type_)
        packet.address(type_)
    return Reply(Code.ACCESS_ACCEPT if packet.code == Code.ACCESS_REQUEST else Code.ACCOUNTING_RESPONSE)


HANDLERS: dict[int, Handler] = {Code.ACCESS_REQUEST: echo, Code.ACCOUNTING_REQUEST: echo}


def make_request(random: Random, code: int) -> bytes:
    attributes: list[Attribute] = [
        (attribute.USER_NAME, b"alice"),
        (attribute.CISCO_AVPAIR, b"audit-session-id=7F000301000000010000ABCD"),
        (attribute.NAS_PORT, integer(50101)),
        (attribute.PROXY_STATE, random.randbytes(random.randrange(8))),
    ]
    sign = code == Code.STATUS_SERVER or random.random() < 0.5
    return encode_request(code, random.randrange(256), attributes, SECRET, random.randbytes(16), sign=sign)


def damage(random: Random, data: bytes) -> bytes:
    """Damage a datagram as transport and foolish devices do: wrong octets, cut short, too long, wrong lengths."""
    octets = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(octets))
        match random.randrange(6):
            case 0 | 1:
                octets[at] = random.randrange(256)
            case 2:
                octets[random.choice((0, 2, 3))] = random.randrange(256)
            case 3:
                del octets[max(1, at) :]
            case 4:
                octets[at:at] = random.randbytes(random.randrange(1, 40))
            case _:
                octets += random.randbytes(random.randrange(1, 5000))
        if len(octets) < 4:
            break
    return bytes(octets)


CODES = (Code.ACCESS_REQUEST, Code.ACCOUNTING_REQUEST, Code.STATUS_SERVER)


async def test_ten_thousand_damaged_packets_do_not_disturb_a_running_conversation(open_desk: OpenDesk) -> None:
    random = Random(20240709)
    desk = open_desk(HANDLERS)
    vandal, device = desk.add_device(), desk.add_device()
    for number in range(DAMAGED // ROUND):
        vandal.send(*(damage(random, make_request(random, random.choice(CODES))) for _ in range(ROUND)))
        sent = make_request(random, CODES[number % len(CODES)])
        data = await device.ask(sent)
        asked = decode(sent)
        reply = decode(data)
        assert reply.identifier == asked.identifier
        assert verify_reply(data, reply, asked.code, asked.authenticator, SECRET) is None
        vandal.list_received()
    counters = desk.server.counters
    assert counters.replies + sum(counters.drops.values()) == DAMAGED + DAMAGED // ROUND
    assert set(counters.drops) >= {"malformed", "not-authentic", "unexpected-code"}


Receive = Callable[[bytes], int]


@contextmanager
def open_listener() -> Iterator[Receive]:
    """A listener without a loop: a function that gives it a datagram and counts what came of it."""
    client = Client(name="lab", network=IPv4Network("127.0.0.0/8"), secret=SECRET)
    server = RadiusServer(services=[], clients=ClientTable([client]), observe=lambda *_: None)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        ours.bind(("127.0.0.1", 0))
        theirs.bind(("127.0.0.1", 0))
        theirs.setblocking(False)
        service = Service(name="test", handlers=HANDLERS, status_code=Code.ACCESS_ACCEPT)
        listener = Listener(server, ours, service, ClientTable([client]))

        def receive(data: bytes) -> int:
            before = server.counters.replies + sum(server.counters.drops.values())
            listener.receive(data, theirs.getsockname(), 0.0)
            with suppress(BlockingIOError):
                while True:
                    theirs.recv(65_535)
            return server.counters.replies + sum(server.counters.drops.values()) - before

        yield receive


signed_octets = st.builds(
    lambda code, attributes, sign: encode_request(code, 1, attributes, SECRET, bytes(16), sign=sign),
    st.sampled_from(CODES),
    st.lists(
        st.tuples(st.integers(1, 255).filter(lambda type_: type_ != attribute.USER_PASSWORD), st.binary(max_size=20))
    ),
    st.booleans(),
)
damaged_octets = st.builds(lambda data, seed: damage(Random(seed), data), signed_octets, st.integers(0, 1 << 32))


@given(st.lists(st.one_of(st.binary(max_size=100), signed_octets, damaged_octets), max_size=20))
def test_any_datagram_gives_one_reply_or_one_counted_drop_and_never_raises(datagrams: list[bytes]) -> None:
    with open_listener() as receive:
        for data in datagrams:
            assert receive(data) == 1


async def test_icmp_errors_of_lost_replies_do_not_end_the_reading(open_desk: OpenDesk) -> None:
    desk = open_desk(HANDLERS)
    random = Random(1)
    for _ in range(10):
        gone = desk.add_device()
        gone.send(make_request(random, Code.ACCESS_REQUEST))
        gone.sock.close()
    async with asyncio.timeout(30):
        await desk.add_device().ask(make_request(random, Code.ACCESS_REQUEST))
