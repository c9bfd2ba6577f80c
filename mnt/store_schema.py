"""The tables of a monitoring node's store, and how the rows of this room become rows of theirs; encode and decode.

Columns are named as the fields they hold. Instants are text, ISO 8601 in UTC to the microsecond, so that they sort as
they follow each other and people can read them (``docs/mnt-store.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from mnt.alarms import Alarm
from mnt.live_log import AccountingRow, LiveLogRow, LiveLogStatus
from mnt.session import MonitoredSession, SessionState
from nac.node.database import Schema, Value
from nac.posture import PostureStatus

SCHEMA = Schema(
    application=0x504C4D31,
    version=2,
    script="""
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY, state TEXT NOT NULL, opened_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    authenticated_at TEXT, postured_at TEXT, started_at TEXT, terminated_at TEXT,
    user_name TEXT, agent_user_name TEXT, mac TEXT, calling_station_id TEXT, address TEXT,
    acs_server TEXT, last_acct_node TEXT, nas_ip TEXT, nas_name TEXT, nas_port_id TEXT, acct_session_id TEXT,
    method TEXT, rule TEXT, profile TEXT,
    posture_status TEXT, posture_policy TEXT, posture_report TEXT, agent_version TEXT,
    authentication_record TEXT, accounting_record TEXT
);
CREATE TABLE authentications (
    id INTEGER PRIMARY KEY, stream TEXT, number INTEGER,
    at TEXT NOT NULL, status TEXT NOT NULL, identity TEXT, endpoint_id TEXT, endpoint_profile TEXT,
    authentication_policy TEXT, authorization_policy TEXT, authorization_profiles TEXT, address TEXT,
    network_device TEXT, device_port TEXT, posture_status TEXT, server TEXT, event TEXT, failure_reason TEXT,
    auth_method TEXT, session_id TEXT
);
CREATE TABLE accounting (
    id INTEGER PRIMARY KEY, stream TEXT, number INTEGER,
    at TEXT NOT NULL, acct_status_type TEXT, identity TEXT, endpoint_id TEXT, session_id TEXT, acct_session_id TEXT,
    network_device TEXT, server TEXT, event_at TEXT NOT NULL, session_time INTEGER, input_octets INTEGER,
    output_octets INTEGER, terminate_cause TEXT
);
CREATE TABLE alarms (
    id INTEGER PRIMARY KEY, stream TEXT, number INTEGER,
    at TEXT NOT NULL, event_at TEXT NOT NULL, server TEXT, severity TEXT, code INTEGER, name TEXT, detail TEXT
);
CREATE TABLE streams (
    stream TEXT PRIMARY KEY, sender TEXT NOT NULL, next INTEGER NOT NULL, updated_at TEXT NOT NULL
)
""",
    upgrades={
        1: "ALTER TABLE alarms ADD COLUMN event_at TEXT NOT NULL DEFAULT ''; UPDATE alarms SET event_at = at",
    },
)

_GREATEST = (1 << 63) - 1
"""SQLite's integers have 64 bits and a sign."""

Decoder = Callable[[Any], Any]
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a record came from: the letter of this number of this stream of a sender (`ldd.link`)."""

    stream: str
    number: int


def render_instant(instant: datetime) -> str:
    """Render an instant as the store has it."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


class Table(Generic[_R]):
    """A table whose rows are values of one class."""

    def __init__(self, name: str, kind: type[_R], decoders: Mapping[str, Decoder] | None = None) -> None:
        """Take the class as the columns; `decoders` are those of the columns that hold more than text and instants."""
        self.name = name
        self.kind = kind
        self.columns = tuple(column.name for column in fields(kind))  # type: ignore[arg-type]
        self._decoders = tuple((decoders or {}).get(name) or _find_decoder(name) for name in self.columns)

    def encode(self, row: _R) -> tuple[Value, ...]:
        """Encode a row as the values of its columns."""
        return tuple([_encode_value(getattr(row, name)) for name in self.columns])

    def decode(self, values: Sequence[Any]) -> _R:
        """Decode the values of the columns."""
        return self.kind(
            **{
                name: value if decode is None or value is None else decode(value)
                for name, decode, value in zip(self.columns, self._decoders, values, strict=True)
            }
        )


def _find_decoder(column: str) -> Decoder | None:
    return datetime.fromisoformat if column == "at" or column.endswith("_at") else None


def _encode_value(value: Any) -> Value:
    if type(value) is str or value is None:
        return value
    if isinstance(value, datetime):
        return render_instant(value)
    if isinstance(value, Enum):
        return str(value.value)
    return min(int(value), _GREATEST)


SESSIONS = Table("sessions", MonitoredSession, {"state": SessionState, "posture_status": PostureStatus})
AUTHENTICATIONS = Table("authentications", LiveLogRow, {"status": LiveLogStatus})
ACCOUNTING = Table("accounting", AccountingRow)
ALARMS = Table("alarms", Alarm)

StoredRow = LiveLogRow | AccountingRow | Alarm
TABLES: Mapping[type, Table[Any]] = MappingProxyType(
    {table.kind: table for table in (AUTHENTICATIONS, ACCOUNTING, ALARMS)}
)
"""Where the rows that only pile up are stored, by their class."""
