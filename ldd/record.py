"""What nodes tell each other of a session: one record, and its JSON on the bus.

Knows neither bus nor replica. The attributes are the public ones of the RADIUS Session Directory (posture.md 7,
aaa-mnt.md 5.3); names on the wire are those of lsd.log where it has one. ISE's own payload is not public.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from sys import intern
from typing import Any

from nac.posture import PostureStatus

SCHEMA_VERSION = 1


class RecordError(ValueError):
    """Bytes from the bus are no session record of a schema that this node knows."""

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

    `psn`, `psn_ip` and `psn_fqdn` are the owner's. The instants are aware: `authenticated_at` is that of the last
    passed authentication, which made the owner the owner, `at` that of the change. `version` counts from 1.
    """

    session_id: str
    mac: str = ""
    calling_station_id: str = ""
    addresses: tuple[str, ...] = ()
    psn: str
    psn_ip: str
    psn_fqdn: str
    nas_ip: str = ""
    state: RecordState
    posture_status: PostureStatus | None = None
    acct_session_id: str = ""
    version: int
    authenticated_at: datetime
    at: datetime

    def __post_init__(self) -> None:
        if not self.session_id or not self.psn:
            raise ValueError("a session record names its session and its owner")
        if self.version < 1:
            raise ValueError("versions count from 1")
        if self.authenticated_at.tzinfo is None or self.at.tzinfo is None:
            raise ValueError("the instants of a session record are aware")

    @property
    def precedence(self) -> tuple[datetime, str, int]:
        """What decides between two records of one session: the later authentication, then the owner's version.

        The owner's name settles a tie of two owners the same way on every node.
        """
        return self.authenticated_at, self.psn, self.version


def encode_record(record: SessionRecord) -> bytes:
    """Encode a record; instants are epoch seconds with microseconds, exact until the year 2242."""
    return json.dumps(
        {
            "schemaVersion": SCHEMA_VERSION,
            "auditSessionID": record.session_id,
            "endpointMAC": record.mac,
            "callingStationId": record.calling_station_id,
            "ipAddressLst": record.addresses,
            "psnName": record.psn,
            "psnIp": record.psn_ip,
            "psnFqdn": record.psn_fqdn,
            "nasIP": record.nas_ip,
            "status": record.state.value,
            "postureStatus": record.posture_status.value if record.posture_status else "",
            "acctSessionID": record.acct_session_id,
            "version": record.version,
            "authenticatedAt": record.authenticated_at.timestamp(),
            "timeStamp": record.at.timestamp(),
        },
        separators=(",", ":"),
    ).encode()


def decode_record(data: bytes) -> SessionRecord:
    """Decode a record; members unknown here are ignored. Raises `RecordError` for any other bytes."""
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        raise RecordError("it is no JSON") from None
    if not isinstance(members, dict):
        raise RecordError("it is no JSON object")
    if members.get("schemaVersion") != SCHEMA_VERSION:
        raise RecordError(f"its schema version is not {SCHEMA_VERSION}")
    try:
        return _build(members)
    except KeyError as error:
        raise RecordError(f"{error.args[0]} is missing") from None
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise RecordError(str(error)) from None


def _build(members: dict[str, Any]) -> SessionRecord:
    """Build a record; what few values are shared by many records is held once in memory."""
    status = _text(members, "postureStatus")
    return SessionRecord(
        session_id=_text(members, "auditSessionID"),
        mac=_text(members, "endpointMAC"),
        calling_station_id=_text(members, "callingStationId"),
        addresses=_texts(members, "ipAddressLst"),
        psn=intern(_text(members, "psnName")),
        psn_ip=intern(_text(members, "psnIp")),
        psn_fqdn=intern(_text(members, "psnFqdn")),
        nas_ip=intern(_text(members, "nasIP")),
        state=RecordState(_text(members, "status")),
        posture_status=PostureStatus(status) if status else None,
        acct_session_id=_text(members, "acctSessionID"),
        version=_integer(members, "version"),
        authenticated_at=_instant(members, "authenticatedAt"),
        at=_instant(members, "timeStamp"),
    )


def _text(members: dict[str, Any], name: str) -> str:
    value = members[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _texts(members: dict[str, Any], name: str) -> tuple[str, ...]:
    values = members[name]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{name} is no list of texts")
    return tuple(values)


def _integer(members: dict[str, Any], name: str) -> int:
    value = members[name]
    if type(value) is not int:
        raise TypeError(f"{name} is no integer")
    return value


def _instant(members: dict[str, Any], name: str) -> datetime:
    value = members[name]
    if type(value) not in (int, float):
        raise TypeError(f"{name} is no number of seconds")
    return datetime.fromtimestamp(value, UTC)
