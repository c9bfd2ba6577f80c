"""Devices that share an address, as behind a container engine's NAT: each is answered with its own secret."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest

from radius import attribute
from radius.authenticator import encode_request, verify_reply
from radius.client_table import Client
from radius.packet import Attribute, Code, address, decode
from radius.secret import Secret
from radius.server import Reply, Request

if TYPE_CHECKING:
    from tests.radius.conftest import Desk, OpenDesk

SECRETS = {"switch1": Secret("secret of switch1"), "vpn1": Secret("secret of vpn1"), "others": Secret("testing123")}
SWITCH: Attribute = (attribute.NAS_IDENTIFIER, b"sw1")
VPN: Attribute = (attribute.NAS_IP_ADDRESS, address("10.0.0.2"))
STRANGER: Attribute = (attribute.NAS_IDENTIFIER, b"sw9")


@pytest.fixture
async def desk(open_desk: OpenDesk) -> Desk:
    return open_desk({Code.ACCESS_REQUEST: name_client}, clients=(SWITCH_CLIENT, VPN_CLIENT))


def make_client(name: str, **hint: str) -> Client:
    return Client(name=name, network=IPv4Network("127.0.0.1/32"), secret=SECRETS[name], **hint)  # type: ignore[arg-type]


SWITCH_CLIENT = make_client("switch1", nas_identifier="sw1")
VPN_CLIENT = make_client("vpn1", nas_ip="10.0.0.2")


def name_client(request: Request) -> Reply:
    name = request.client.name.encode()
    return Reply(Code.ACCESS_ACCEPT, bytes((attribute.REPLY_MESSAGE, len(name) + 2)) + name)


def request(*attributes: Attribute, secret: Secret) -> bytes:
    return encode_request(Code.ACCESS_REQUEST, 7, list(attributes), secret, bytes(range(16)), sign=True)


@pytest.mark.parametrize(("said", "name"), [(SWITCH, "switch1"), (VPN, "vpn1"), (STRANGER, "others")])
async def test_each_is_answered_with_its_own_secret(open_desk: OpenDesk, said: Attribute, name: str) -> None:
    clients = (SWITCH_CLIENT, VPN_CLIENT, make_client("others"))
    device = open_desk({Code.ACCESS_REQUEST: name_client}, clients=clients).add_device()
    asked = request(said, secret=SECRETS[name])
    reply = await device.ask(asked)
    assert decode(reply).text(attribute.REPLY_MESSAGE) == name
    assert verify_reply(reply, decode(reply), Code.ACCESS_REQUEST, asked[4:20], SECRETS[name]) is None


async def test_the_hint_proves_nothing(desk: Desk) -> None:
    device = desk.add_device()
    device.send(request(SWITCH, secret=SECRETS["vpn1"]))
    await desk.settle()
    assert (device.list_received(), desk.drops) == ([], {"not-authentic": 1})
    assert desk.observed.facts[0]["client"] == "switch1"
    assert "secret of" not in desk.observed.reasons[0][1].replace("the shared secret of 127.0.0.1", "")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([STRANGER], 'NAS-Identifier "sw9", and no client of 127.0.0.1/32'),
        ([STRANGER], '`my-device: {network: 127.0.0.1/32, secret: ..., nas_identifier: "sw9"}`'),
        ([(attribute.NAS_IP_ADDRESS, address("10.0.0.9"))], "nas_ip: 10.0.0.9}`"),
        ([], "neither NAS-Identifier nor NAS-IP-Address"),
        ([], "`my-device: {network: 127.0.0.1/32, secret: ...}`"),
        ([(attribute.NAS_IDENTIFIER, b'"}\n' + bytes(100))], r'NAS-Identifier "\"}\n\u0000'),
    ],
)
async def test_who_is_none_of_them_finds_what_to_add_in_the_log(desk: Desk, said: list[Attribute], words: str) -> None:
    device = desk.add_device()
    device.send(request(*said, secret=SECRETS["others"]))
    await desk.settle()
    assert (device.list_received(), desk.drops) == ([], {"unknown-client": 1})
    assert words in desk.observed.reasons[0][1]
    assert len(desk.observed.reasons[0][1]) < 1500


async def test_a_malformed_packet_chooses_nobody(desk: Desk) -> None:
    device = desk.add_device()
    device.send(request(SWITCH, secret=SECRETS["switch1"])[:-1])
    await desk.settle()
    assert desk.drops == {"malformed": 1}
    assert desk.observed.facts[0]["client"] == ""
