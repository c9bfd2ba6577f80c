"""Attributes by name, and their values as text: the dictionary files beside this module, ready for use.

Files in FreeRADIUS format are loaded by pyrad, here and nowhere else, into values of our own; an attribute type is
numbered as in `radius.packet`. Text is what a person reads in a log and writes in a topology: integers by their VALUE
name, addresses dotted, printable octets as they are and others as ``0x...``, tags (RFC 2868) in front as ISE shows
them, ``(tag=1) VLAN``. Passwords, and answers to challenges that could be guessed from, are rendered as ``****``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from radius import attribute
from radius.packet import Attribute, vendor_type

if TYPE_CHECKING:
    from pyrad import dictionary as pyrad_dictionary

MASK = "****"
_LARGEST_TAG = 0x1F
_TAG = re.compile(r"\(tag=(\d{1,3})\) ?", re.ASCII)
_SECRETS = frozenset(
    {attribute.CHAP_PASSWORD, attribute.ARAP_PASSWORD}
    | {vendor_type(attribute.MICROSOFT, type_) for type_ in (1, 3, 4, 5, 6, 19, 20, 25, 27)}
)
"""Attributes whose octets give a password away without being one that the dictionary files mark as encrypted."""


class DataType(StrEnum):
    """The data types our files use, by their names in the FreeRADIUS format."""

    STRING = "string"
    OCTETS = "octets"
    INTEGER = "integer"
    DATE = "date"
    IPADDR = "ipaddr"
    IPV6ADDR = "ipv6addr"
    IPV6PREFIX = "ipv6prefix"
    IFID = "ifid"


class DictionaryError(ValueError):
    """A dictionary file is wrong; the text names file and line where they are known."""


class UnknownAttributeError(LookupError):
    """No dictionary names an attribute like this."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no dictionary knows the attribute {name!r}")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One attribute: its name, type number, data type, and the names of its values."""

    name: str
    type: int
    data_type: DataType
    tagged: bool
    secret: bool
    values: Mapping[str, int]
    value_names: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Definitions by type number, and by name in lower case: names are compared without regard to case."""

    by_type: Mapping[int, Definition]
    by_name: Mapping[str, Definition]

    def find(self, name: str) -> Definition | None:
        """Find a definition by name."""
        return self.by_name.get(name.lower())

    def get(self, name: str) -> Definition:
        """Get a definition by name; raises `UnknownAttributeError`."""
        definition = self.find(name)
        if definition is None:
            raise UnknownAttributeError(name)
        return definition

    def name(self, type_: int) -> str:
        """Name a type; an unknown one as ``Attr-200`` or ``Attr-26.9.200`` (vendor 9)."""
        definition = self.by_type.get(type_)
        if definition is not None:
            return definition.name
        return f"Attr-{type_}" if type_ < 256 else f"Attr-26.{type_ >> 8}.{type_ & 255}"

    def render(self, type_: int, octets: bytes) -> str:
        """Render a value as text; octets that do not fit their data type, or of an unknown type, as hex."""
        definition = self.by_type.get(type_)
        if definition is None:
            return _render_hex(octets)
        if definition.secret:
            return MASK
        prefix = ""
        if definition.tagged:
            tag, octets = _split_tag(definition.data_type, octets)
            prefix = f"(tag={tag}) "
        try:
            return prefix + _RENDERERS[definition.data_type](definition, octets)
        except ValueError:
            return prefix + _render_hex(octets)

    def encode_value(self, name: str, text: str) -> Attribute:
        """Encode text as an attribute; an encrypted one is still in the clear.

        Raises `UnknownAttributeError`, or `ValueError` where the text does not fit the data type.
        """
        definition = self.get(name)
        tag = 0
        match = _TAG.match(text) if definition.tagged else None
        if match is not None:
            tag = int(match[1])
            text = text[match.end() :]
        try:
            octets = _ENCODERS[definition.data_type](definition, text)
            return definition.type, _join_tag(tag, octets, definition.data_type) if definition.tagged else octets
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{definition.name}: {text!r} is not a value of type {definition.data_type}") from error


@cache
def load_default() -> Dictionary:
    """Load all dictionaries that come with this package, once for all who ask: nobody can change what they get."""
    return load(Path(__file__).with_name("dictionaries") / "dictionary")


def load(file: Path) -> Dictionary:
    """Load a dictionary file and what it includes.

    Raises `DictionaryError` for a file that does not parse, `OSError` for one that cannot be read.
    """
    from pyrad.dictionary import Dictionary as PyradDictionary
    from pyrad.dictionary import ParseError

    try:
        loaded = PyradDictionary(str(file))
        definitions = [_define(known, loaded.vendors.GetForward(known.vendor)) for known in loaded.attributes.values()]
    except (ParseError, ValueError) as error:
        raise DictionaryError(f"{file}: {error}") from error
    return Dictionary(
        by_type=MappingProxyType({definition.type: definition for definition in definitions}),
        by_name=MappingProxyType({definition.name.lower(): definition for definition in definitions}),
    )


def _define(known: pyrad_dictionary.Attribute, vendor_id: int) -> Definition:
    """Make a definition of what pyrad has read."""
    type_ = vendor_type(vendor_id, known.code)
    values = {name: int.from_bytes(octets, "big") for name, octets in known.values.forward.items()}
    return Definition(
        name=known.name,
        type=type_,
        data_type=DataType(known.type),
        tagged=known.has_tag,
        secret=known.encrypt != 0 or type_ in _SECRETS,
        values=MappingProxyType(values),
        value_names=MappingProxyType({number: name for name, number in values.items()}),
    )


def _split_tag(data_type: DataType, octets: bytes) -> tuple[int, bytes]:
    """Split a tagged value: an integer's tag takes the place of its first octet, a string need not have one."""
    if data_type is DataType.INTEGER:
        return (octets[0], b"\0" + octets[1:]) if len(octets) == 4 else (0, octets)
    if octets and octets[0] <= _LARGEST_TAG:
        return octets[0], octets[1:]
    return 0, octets


def _join_tag(tag: int, octets: bytes, data_type: DataType) -> bytes:
    """Put a tag in front of a value; tag 0, which means none, is left away where that is not ambiguous."""
    if tag > _LARGEST_TAG:
        raise ValueError(f"tag {tag} exceeds {_LARGEST_TAG}")
    if data_type is DataType.INTEGER:
        if octets[0]:
            raise ValueError("a tagged integer has three octets")
        return bytes((tag,)) + octets[1:]
    if tag or (octets and octets[0] <= _LARGEST_TAG):
        return bytes((tag,)) + octets
    return octets


def _render_hex(octets: bytes) -> str:
    return f"0x{octets.hex()}"


def _render_text(_: Definition, octets: bytes) -> str:
    """Render text on one line: what is not printable becomes an escape, so that a value cannot forge a log line."""
    text = octets.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _encode_text(_: Definition, text: str) -> bytes:
    return text.encode()


def _render_octets(_: Definition, octets: bytes) -> str:
    printable = octets.isascii() and octets.decode("ascii").isprintable() and not octets.startswith(b"0x")
    return octets.decode("ascii") if printable else _render_hex(octets)


def _encode_octets(_: Definition, text: str) -> bytes:
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()


def _render_integer(definition: Definition, octets: bytes) -> str:
    if len(octets) != 4:
        raise ValueError("an integer has four octets")
    number = int.from_bytes(octets, "big")
    return definition.value_names.get(number) or str(number)


def _encode_integer(definition: Definition, text: str) -> bytes:
    number = definition.values.get(text)
    return (int(text) if number is None else number).to_bytes(4, "big")


def _render_ipv6prefix(_: Definition, octets: bytes) -> str:
    """Render a reserved octet, a prefix length and as many octets of the prefix as it takes (RFC 3162 section 2.3)."""
    if len(octets) < 2:
        raise ValueError("an IPv6 prefix has at least two octets")
    return str(IPv6Network((octets[2:].ljust(16, b"\0"), octets[1])))


def _encode_ipv6prefix(_: Definition, text: str) -> bytes:
    network = IPv6Network(text)
    return bytes((0, network.prefixlen)) + network.network_address.packed


def _render_ifid(_: Definition, octets: bytes) -> str:
    if len(octets) != 8:
        raise ValueError("an interface identifier has eight octets")
    return octets.hex(":", 2)


def _encode_ifid(_: Definition, text: str) -> bytes:
    octets = bytes.fromhex(text.replace(":", ""))
    if len(octets) != 8:
        raise ValueError("an interface identifier has eight octets")
    return octets


_RENDERERS: Mapping[DataType, Callable[[Definition, bytes], str]] = MappingProxyType(
    {
        DataType.STRING: _render_text,
        DataType.OCTETS: _render_octets,
        DataType.INTEGER: _render_integer,
        DataType.DATE: _render_integer,
        DataType.IPADDR: lambda _, octets: str(IPv4Address(octets)),
        DataType.IPV6ADDR: lambda _, octets: str(IPv6Address(octets)),
        DataType.IPV6PREFIX: _render_ipv6prefix,
        DataType.IFID: _render_ifid,
    }
)
_ENCODERS: Mapping[DataType, Callable[[Definition, str], bytes]] = MappingProxyType(
    {
        DataType.STRING: _encode_text,
        DataType.OCTETS: _encode_octets,
        DataType.INTEGER: _encode_integer,
        DataType.DATE: _encode_integer,
        DataType.IPADDR: lambda _, text: IPv4Address(text).packed,
        DataType.IPV6ADDR: lambda _, text: IPv6Address(text).packed,
        DataType.IPV6PREFIX: _encode_ipv6prefix,
        DataType.IFID: _encode_ifid,
    }
)
