"""Which secret belongs to a source address, or to one of several devices behind it.

What the `auto` protections against BlastRADIUS learn is as in FreeRADIUS 3.2.5.
"""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from radius import attribute
from radius.client_table import Client, ClientTable, Learned, Protection
from radius.packet import Attribute, Code, Packet, address, text
from radius.secret import Secret
from tests.radius.packets import packet_of


def client(
    name: str,
    network: str,
    *,
    require: Protection = Protection.AUTO,
    limit: Protection = Protection.AUTO,
    identifier: str = "",
    nas_ip: str = "",
) -> Client:
    return Client(
        name=name,
        network=IPv4Network(network),
        secret=Secret("testing123"),
        require_message_authenticator=require,
        limit_proxy_state=limit,
        nas_identifier=identifier,
        nas_ip=nas_ip,
    )


def found(table: ClientTable, address: str) -> str | None:
    learned = table.find(address)
    return None if learned is None else learned.client.name


def test_longest_prefix_wins_whatever_the_order() -> None:
    table = ClientTable(
        [client("lab", "127.0.0.0/8"), client("switch1", "127.0.3.1/32"), client("floor", "127.0.3.0/24")]
    )
    assert found(table, "127.0.3.1") == "switch1"
    assert found(table, "127.0.3.2") == "floor"
    assert found(table, "127.9.9.9") == "lab"


def test_address_that_no_prefix_holds_has_no_client() -> None:
    assert found(ClientTable([client("lab", "127.0.0.0/8")]), "192.0.2.1") is None


def test_wildcard_holds_every_address() -> None:
    assert found(ClientTable([client("any", "0.0.0.0/0")]), "192.0.2.1") == "any"


def test_two_clients_must_not_claim_one_network() -> None:
    with pytest.raises(ValueError, match=r"'one' and 'two' both claim 127\.0\.3\.0/24"):
        ClientTable([client("one", "127.0.3.0/24"), client("two", "127.0.3.0/24")])


GATEWAY = "172.18.0.1"
NAT = f"{GATEWAY}/32"


def packet(identifier: str = "", nas_ip: str = "") -> Packet:
    attributes: list[Attribute] = [(attribute.NAS_IDENTIFIER, text(identifier))] if identifier else []
    attributes += [(attribute.NAS_IP_ADDRESS, address(nas_ip))] if nas_ip else []
    return packet_of(Code.ACCESS_REQUEST, attributes)


def chosen(table: ClientTable, said: Packet) -> str | None:
    assert table.find(GATEWAY) is None
    learned = table.choose(GATEWAY, said)
    return None if learned is None else learned.client.name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (packet("sw1", "10.0.0.1"), "both"),
        (packet("sw1", "10.0.0.9"), "by-name"),
        (packet("sw1"), "by-name"),
        (packet("sw9", "10.0.0.1"), "by-address"),
        (packet("sw9", "10.0.0.9"), "others"),
        (packet("SW1"), "others"),
        (packet(), "others"),
    ],
)
def test_what_a_packet_says_chooses_among_those_who_share_an_address(said: Packet, name: str) -> None:
    table = ClientTable(
        [
            client("others", NAT),
            client("by-address", NAT, nas_ip="10.0.0.1"),
            client("by-name", NAT, identifier="sw1"),
            client("both", NAT, identifier="sw1", nas_ip="10.0.0.1"),
            client("wildcard", "0.0.0.0/0"),
        ]
    )
    assert chosen(table, said) == name


def test_the_longest_prefix_decides_before_any_hint() -> None:
    table = ClientTable(
        [client("far", "0.0.0.0/0", identifier="sw1"), client("lab", "0.0.0.0/1"), client("sw2", NAT, identifier="sw2")]
    )
    assert chosen(table, packet("sw2")) == "sw2"
    assert chosen(table, packet("sw1")) is None
    assert found(table, "10.0.0.1") == "lab"
    assert table.find_shared("10.0.0.1") is None
    assert table.find_shared("192.0.2.1") == IPv4Network("0.0.0.0/0")


def test_octets_that_are_no_address_are_no_hint() -> None:
    table = ClientTable([client("switch1", NAT, nas_ip="10.0.0.1")])
    assert chosen(table, packet_of(Code.ACCESS_REQUEST, [(attribute.NAS_IP_ADDRESS, b"10.0.0.1")])) is None


def test_two_clients_must_not_claim_one_hint_nor_one_name() -> None:
    with pytest.raises(ValueError, match=r"'one' and 'two' both claim 172\.18\.0\.1/32"):
        ClientTable([client("one", NAT, identifier="sw1"), client("two", NAT, identifier="sw1")])
    with pytest.raises(ValueError, match="two clients are called 'one'"):
        ClientTable([client("one", NAT), client("one", "10.0.0.0/8")])


def test_a_client_is_found_by_its_name_where_the_address_is_its_own() -> None:
    one = client("one", NAT, identifier="sw1")
    table = ClientTable([one, client("two", NAT)])
    assert table.find_named("one", GATEWAY) is one
    assert table.find_named("one", "172.18.0.2") is None
    assert table.find_named("three", GATEWAY) is None


def test_each_of_those_who_share_an_address_learns_for_itself() -> None:
    table = ClientTable([client("one", NAT, identifier="sw1"), client("two", NAT, identifier="sw2")])
    one, other = table.choose(GATEWAY, packet("sw1")), table.choose(GATEWAY, packet("sw2"))
    assert one is not None
    assert other is not None
    one.learn(packet_of(Code.ACCESS_REQUEST, []), signed=True)
    assert table.choose(GATEWAY, packet("sw1")) is one
    assert (one.require_message_authenticator, other.require_message_authenticator) == (Protection.YES, Protection.AUTO)


def teach(
    *packets: tuple[list[Attribute], bool], require: Protection = Protection.AUTO, limit: Protection = Protection.AUTO
) -> Learned:
    learned = Learned(client("lab", "127.0.0.0/8", require=require, limit=limit))
    for attributes, signed in packets:
        learned.learn(packet_of(Code.ACCESS_REQUEST, attributes), signed=signed)
    return learned


EAP: list[Attribute] = [(attribute.EAP_MESSAGE, b"\x02\x01\x00\x05\x01")]
PROXIED: list[Attribute] = [(attribute.PROXY_STATE, b"1")]


@pytest.mark.parametrize(
    ("attributes", "signed", "required", "limited"),
    [
        ([], True, Protection.YES, Protection.YES),
        ([], False, Protection.NO, Protection.YES),
        (EAP, True, Protection.AUTO, Protection.YES),
        (PROXIED, False, Protection.NO, Protection.NO),
        (PROXIED, True, Protection.YES, Protection.YES),
    ],
)
def test_first_packet_teaches(
    attributes: list[Attribute], *, signed: bool, required: Protection, limited: Protection
) -> None:
    learned = teach((attributes, signed))
    assert (learned.require_message_authenticator, learned.limit_proxy_state) == (required, limited)


def test_what_was_learned_stays() -> None:
    learned = teach(([], True), (PROXIED, False))
    assert (learned.require_message_authenticator, learned.limit_proxy_state) == (Protection.YES, Protection.YES)


def test_eap_leaves_the_lesson_to_the_next_packet() -> None:
    assert teach((EAP, True), ([], False)).require_message_authenticator is Protection.NO


@pytest.mark.parametrize("protection", [Protection.YES, Protection.NO])
def test_protections_that_are_set_do_not_learn(protection: Protection) -> None:
    learned = teach(([], True), (PROXIED, False), require=protection, limit=protection)
    assert (learned.require_message_authenticator, learned.limit_proxy_state) == (protection, protection)


def test_every_source_address_learns_for_itself() -> None:
    table = ClientTable([client("lab", "127.0.0.0/8")])
    one, other = table.find("127.0.3.1"), table.find("127.0.3.2")
    assert one is not None
    assert other is not None
    one.learn(packet_of(Code.ACCESS_REQUEST, []), signed=True)
    assert table.find("127.0.3.1") is one
    assert one.require_message_authenticator is Protection.YES
    assert other.require_message_authenticator is Protection.AUTO
