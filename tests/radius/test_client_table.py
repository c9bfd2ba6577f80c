"""Which secret belongs to a source address, and what the `auto` switches of BlastRADIUS learn (FreeRADIUS 3.2.5)."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from radius import attribute
from radius.client_table import Client, ClientTable, Learned, Switch
from radius.packet import Attribute, Code, packet_of
from radius.secret import Secret


def client(name: str, network: str, *, require: Switch = Switch.AUTO, limit: Switch = Switch.AUTO) -> Client:
    return Client(
        name=name,
        network=IPv4Network(network),
        secret=Secret("testing123"),
        require_message_authenticator=require,
        limit_proxy_state=limit,
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


def teach(
    *packets: tuple[list[Attribute], bool], require: Switch = Switch.AUTO, limit: Switch = Switch.AUTO
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
        ([], True, Switch.YES, Switch.YES),
        ([], False, Switch.NO, Switch.YES),
        (EAP, True, Switch.AUTO, Switch.YES),
        (PROXIED, False, Switch.NO, Switch.NO),
        (PROXIED, True, Switch.YES, Switch.YES),
    ],
)
def test_first_packet_teaches(attributes: list[Attribute], *, signed: bool, required: Switch, limited: Switch) -> None:
    learned = teach((attributes, signed))
    assert (learned.require_message_authenticator, learned.limit_proxy_state) == (required, limited)


def test_what_was_learned_stays() -> None:
    learned = teach(([], True), (PROXIED, False))
    assert (learned.require_message_authenticator, learned.limit_proxy_state) == (Switch.YES, Switch.YES)


def test_eap_leaves_the_lesson_to_the_next_packet() -> None:
    assert teach((EAP, True), ([], False)).require_message_authenticator is Switch.NO


@pytest.mark.parametrize("switch", [Switch.YES, Switch.NO])
def test_switches_that_are_set_do_not_learn(switch: Switch) -> None:
    learned = teach(([], True), (PROXIED, False), require=switch, limit=switch)
    assert (learned.require_message_authenticator, learned.limit_proxy_state) == (switch, switch)


def test_every_source_address_learns_for_itself() -> None:
    table = ClientTable([client("lab", "127.0.0.0/8")])
    one, other = table.find("127.0.3.1"), table.find("127.0.3.2")
    assert one is not None
    assert other is not None
    one.learn(packet_of(Code.ACCESS_REQUEST, []), signed=True)
    assert table.find("127.0.3.1") is one
    assert one.require_message_authenticator is Switch.YES
    assert other.require_message_authenticator is Switch.AUTO
