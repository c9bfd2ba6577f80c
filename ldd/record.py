"""What nodes tell each other of a session: one record, and its JSON on the link.

Knows neither link nor replica. The attributes are the public ones of the RADIUS Session Directory (posture.md 7,
aaa-mnt.md 5.3); names on the wire are those of lsd.log where it has one. ISE's own payload is not public. The version
of this schema is that of the message around it (`ldd.envelope`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ldd.link import Json
from nac.identity import find_mac
from nac.posture import PostureStatus

TOPIC = "session"
"""Of records that tell what has just happened to a session."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2242, 1, 1, tzinfo=UTC)
"""Instants between these are exact as epoch seconds with microseconds."""

LAST_VERSION = (1 << 53) - 1
"""The greatest version taken from others; the owner that comes next counts on from it."""

LONGEST_TEXT = 253
"""Characters of a text, and addresses of an endpoint, taken from others: no RADIUS attribute has more octets."""

_VERSIONS = range(1, 2**63)


class RecordError(ValueError):
    """A JSON value from the link is not a session record."""

    def __init__(self, reason: str) -> None:
        """Say what is wrong."""
        super().__init__(f"not a session record: {reason}")


class RecordState(StrEnum):
    """How far a session has come."""

    AUTHENTICATED = "Authenticated"
    STARTED = "Started"
    STOPPED = "Stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session as its owner tells it; raises `ValueError` where it could not be told apart or put in order.

    `psn`, `psn_ip` and `psn_fqdn` are the owner's; `addresses` are the endpoint's, of either family. The instants are
    aware: `authenticated_at` is that of the last passed authentication, which made the owner the owner, `at` that of
    the change. `version` counts from 1.
    """

    session_id: str
    mac: str = ""
    calling_station_id: str = ""
    addresses: tuple[str, ...] = ()
    psn: str
    psn_ip: str
    psn_fqdn: str
    nas_ip: str = ""
    nas_ipv6: str = ""
    state: RecordState
    posture_status: PostureStatus | None = None
    acct_session_id: str = ""
    version: int
    authenticated_at: datetime
    at: datetime

    def __post_init__(self) -> None:
        if not self.session_id or not self.psn:
            raise ValueError("a session record names its session and its owner")
        if self.version not in _VERSIONS:
            raise ValueError("versions count from 1 and have 63 bits at most")
        if self.authenticated_at.tzinfo is None or self.at.tzinfo is None:
            raise ValueError("the instants of a session record are aware")
        if not (EARLIEST <= self.authenticated_at < LATEST and EARLIEST <= self.at < LATEST):
            raise ValueError("the instants of a session record lie between 1970 and 2242")

    @property
    def is_active(self) -> bool:
        """Whether the session goes on, as far as its owner knows."""
        return self.state is not RecordState.STOPPED

    @property
    def precedence(self) -> tuple[datetime, str, int]:
        """What decides between two records of one session: the later authentication, then the owner's version.

        The owner's name settles a tie of two owners the same way on every node.
        """
        return self.authenticated_at, self.psn, self.version


def encode_record(record: SessionRecord) -> bytes:
    """Encode a record; instants are epoch seconds with microseconds."""
    members: dict[str, Json] = {
        "auditSessionID": record.session_id,
        "endpointMAC": record.mac,
        "callingStationId": record.calling_station_id,
        "ipAddressLst": record.addresses,
        "psnName": record.psn,
        "psnIp": record.psn_ip,
        "psnFqdn": record.psn_fqdn,
        "nasIP": record.nas_ip,
        "nasIPv6": record.nas_ipv6,
        "status": record.state.value,
        "acctSessionID": record.acct_session_id,
        "version": record.version,
        "authenticatedAt": record.authenticated_at.timestamp(),
        "timeStamp": record.at.timestamp(),
    }
    if record.posture_status is not None:
        members["postureStatus"] = record.posture_status.value
    return json.dumps(members, separators=(",", ":")).encode()


def decode_record(members: Json) -> SessionRecord:
    """Decode a record from its JSON value; members unknown here are ignored. Raises `RecordError` for any other."""
    if not isinstance(members, dict):
        raise RecordError("it is not a JSON object")
    try:
        return _build(members)
    except KeyError as error:
        raise RecordError(f"{error.args[0]} is missing") from None
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise RecordError(str(error)) from None


def _build(members: dict[str, Any]) -> SessionRecord:
    return SessionRecord(
        session_id=_text(members, "auditSessionID"),
        mac=_mac(members, "endpointMAC"),
        calling_station_id=_text(members, "callingStationId"),
        addresses=_texts(members, "ipAddressLst"),
        psn=_text(members, "psnName"),
        psn_ip=_text(members, "psnIp"),
        psn_fqdn=_text(members, "psnFqdn"),
        nas_ip=_text(members, "nasIP"),
        nas_ipv6=_text(members, "nasIPv6"),
        state=RecordState(_text(members, "status")),
        posture_status=PostureStatus(_text(members, "postureStatus")) if "postureStatus" in members else None,
        acct_session_id=_text(members, "acctSessionID"),
        version=_version(members, "version"),
        authenticated_at=_instant(members, "authenticatedAt"),
        at=_instant(members, "timeStamp"),
    )


def _text(members: dict[str, Any], name: str) -> str:
    value = members[name]
    if not _is_text(value):
        raise TypeError(f"{name} is not printable text of at most {LONGEST_TEXT} characters")
    return str(value)


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and value.isprintable()


def _mac(members: dict[str, Any], name: str) -> str:
    value = _text(members, name)
    if value and find_mac(value) != value:
        raise ValueError(f"{name} is not a MAC address")
    return value


def _texts(members: dict[str, Any], name: str) -> tuple[str, ...]:
    values = members[name]
    if not isinstance(values, list) or len(values) > LONGEST_TEXT or not all(map(_is_text, values)):
        raise TypeError(f"{name} is not a list of at most {LONGEST_TEXT} printable texts")
    return tuple(values)


def _version(members: dict[str, Any], name: str) -> int:
    value = members[name]
    if type(value) is not int or value > LAST_VERSION:
        raise TypeError(f"{name} is not an integer up to {LAST_VERSION}")
    return value


def _instant(members: dict[str, Any], name: str) -> datetime:
    value = members[name]
    if type(value) not in (int, float):
        raise TypeError(f"{name} is not a number of seconds")
    return datetime.fromtimestamp(value, UTC)
