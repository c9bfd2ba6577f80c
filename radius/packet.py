"""A RADIUS packet: code, identifier, authenticator and an ordered list of (type, value) pairs.

Decides how octets become a packet and back (RFC 2865 section 3 and 5, RFC 2866, RFC 5176). Knows neither
secrets nor dictionaries: values stay octets until somebody asks for them as text, integer or address.

An attribute type is one integer. Types below 256 are the RFC's own; a vendor's attribute is
``vendor_id << 8 | vendor_type`` (see `vendor_type`), so Cisco-AVPair is ``9 << 8 | 1``. A Vendor-Specific
attribute whose inside does not parse keeps type 26 and its octets, so that nothing is lost on a round trip.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from socket import inet_ntoa

HEADER_LENGTH = 20
MAXIMUM_LENGTH = 4096
MAXIMUM_VALUE_LENGTH = 253
VENDOR_SPECIFIC = 26

Attribute = tuple[int, bytes]


class Code(IntEnum):
    """Packet codes of RFC 2865, 2866, 2882, 5176 and 5997."""

    ACCESS_REQUEST = 1
    ACCESS_ACCEPT = 2
    ACCESS_REJECT = 3
    ACCOUNTING_REQUEST = 4
    ACCOUNTING_RESPONSE = 5
    ACCESS_CHALLENGE = 11
    STATUS_SERVER = 12
    STATUS_CLIENT = 13
    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42
    COA_REQUEST = 43
    COA_ACK = 44
    COA_NAK = 45


class MalformedPacketError(ValueError):
    """The octets are not a RADIUS packet; `fault` says why in a few words."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"malformed RADIUS packet: {fault}")
        self.fault = fault


@dataclass(slots=True)
class Packet:
    """One decoded packet. `attributes` keeps the order of the wire; `index` maps a type to its first value.

    A value: nobody changes one. It is not frozen because one is made for every datagram, and freezing doubles that.
    """

    code: int
    identifier: int
    authenticator: bytes
    attributes: list[Attribute]
    index: dict[int, bytes]

    def octets(self, type_: int) -> bytes | None:
        """Find the first value of a type."""
        return self.index.get(type_)

    def text(self, type_: int) -> str | None:
        """Find the first value of a type as text; octets that are not UTF-8 become replacement characters."""
        value = self.index.get(type_)
        return None if value is None else value.decode("utf-8", "replace")

    def integer(self, type_: int) -> int | None:
        """Find the first value of a type as an unsigned integer, or None where it does not have four octets."""
        value = self.index.get(type_)
        return None if value is None or len(value) != 4 else int.from_bytes(value, "big")

    def address(self, type_: int) -> str | None:
        """Find the first value of a type as a dotted IPv4 address, or None where it does not have four octets."""
        value = self.index.get(type_)
        return None if value is None or len(value) != 4 else inet_ntoa(value)

    def list_octets(self, type_: int) -> list[bytes]:
        """List every value of a type in the order of the wire."""
        return [value for found, value in self.attributes if found == type_]

    def list_text(self, type_: int) -> list[str]:
        """List every value of a type as text in the order of the wire."""
        return [value.decode("utf-8", "replace") for found, value in self.attributes if found == type_]


def vendor_type(vendor_id: int, type_: int) -> int:
    """Build the attribute type of a vendor's attribute."""
    return vendor_id << 8 | type_


def decode(data: bytes) -> Packet:
    """Decode one datagram in one pass; octets beyond Length are padding (RFC 2865 section 3).

    Raises `MalformedPacketError` for a wrong Length field and for any attribute that is shorter than its
    header or runs past the packet.
    """
    size = len(data)
    if size < HEADER_LENGTH:
        raise MalformedPacketError(f"{size} octets, fewer than the header's {HEADER_LENGTH}")
    length = data[2] << 8 | data[3]
    if not HEADER_LENGTH <= length <= MAXIMUM_LENGTH:
        raise MalformedPacketError(f"Length {length} is outside {HEADER_LENGTH}..{MAXIMUM_LENGTH}")
    if size < length:
        raise MalformedPacketError(f"Length {length} exceeds the {size} octets received")
    attributes: list[Attribute] = []
    append = attributes.append
    at = HEADER_LENGTH
    end_of_values = length - 1  # where only one octet is left there is no header of an attribute
    while at < end_of_values:
        type_ = data[at]
        end = at + data[at + 1]
        value = data[at + 2 : end]
        if type_ == VENDOR_SPECIFIC:
            _decode_vendor(value, attributes)
        else:
            append((type_, value))
        if end < at + 2:
            raise MalformedPacketError(f"attribute {type_} at octet {at} has length {end - at}")
        at = end
    if at != length:
        raise MalformedPacketError(f"the attributes end at octet {at}, the packet at {length}")
    return Packet(data[0], data[1], data[4:20], attributes, dict(reversed(attributes)))


def encode(code: int, identifier: int, authenticator: bytes, attributes: list[Attribute]) -> bytes:
    """Encode a packet as it is; authenticators and signatures are the caller's (`radius.authenticator`).

    Raises `ValueError` where a value or the whole packet is too long.
    """
    body = encode_attributes(attributes)
    length = HEADER_LENGTH + len(body)
    if length > MAXIMUM_LENGTH:
        raise ValueError(f"packet of {length} octets exceeds {MAXIMUM_LENGTH}")
    return bytes((code, identifier, length >> 8, length & 255)) + authenticator + body


def encode_attributes(attributes: Iterable[Attribute]) -> bytes:
    """Encode attributes in their order; a vendor's attributes go out one to a Vendor-Specific attribute.

    Raises `ValueError` for a value longer than 253 octets (247 in a vendor's attribute).
    """
    return b"".join([encode_attribute(type_, value) for type_, value in attributes])


def encode_attribute(type_: int, value: bytes) -> bytes:
    """Encode one attribute; raises `ValueError` as `encode_attributes` does."""
    size = len(value)
    if type_ < 256:
        if size > MAXIMUM_VALUE_LENGTH:
            raise ValueError(f"attribute {type_}: {size} octets exceed {MAXIMUM_VALUE_LENGTH}")
        return bytes((type_, size + 2)) + value
    if size > MAXIMUM_VALUE_LENGTH - 6:
        raise ValueError(f"attribute {type_ & 255} of vendor {type_ >> 8}: {size} octets exceed 247")
    return bytes((VENDOR_SPECIFIC, size + 8)) + (type_ >> 8).to_bytes(4, "big") + bytes((type_ & 255, size + 2)) + value


def text(value: str) -> bytes:
    """Encode text."""
    return value.encode()


def integer(value: int) -> bytes:
    """Encode an unsigned 32-bit integer; raises `OverflowError` outside 0..2**32-1."""
    return value.to_bytes(4, "big")


def address(value: str) -> bytes:
    """Encode a dotted IPv4 address; raises `ValueError` for any other text."""
    return IPv4Address(value).packed


def _decode_vendor(value: bytes, attributes: list[Attribute]) -> None:
    """Append the vendor's attributes inside one Vendor-Specific value, or the value itself where they do not parse."""
    size = len(value)
    first = len(attributes)
    vendor = int.from_bytes(value[:4], "big") << 8
    at = 4
    while at + 2 <= size:
        end = at + value[at + 1]
        if end < at + 2 or end > size:
            break
        attributes.append((vendor | value[at], value[at + 2 : end]))
        at = end
    if at != size or size <= 4 or not vendor:
        attributes[first:] = [(VENDOR_SPECIFIC, value)]
