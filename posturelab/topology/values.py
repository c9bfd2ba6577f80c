"""The small values that topology and scenario files are made of: names, addresses, ports, and room defaults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, fields
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field

from nac.identity import parse_mac
from nad_emulator.acl import AclSyntaxError, parse_acl


def _read_name(text: str) -> str:
    if not (text.isascii() and text.replace("-", "").isalnum() and text == text.lower() and len(text) <= 63):
        raise ValueError(f"{text!r} is not a name; use lower-case letters, digits and hyphens")
    if text == "lab-ca":
        raise ValueError(f"{text!r} is the name of the lab's authority")
    return text


def _read_address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        raise ValueError(f"{text!r} is not an IPv4 address") from None


def _read_network(text: str) -> str:
    try:
        return str(IPv4Network(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is not an IPv4 network: {error}") from None


def _read_text(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _read_acl_line(line: str) -> str:
    try:
        parse_acl("", [line])
    except AclSyntaxError as error:
        raise ValueError(f"{line!r} is not an access list entry: {error.fault}") from None
    return line


Name = Annotated[str, AfterValidator(_read_name)]
"""A node name: the first label of its DNS name."""

Text = Annotated[str, AfterValidator(_read_text)]
"""Text with something in it."""

Address = Annotated[str, AfterValidator(_read_address)]
"""A dotted IPv4 address."""

Network = Annotated[str, AfterValidator(_read_network)]
"""An IPv4 network, ``127.0.0.0/8``."""

Mac = Annotated[str, AfterValidator(parse_mac)]
"""A MAC address in any usual spelling, kept as ``02:00:00:00:10:01``."""

AclLine = Annotated[str, AfterValidator(_read_acl_line)]
"""One entry of an access list as IOS writes it."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""A port; 0 means any."""


def _count(value: object) -> str:
    return "many" if isinstance(value, list | tuple) else "one"


ONE_OR_MANY = Discriminator(_count)
"""Tells a single value, tagged ``one``, from a list, tagged ``many``, so that a fault is about what was written."""


WILDCARD_CLIENT = "wildcard"
"""The client that covers every device not declared."""


def one_of(words: Iterable[str]) -> AfterValidator:
    """Build the test that a text is one of a few words."""
    known = list(words)

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(f"{text!r} is not one of {', '.join(map(repr, known))}")
        return text

    return AfterValidator(read)


def default_of(config: type, name: str) -> Any:
    """Read the default of a room's configuration field, so that a topology file repeats none."""
    field = next(field for field in fields(config) if field.name == name)
    return field.default if field.default_factory is MISSING else field.default_factory()
