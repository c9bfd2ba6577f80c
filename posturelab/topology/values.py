"""The small values that topology and scenario files are made of: names, addresses, ports, ranges and room defaults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, Discriminator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from nac.identity import parse_mac
from nad_emulator.acl import AclSyntaxError, parse_acl
from posturelab.reading.duration import parse_duration, render_duration

_Quantity = TypeVar("_Quantity", int, float, timedelta)


@dataclass(frozen=True, slots=True)
class Within(Generic[_Quantity]):
    """Says in an annotation which numbers or durations a field takes, both ends included."""

    lowest: _Quantity
    highest: _Quantity

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.verify, handler(source))

    def __str__(self) -> str:
        return f"{_render(self.lowest)} to {_render(self.highest)}"

    def verify(self, value: _Quantity) -> _Quantity:
        """Return the value; raises `ValueError` for one outside the range."""
        if not self.lowest <= value <= self.highest:
            raise ValueError(f"{_render(value)} is outside the range {self}")
        return value


def lasting(shortest: str, longest: str) -> Within[timedelta]:
    """Build the range of a duration, its ends written as a file writes them."""
    return Within(parse_duration(shortest), parse_duration(longest))


def _render(value: float | timedelta) -> str:
    return render_duration(value) if isinstance(value, timedelta) else str(value)


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


def _read_user_name(text: str) -> str:
    if ":" in _read_text(text) or not text.isprintable():
        raise ValueError(f"{text!r} is no user name for HTTP: use printable characters, and no colon")
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

UserName = Annotated[str, AfterValidator(_read_user_name)]
"""Who logs in with HTTP Basic (RFC 7617 section 2)."""

Address = Annotated[str, AfterValidator(_read_address)]
"""A dotted IPv4 address."""

Network = Annotated[str, AfterValidator(_read_network)]
"""An IPv4 network, ``127.0.0.0/8``."""

Mac = Annotated[str, AfterValidator(parse_mac)]
"""A MAC address in any usual spelling, kept as ``02:00:00:00:10:01``."""

AclLine = Annotated[str, AfterValidator(_read_acl_line)]
"""One entry of an access list as IOS writes it."""

Port = Annotated[int, Within(0, 65535)]
"""A port; 0 means any."""

FixedPort = Annotated[int, Within(1, 65535)]
"""A port that others must know beforehand."""


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
