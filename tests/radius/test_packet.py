"""The codec: examples of RFC 2865, malformed packets, and round trips that lose nothing and keep the order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radius import attribute
from radius.packet import (
    Attribute,
    Code,
    MalformedPacketError,
    address,
    decode,
    encode,
    encode_attributes,
    integer,
    text,
    vendor_type,
)
from tests.radius.packets import packet_of

RFC_7_1 = bytes.fromhex(
    "01000038 0f403f9473978057bd83d5cb98f4227a 01066e656d6f 02120dbe708d93d413ce3196e43f782a0aee"
    "0406c0a80110 050600000003"
)
HEADER = bytes((1, 7)) + bytes(2) + bytes(range(16))

plain_types = st.integers(0, 255).filter(lambda type_: type_ != attribute.VENDOR_SPECIFIC)
plain_attributes = st.tuples(plain_types, st.binary(max_size=253))
vendor_attributes = st.tuples(
    st.builds(vendor_type, st.integers(1, 2**32 - 1), st.integers(0, 255)), st.binary(max_size=247)
)
opaque_vendor_attributes = st.tuples(st.just(attribute.VENDOR_SPECIFIC), st.binary(max_size=5))
attributes = st.lists(plain_attributes | vendor_attributes | opaque_vendor_attributes, max_size=15)


def datagram(body: bytes, *, length: int | None = None) -> bytes:
    return HEADER[:2] + (20 + len(body) if length is None else length).to_bytes(2, "big") + HEADER[4:] + body


def test_rfc_2865_section_7_1_decodes() -> None:
    packet = decode(RFC_7_1)
    assert (packet.code, packet.identifier) == (Code.ACCESS_REQUEST, 0)
    assert packet.authenticator.hex() == "0f403f9473978057bd83d5cb98f4227a"
    assert [type_ for type_, _ in packet.attributes] == [1, 2, 4, 5]
    assert packet.text(attribute.USER_NAME) == "nemo"
    assert packet.address(attribute.NAS_IP_ADDRESS) == "192.168.1.16"
    assert packet.integer(attribute.NAS_PORT) == 3


def test_rfc_2865_section_7_1_encodes_to_the_same_octets() -> None:
    packet = decode(RFC_7_1)
    assert encode(packet.code, packet.identifier, packet.authenticator, packet.attributes) == RFC_7_1


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "0 octets, fewer than the header's 20"),
        (RFC_7_1[:19], "19 octets, fewer"),
        (datagram(b"", length=19), "Length 19 is outside 20..4096"),
        (datagram(bytes(4080), length=4097), "Length 4097 is outside"),
        (RFC_7_1[:-1], "Length 56 exceeds the 55 octets received"),
        (datagram(b"\x01"), "the attributes end at octet 20, the packet at 21"),
        (datagram(b"\x01\x00"), "attribute 1 at octet 20 has length 0"),
        (datagram(b"\x01\x01"), "attribute 1 at octet 20 has length 1"),
        (datagram(b"\x01\x03a\x02\x05ab"), "the attributes end at octet 28, the packet at 27"),
    ],
)
def test_malformed_packet_is_refused_with_its_fault(data: bytes, fault: str) -> None:
    with pytest.raises(MalformedPacketError) as caught:
        decode(data)
    assert fault in caught.value.fault


def test_attribute_must_not_reach_into_the_padding() -> None:
    """RFC 2865 section 3: octets beyond Length are padding, whatever they look like."""
    with pytest.raises(MalformedPacketError, match="end at octet 26, the packet at 24"):
        decode(datagram(b"\x01\x06ab", length=24) + b"cd")


def test_octets_beyond_length_are_padding() -> None:
    assert decode(RFC_7_1 + b"\xff" * 9) == decode(RFC_7_1)


def test_largest_packet_decodes() -> None:
    body = b"\x01\xff" + bytes(253)
    data = datagram(body * 15 + b"\x01\xfb" + bytes(249))
    assert len(data) == 4096
    assert len(decode(data).attributes) == 16


@given(data=st.binary(max_size=300) | st.binary(max_size=200).map(datagram))
def test_any_octets_are_a_packet_or_malformed(data: bytes) -> None:
    try:
        packet = decode(data)
    except MalformedPacketError:
        return
    again = decode(encode(packet.code, packet.identifier, packet.authenticator, packet.attributes))
    assert again == packet


@given(
    code=st.integers(0, 255),
    identifier=st.integers(0, 255),
    authenticator=st.binary(min_size=16, max_size=16),
    attributes=attributes,
)
def test_round_trip_keeps_order_unknown_types_and_vendors(
    code: int, identifier: int, authenticator: bytes, attributes: list[Attribute]
) -> None:
    packet = decode(encode(code, identifier, authenticator, attributes))
    assert (packet.code, packet.identifier, packet.authenticator) == (code, identifier, authenticator)
    assert packet.attributes == attributes
    assert packet.index == {type_: packet.list_octets(type_)[0] for type_, _ in attributes}


def test_several_attributes_of_one_vendor_may_share_a_vendor_specific() -> None:
    inside = (9).to_bytes(4, "big") + b"\x01\x05abc" + b"\x02\x04de"
    packet = decode(datagram(bytes((26, 2 + len(inside))) + inside))
    assert packet.attributes == [(vendor_type(9, 1), b"abc"), (vendor_type(9, 2), b"de")]


@pytest.mark.parametrize(
    "inside", [b"", b"\0\0\0", b"\0\0\0\x09", b"\0\0\0\x09\x01", b"\0\0\0\x09\x01\x09abc", b"\0\0\0\0\x01\x03a"]
)
def test_vendor_specific_that_does_not_parse_is_kept_whole(inside: bytes) -> None:
    data = datagram(bytes((26, 2 + len(inside))) + inside)
    packet = decode(data)
    assert packet.attributes == [(attribute.VENDOR_SPECIFIC, inside)]
    assert encode(packet.code, packet.identifier, packet.authenticator, packet.attributes) == data


def test_first_value_of_a_type_is_found_and_all_are_listed() -> None:
    packet = packet_of(
        Code.ACCESS_ACCEPT, [(attribute.CLASS, b"one"), (attribute.STATE, b"s"), (attribute.CLASS, b"2")]
    )
    assert packet.octets(attribute.CLASS) == b"one"
    assert packet.list_octets(attribute.CLASS) == [b"one", b"2"]
    assert packet.list_text(attribute.CLASS) == ["one", "2"]


def test_values_of_the_wrong_size_are_no_integers_and_no_addresses() -> None:
    packet = packet_of(Code.ACCESS_REQUEST, [(attribute.NAS_PORT, b"123"), (attribute.NAS_IP_ADDRESS, b"12345")])
    assert packet.integer(attribute.NAS_PORT) is None
    assert packet.address(attribute.NAS_IP_ADDRESS) is None


def test_text_that_is_not_utf_8_is_shown_with_replacements() -> None:
    assert packet_of(Code.ACCESS_REQUEST, [(attribute.USER_NAME, b"al\xffce")]).text(attribute.USER_NAME) == "al�ce"


def test_missing_attribute_is_none() -> None:
    packet = packet_of(Code.ACCESS_REQUEST, [])
    assert packet.octets(attribute.USER_NAME) is packet.text(attribute.USER_NAME) is None
    assert packet.integer(attribute.NAS_PORT) is packet.address(attribute.NAS_IP_ADDRESS) is None


@pytest.mark.parametrize(
    ("type_", "size", "fault"),
    [(attribute.CLASS, 254, "254 octets exceed 253"), (attribute.CISCO_AVPAIR, 248, "attribute 1 of vendor 9")],
)
def test_oversized_value_is_the_callers_error(type_: int, size: int, fault: str) -> None:
    encode_attributes([(type_, bytes(size - 1))])
    with pytest.raises(ValueError, match=fault):
        encode_attributes([(type_, bytes(size))])


def test_oversized_packet_is_the_callers_error() -> None:
    with pytest.raises(ValueError, match="4100 octets exceeds 4096"):
        encode(Code.ACCESS_ACCEPT, 0, bytes(16), [(attribute.CLASS, bytes(253))] * 16)


def test_values_are_encoded_by_their_kind() -> None:
    assert text("Zoë") == "Zoë".encode()
    assert integer(2**32 - 1) == b"\xff" * 4
    assert address("127.0.3.1") == bytes((127, 0, 3, 1))
    with pytest.raises(OverflowError):
        integer(2**32)
    with pytest.raises(ValueError, match="127"):
        address("127.0.3")
