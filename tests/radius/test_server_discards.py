"""What a server discards in silence, the sentence it leaves in the log, and what each switch of a client lets pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from radius import attribute
from radius.authenticator import encode_request, verify_reply
from radius.client_table import Client, Protection
from radius.packet import Attribute, Code, decode
from radius.remedy import DropReason
from radius.secret import Secret
from radius.server import Handler, Reply, Request

if TYPE_CHECKING:
    from tests.radius.conftest import OpenDesk

SECRET = Secret("xyzzy5461")
WRONG = Secret("testing123")
USER: Attribute = (attribute.USER_NAME, b"alice")
PROXY: Attribute = (attribute.PROXY_STATE, b"1")
EAP: Attribute = (attribute.EAP_MESSAGE, b"\2\1\0\5\1")
YES, NO, AUTO = Protection.YES, Protection.NO, Protection.AUTO


def request(
    *attributes: Attribute,
    code: int = Code.ACCESS_REQUEST,
    identifier: int = 7,
    secret: Secret = SECRET,
    sign: bool = True,
) -> bytes:
    return encode_request(code, identifier, [USER, *attributes], secret, bytes(range(16)), sign=sign)


def make_client(
    *, network: str = "127.0.0.1/32", require: Protection = NO, limit: Protection = NO, name: str = "lab"
) -> Client:
    return Client(
        name=name,
        network=IPv4Network(network),
        secret=SECRET,
        require_message_authenticator=require,
        limit_proxy_state=limit,
    )


def accept(_: Request) -> Reply:
    return Reply(Code.ACCESS_ACCEPT)


async def never(_: Request) -> Reply | None:
    await asyncio.Event().wait()
    return None


@dataclass(frozen=True)
class Case:
    """Datagrams of which the last is discarded, and the words of the log that help."""

    datagrams: tuple[bytes, ...]
    words: tuple[str, ...]
    client: Client = field(default_factory=make_client)
    handler: Callable[[Request], Any] = accept
    settings: Mapping[str, int] = field(default_factory=dict)


CASES: dict[DropReason, Case] = {
    DropReason.UNKNOWN_CLIENT: Case(
        (request(),),
        ("no client covers 127.0.0.1", "`my-device: {network: 127.0.0.1/32, secret: ...}`", "radius.clients"),
        client=make_client(network="127.0.0.2/32"),
    ),
    DropReason.MALFORMED: Case((request()[:-1],), ("exceeds", "octets received")),
    DropReason.UNEXPECTED_CODE: Case(
        (request(code=Code.ACCOUNTING_REQUEST),), ("code 4 is not served on the test port",)
    ),
    DropReason.NOT_AUTHENTIC: Case(
        (request(secret=WRONG),),
        ("its Message-Authenticator does not match", "shared secret of 127.0.0.1", "client 'lab'", "radius.clients"),
    ),
    DropReason.MESSAGE_AUTHENTICATOR_REQUIRED: Case(
        (request(sign=False),),
        ("client 'lab'", "`require_message_authenticator: no`"),
        client=make_client(require=YES),
    ),
    DropReason.PROXY_STATE_LIMITED: Case(
        (request(PROXY, sign=False),),
        ("client 'lab'", "`limit_proxy_state: no`"),
        client=make_client(limit=YES),
    ),
    DropReason.DUPLICATE_IN_PROGRESS: Case((request(), request()), ("still in work",), handler=never),
    DropReason.OVERLOAD: Case(
        (request(), request(identifier=8)), ("the limit",), handler=never, settings={"in_flight": 1}
    ),
    DropReason.REPLY_TOO_LONG: Case(
        (request(),), ("exceeds 4096",), handler=lambda _: Reply(Code.ACCESS_ACCEPT, bytes((18, 255)) * 2040)
    ),
}


@pytest.mark.parametrize("reason", DropReason)
async def test_every_reason_is_counted_and_reported_with_a_sentence_that_helps(
    open_desk: OpenDesk, reason: DropReason
) -> None:
    case = CASES[reason]
    desk = open_desk({Code.ACCESS_REQUEST: case.handler}, clients=(case.client,), **case.settings)
    device = desk.add_device()
    device.send(*case.datagrams)
    await desk.settle()
    assert device.list_received() == []
    assert desk.drops == {reason.value: 1}
    ((event, sentence),) = desk.observed.reasons
    (facts,) = desk.observed.facts
    assert (event, facts["drop"], facts["address"]) == ("radius-drop", reason.value, "127.0.0.1")
    for words in case.words:
        assert words in sentence
    assert "xyzzy5461" not in sentence


@pytest.mark.parametrize(
    ("datagram", "words"),
    [
        (request(EAP, sign=False), "EAP-Message without a Message-Authenticator: let 127.0.0.1"),
        (
            request(code=Code.STATUS_SERVER, sign=False),
            "Status-Server must carry a Message-Authenticator: let 127.0.0.1",
        ),
        (request((attribute.MESSAGE_AUTHENTICATOR, b"short"), sign=False), "does not have 16 octets"),
        (request(code=Code.ACCOUNTING_REQUEST, secret=WRONG, sign=False), "Request Authenticator does not match"),
        (request(code=Code.COA_REQUEST, secret=WRONG), "Request Authenticator does not match"),
    ],
    ids=["unsigned EAP", "unsigned Status-Server", "short signature", "accounting", "CoA"],
)
async def test_request_that_is_not_authentic_is_discarded(open_desk: OpenDesk, datagram: bytes, words: str) -> None:
    """RFC 3579 section 3.2, RFC 5997 section 3, RFC 2866 section 3, RFC 5176 section 2.3."""
    handlers: dict[int, Handler] = dict.fromkeys(
        (Code.ACCESS_REQUEST, Code.ACCOUNTING_REQUEST, Code.COA_REQUEST), accept
    )
    desk = open_desk(handlers)
    device = desk.add_device()
    device.send(datagram)
    await desk.settle()
    assert device.list_received() == []
    assert desk.drops == {"not-authentic": 1}
    assert words in desk.observed.reasons[0][1]


@pytest.mark.parametrize("code", [Code.ACCESS_ACCEPT, Code.ACCOUNTING_RESPONSE])
async def test_status_server_is_answered_with_the_code_of_its_port_and_no_handler_runs(
    open_desk: OpenDesk, code: Code
) -> None:
    desk = open_desk({}, status_code=code)
    sent = request(PROXY, code=Code.STATUS_SERVER)
    data = await desk.add_device().ask(sent)
    reply = decode(data)
    assert reply.code == code
    assert verify_reply(data, reply, Code.STATUS_SERVER, decode(sent).authenticator, SECRET) is None
    assert [type_ for type_, _ in reply.attributes] == [attribute.MESSAGE_AUTHENTICATOR, attribute.PROXY_STATE]
    assert desk.server.counters.requests == 0


async def test_status_server_is_not_served_where_no_code_answers_it(open_desk: OpenDesk) -> None:
    desk = open_desk({}, status_code=None)
    desk.add_device().send(request(code=Code.STATUS_SERVER))
    await desk.settle()
    assert desk.drops == {"unexpected-code": 1}


async def test_longest_prefix_chooses_secret_and_name(open_desk: OpenDesk) -> None:
    """RFC 2865 section 3: the source address alone chooses the secret."""
    names: list[str] = []

    def note(received: Request) -> Reply:
        names.append(received.client.name)
        return Reply(Code.ACCESS_ACCEPT)

    floor = Client(name="floor", network=IPv4Network("127.0.0.0/8"), secret=WRONG)
    desk = open_desk({Code.ACCESS_REQUEST: note}, clients=(floor, make_client(name="switch1")))
    one, other = desk.add_device(), desk.add_device(host="127.0.0.2")
    await one.ask(request())
    await other.ask(request(secret=WRONG))
    one.send(request(secret=WRONG))
    other.send(request())
    await desk.settle()
    assert names == ["switch1", "floor"]
    assert desk.drops == {"not-authentic": 2}


SIGNED, UNSIGNED = request(), request(sign=False)
PROXIED, PROXIED_UNSIGNED = request(PROXY), request(PROXY, sign=False)
SIGNED_EAP = request(EAP)


@pytest.mark.parametrize(
    ("require", "limit", "datagrams", "answered"),
    [
        (NO, NO, [UNSIGNED, PROXIED_UNSIGNED], [True, True]),
        (YES, NO, [SIGNED, UNSIGNED, PROXIED], [True, False, True]),
        (NO, YES, [UNSIGNED, PROXIED, PROXIED_UNSIGNED], [True, True, False]),
        (AUTO, NO, [SIGNED, UNSIGNED], [True, False]),
        (AUTO, NO, [UNSIGNED, SIGNED, UNSIGNED], [True, True, True]),
        (AUTO, NO, [SIGNED_EAP, UNSIGNED], [True, True]),
        (NO, AUTO, [UNSIGNED, PROXIED_UNSIGNED], [True, False]),
        (NO, AUTO, [PROXIED_UNSIGNED, PROXIED_UNSIGNED], [True, True]),
        (NO, AUTO, [PROXIED, PROXIED_UNSIGNED], [True, False]),
        (AUTO, AUTO, [SIGNED, PROXIED_UNSIGNED], [True, False]),
    ],
)
async def test_protections_against_blastradius_behave_as_in_freeradius(
    open_desk: OpenDesk, require: Protection, limit: Protection, datagrams: list[bytes], answered: list[bool]
) -> None:
    """CVE-2024-3596; `auto` learns from the first packet of a source (FreeRADIUS 3.2.5)."""
    desk = open_desk({Code.ACCESS_REQUEST: accept}, clients=(make_client(require=require, limit=limit),))
    device = desk.add_device()
    heard = []
    for number, datagram in enumerate(datagrams):
        device.send(reidentify(datagram, number))
        await desk.settle()
        heard.append(len(device.list_received()) == 1)
    assert heard == answered


def reidentify(datagram: bytes, identifier: int) -> bytes:
    """Give a request another identifier, signed anew where it was signed."""
    packet = decode(datagram)
    attributes = [pair for pair in packet.attributes if pair[0] != attribute.MESSAGE_AUTHENTICATOR]
    sign = attribute.MESSAGE_AUTHENTICATOR in packet.index
    return encode_request(packet.code, identifier, attributes, SECRET, packet.authenticator, sign=sign)


async def test_unsigned_requests_of_other_codes_are_not_subject_to_the_protections(open_desk: OpenDesk) -> None:
    strict = make_client(require=YES, limit=YES)
    desk = open_desk({Code.ACCOUNTING_REQUEST: lambda _: Reply(Code.ACCOUNTING_RESPONSE)}, clients=(strict,))
    sent = request(PROXY, code=Code.ACCOUNTING_REQUEST, sign=False)
    assert decode(await desk.add_device().ask(sent)).code == Code.ACCOUNTING_RESPONSE
