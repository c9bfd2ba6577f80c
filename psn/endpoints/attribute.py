"""One attribute of one endpoint, and its JSON between nodes.

Of two values of one attribute the later one counts; its node's name settles a tie the same way everywhere. ISE's own
payload is not public (posture.md 7); this one is an object with the members ``mac``, ``attribute``, ``value``, ``at``
(epoch seconds with microseconds, exact until the year 2242) and ``node``, where the value was set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nac.identity import find_mac

LONGEST_NAME, LONGEST_VALUE = 128, 256
"""Characters of what another node may say."""

_END = 1 << 33
"""Epoch seconds beyond which floating-point numbers lose microseconds."""


class EndpointAttributeError(ValueError):
    """What another node sent is no endpoint attribute."""

    def __init__(self, reason: str) -> None:
        """Say what is wrong."""
        super().__init__(f"not an endpoint attribute: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAttribute:
    """A value, when it was set (aware) and on which node; `mac` as in `nac.identity`."""

    mac: str
    name: str
    value: str
    at: datetime
    node: str

    @property
    def precedence(self) -> tuple[datetime, str, str]:
        """What decides between two values; the last part only where a node's clock was set back."""
        return self.at, self.node, self.value


def encode_attribute(attribute: EndpointAttribute) -> bytes:
    """Encode an attribute."""
    members = {
        "mac": attribute.mac,
        "attribute": attribute.name,
        "value": attribute.value,
        "at": attribute.at.timestamp(),
        "node": attribute.node,
    }
    return json.dumps(members, separators=(",", ":")).encode()


def parse_attribute(members: Any) -> EndpointAttribute:
    """Parse decoded JSON; members unknown here are ignored. Raises `EndpointAttributeError`."""
    if not isinstance(members, dict):
        raise EndpointAttributeError("it is no object")
    mac = _text(members, "mac", 17)
    if find_mac(mac) != mac:
        raise EndpointAttributeError("mac is no MAC address")
    return EndpointAttribute(
        mac=mac,
        name=_text(members, "attribute", LONGEST_NAME),
        value=_text(members, "value", LONGEST_VALUE, may_be_empty=True),
        at=_instant(members),
        node=_text(members, "node", LONGEST_NAME),
    )


def _text(members: dict[str, Any], name: str, longest: int, *, may_be_empty: bool = False) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not (value or may_be_empty):
        raise EndpointAttributeError(f"{name} is no text")
    if len(value) > longest or not value.isprintable():
        raise EndpointAttributeError(f"{name} is no printable text of at most {longest} characters")
    return value


def _instant(members: dict[str, Any]) -> datetime:
    value = members.get("at")
    if not (isinstance(value, float) or type(value) is int) or not 0 <= value < _END:
        raise EndpointAttributeError("at is no instant in seconds")
    return datetime.fromtimestamp(value, UTC)
