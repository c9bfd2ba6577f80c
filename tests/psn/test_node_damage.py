"""Ten thousand requests that are signed well and filled with nonsense do not disturb a running conversation.

Unlike octets damaged on the way, which the signature gives away, these reach every part of the node.
"""

from __future__ import annotations

import asyncio
import socket
from random import Random
from typing import TYPE_CHECKING

import pytest

from nac.syslog import parse_segment
from psn.node import PolicyServiceNode
from radius import attribute
from radius.authenticator import encode_request, verify_reply
from radius.packet import Attribute, Code, decode, integer
from radius.secret import Secret

if TYPE_CHECKING:
    from tests.psn.collector import Collector
    from tests.psn.conftest import BuildNode

SECRET = Secret("testing123")
DAMAGED = 10_000
ROUND = 50
CHALLENGE = bytes(16)

USER: Attribute = (attribute.USER_NAME, b"alice")
SESSION: Attribute = (attribute.CISCO_AVPAIR, b"audit-session-id=7F000301000000010000ABCD")
CALLING: Attribute = (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01")
ACCESS: list[list[Attribute]] = [
    [USER, (attribute.USER_PASSWORD, b"lab-alice"), SESSION],
    [USER, (attribute.CHAP_PASSWORD, bytes(17)), (attribute.CHAP_CHALLENGE, CHALLENGE), SESSION],
    [USER, (attribute.MS_CHAP_CHALLENGE, CHALLENGE), (attribute.MS_CHAP2_RESPONSE, bytes(50)), SESSION],
    [USER, (attribute.MS_CHAP_CHALLENGE, CHALLENGE[:8]), (attribute.MS_CHAP_RESPONSE, bytes(50)), SESSION],
    [USER, (attribute.EAP_MESSAGE, b"\2\1\0\5\1")],
    [(attribute.USER_NAME, b"020000001001"), CALLING, (attribute.SERVICE_TYPE, integer(10)), SESSION],
    [(attribute.USER_NAME, b"020000001001"), CALLING, (attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, 1)))],
    [
        (attribute.USER_NAME, b"#ACSACL#-IP-Full-Access-65b4f5cb"),
        (attribute.CISCO_AVPAIR, b"aaa:event=acl-download"),
        (attribute.STATE, b"dacl-part=1"),
    ],
]
ACCOUNTING: list[list[Attribute]] = [
    [
        (attribute.ACCT_STATUS_TYPE, integer(status)),
        (attribute.ACCT_SESSION_ID, b"00000053"),
        (attribute.CLASS, b"CACS:7F000301000000010000ABCD:psn1/1/1"),
        (attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, 1))),
        CALLING,
        extra,
    ]
    for status in (1, 2, 3, 7, 8)
    for extra in (SESSION, USER)
]


def damage(random: Random, attributes: list[Attribute]) -> list[Attribute]:
    """Damage attributes: other octets, other lengths, doubled, lost, moved, of another type."""
    damaged = list(attributes)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(damaged))
        type_, value = damaged[at]
        match random.randrange(6):
            case 0:
                damaged[at] = type_, random.randbytes(random.choice((0, 1, 4, 16, 100, 240)))
            case 1:
                damaged[at] = type_, (value + random.randbytes(200))[: random.randrange(240)]
            case 2:
                damaged[at] = type_, b"\xff" * random.randrange(240)
            case 3:
                damaged.insert(random.randrange(len(damaged)), (type_, value))
            case 4 if len(damaged) > 1:
                del damaged[at]
            case _:
                damaged[at] = random.choice([*range(1, 110), attribute.CISCO_AVPAIR]), value
    return [
        (type_, value[:128] if type_ == attribute.USER_PASSWORD else value)
        for type_, value in damaged
        if type_ not in (attribute.MESSAGE_AUTHENTICATOR, attribute.VENDOR_SPECIFIC)
    ]


@pytest.fixture
async def failures() -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    return found


class Conversation:
    """One device that goes on with its work, and one that sends nonsense, to both ports of a node."""

    def __init__(self, node: PolicyServiceNode) -> None:
        self._ports = {
            Code.ACCESS_REQUEST: ("127.0.0.1", node.ports["authentication"]),
            Code.ACCOUNTING_REQUEST: ("127.0.0.1", node.ports["accounting"]),
        }
        self._random = Random(20240709)
        self.device, self.vandal = self._open(), self._open()
        self._identifier = 0

    @staticmethod
    def _open() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.3.1", 0))
        return sock

    def vandalize(self) -> None:
        for _ in range(ROUND):
            code, examples = self._random.choice([(Code.ACCESS_REQUEST, ACCESS), (Code.ACCOUNTING_REQUEST, ACCOUNTING)])
            attributes = damage(self._random, self._random.choice(examples))
            identifier, authenticator = self._random.randrange(256), self._random.randbytes(16)
            data = encode_request(code, identifier, attributes, SECRET, authenticator, sign=self._random.random() < 0.7)
            self.vandal.sendto(data, self._ports[code])

    async def ask(self, code: Code, attributes: list[Attribute]) -> int:
        self._identifier = (self._identifier + 1) % 256
        sent = encode_request(code, self._identifier, attributes, SECRET, self._random.randbytes(16))
        self.device.sendto(sent, self._ports[code])
        async with asyncio.timeout(30):
            data = await asyncio.get_running_loop().sock_recv(self.device, 4096)
        reply, asked = decode(data), decode(sent)
        assert reply.identifier == asked.identifier
        assert verify_reply(data, reply, asked.code, asked.authenticator, SECRET) is None
        return reply.code

    def close(self) -> None:
        self.device.close()
        self.vandal.close()


async def test_ten_thousand_nonsensical_requests_do_not_disturb_a_running_conversation(
    build_node: BuildNode, collector: Collector, failures: list[dict[str, object]]
) -> None:
    node = build_node(session_limit=500)
    await node.start()
    conversation = Conversation(node)
    answers = []
    for number in range(DAMAGED // ROUND):
        conversation.vandalize()
        session: Attribute = (attribute.CISCO_AVPAIR, f"audit-session-id={number:024X}".encode())
        answers.append(
            (
                await conversation.ask(Code.ACCESS_REQUEST, [*ACCESS[0][:2], session]),
                await conversation.ask(Code.ACCESS_REQUEST, [USER, (attribute.USER_PASSWORD, b"wrong")]),
                await conversation.ask(Code.ACCOUNTING_REQUEST, [ACCOUNTING[0][0], session]),
            )
        )
        for datagram in collector.list_datagrams():
            parse_segment(datagram)
    conversation.close()
    assert set(answers) == {(Code.ACCESS_ACCEPT, Code.ACCESS_REJECT, Code.ACCOUNTING_RESPONSE)}
    assert failures == []
    assert len(node.sessions) <= 500
