"""How the replica keeps a record: one run of octets without the session id, its key.

A million `SessionRecord` with their texts, tuples and instants take far more memory, and the garbage collector
walks all of them over and over; octets it does not look into. `marshal` is the fastest way CPython has from plain
values to octets and back, and a compact one; these octets never leave the process, so its format may change.
"""

from __future__ import annotations

import marshal
from datetime import UTC, datetime
from typing import NamedTuple

from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus

OwnerNames = tuple[str, str, str]
"""Name, address and FQDN of a node; the entries of a replica refer to it by a number."""


class Entry(NamedTuple):
    """A record in plain values. `calling_station_id` is None where it is only another spelling of the MAC."""

    mac: str
    calling_station_id: str | None
    addresses: tuple[str, ...]
    owner: int
    nas_ip: str
    nas_ipv6: str
    state: str
    posture_status: str | None
    acct_session_id: str
    version: int
    authenticated_at: float
    at: float

    @property
    def is_active(self) -> bool:
        """Whether the session goes on."""
        return self.state != _STOPPED


def make_entry(record: SessionRecord, owner: int) -> Entry:
    """Make the entry of a record whose owner has this number; `make_record` is the way back."""
    calling_station_id = record.calling_station_id
    return Entry(
        record.mac,
        None if calling_station_id == _spell(record.mac) else calling_station_id,
        record.addresses,
        owner,
        record.nas_ip,
        record.nas_ipv6,
        record.state.value,
        record.posture_status.value if record.posture_status is not None else None,
        record.acct_session_id,
        record.version,
        record.authenticated_at.timestamp(),
        record.at.timestamp(),
    )


def make_record(session_id: str, entry: Entry, owner: OwnerNames) -> SessionRecord:
    """Make the record of an entry; its instants are in UTC."""
    calling_station_id = entry.calling_station_id
    psn, psn_ip, psn_fqdn = owner
    return SessionRecord(
        session_id=session_id,
        mac=entry.mac,
        calling_station_id=_spell(entry.mac) if calling_station_id is None else calling_station_id,
        addresses=entry.addresses,
        psn=psn,
        psn_ip=psn_ip,
        psn_fqdn=psn_fqdn,
        nas_ip=entry.nas_ip,
        nas_ipv6=entry.nas_ipv6,
        state=RecordState(entry.state),
        posture_status=PostureStatus(entry.posture_status) if entry.posture_status is not None else None,
        acct_session_id=entry.acct_session_id,
        version=entry.version,
        authenticated_at=datetime.fromtimestamp(entry.authenticated_at, UTC),
        at=datetime.fromtimestamp(entry.at, UTC),
    )


def pack(entry: Entry) -> bytes:
    """Turn an entry into octets; `unpack` is the way back."""
    return marshal.dumps(tuple(entry))


def unpack(octets: bytes) -> Entry:
    """Turn the octets of `pack` into the entry."""
    return Entry._make(marshal.loads(octets))


_STOPPED = RecordState.STOPPED.value


def _spell(mac: str) -> str:
    """Spell a MAC as most devices do in Calling-Station-Id."""
    return mac.upper().replace(":", "-")
