"""The RADIUS Session Directory: one node's replica of all sessions of the deployment, from records alone.

Decides which record of a session counts; knows neither bus nor clock. Merging is taking the greater of two records in
one total order, so replicas agree whatever the order in which records came and however often. A stopped session leaves
a tombstone for a while, so that a late older record does not revive it. Attributes and purpose: posture.md 7.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ldd.record import RecordState, SessionRecord

LIFETIME = timedelta(days=5)
"""How long a session that nobody speaks of any more stays: as long as MNT keeps a started one."""

TOMBSTONE_LIFETIME = timedelta(days=1)
"""How late a record may come and still not revive a stopped session."""

_Index = dict[str, tuple[SessionRecord, ...]]


class RadiusSessionDirectory:
    """Records by session id, those of active sessions also by endpoint MAC and IP."""

    def __init__(self, *, lifetime: timedelta = LIFETIME, tombstone_lifetime: timedelta = TOMBSTONE_LIFETIME) -> None:
        """Start empty."""
        self._lifetime = lifetime
        self._tombstone_lifetime = tombstone_lifetime
        self._records: dict[str, SessionRecord] = {}
        self._by_mac: _Index = {}
        self._by_address: _Index = {}
        self._active = 0

    def merge(self, record: SessionRecord) -> bool:
        """Take a record in; False where the one held already is the same or counts for more."""
        known = self._records.get(record.session_id)
        if known is not None:
            if record.precedence <= known.precedence:
                return False
            self._remove_from_indexes(known)
        self._records[record.session_id] = record
        self._add_to_indexes(record)
        return True

    def find(self, session_id: str) -> SessionRecord | None:
        """Find an active session."""
        record = self._records.get(session_id)
        return record if record is not None and _is_active(record) else None

    def find_latest(self, session_id: str) -> SessionRecord | None:
        """Find the record of a session that counts at present, be it a tombstone."""
        return self._records.get(session_id)

    def find_by_mac(self, mac: str) -> SessionRecord | None:
        """Find the active session of an endpoint that was authenticated last."""
        return _find_newest(self._by_mac, mac)

    def find_by_address(self, address: str) -> SessionRecord | None:
        """Find the active session of an IP address that was authenticated last."""
        return _find_newest(self._by_address, address)

    def list_sessions(self) -> list[SessionRecord]:
        """List the active sessions by session id."""
        return [record for _, record in sorted(self._records.items()) if _is_active(record)]

    def list_tombstones(self) -> list[SessionRecord]:
        """List what is left of stopped sessions, by session id."""
        return [record for _, record in sorted(self._records.items()) if not _is_active(record)]

    def expire(self, now: datetime) -> list[SessionRecord]:
        """Remove what has outlived its lifetime since its last change; returns it in no particular order."""
        active_until, stopped_until = now - self._lifetime, now - self._tombstone_lifetime
        expired = [
            record
            for record in self._records.values()
            if record.at <= (active_until if _is_active(record) else stopped_until)
        ]
        for record in expired:
            del self._records[record.session_id]
            self._remove_from_indexes(record)
        return expired

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._by_mac.clear()
        self._by_address.clear()
        self._active = 0

    def __len__(self) -> int:
        """Count the active sessions."""
        return self._active

    def _add_to_indexes(self, record: SessionRecord) -> None:
        if _is_active(record):
            self._active += 1
            _add(self._by_mac, record.mac, record)
            for address in record.addresses:
                _add(self._by_address, address, record)

    def _remove_from_indexes(self, record: SessionRecord) -> None:
        if _is_active(record):
            self._active -= 1
            _remove(self._by_mac, record.mac, record)
            for address in record.addresses:
                _remove(self._by_address, address, record)


def _is_active(record: SessionRecord) -> bool:
    return record.state is not RecordState.STOPPED


def _find_newest(index: _Index, key: str) -> SessionRecord | None:
    return max(index.get(key, ()), key=lambda record: (record.precedence, record.session_id), default=None)


def _add(index: _Index, key: str, record: SessionRecord) -> None:
    if key:
        index[key] = (*index.get(key, ()), record)


def _remove(index: _Index, key: str, record: SessionRecord) -> None:
    rest = tuple(other for other in index.get(key, ()) if other is not record)
    if rest:
        index[key] = rest
    else:
        index.pop(key, None)
