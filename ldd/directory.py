"""The RADIUS Session Directory: one node's replica of all sessions of the deployment, from records alone.

Decides which record of a session counts; knows neither link nor clock. Merging is taking the greater of two records in
one total order, so replicas agree whatever the order in which records came and however often. A stopped session leaves
a tombstone for a while, so that a late older record does not revive it. Attributes and purpose: posture.md 7.

A million sessions are to fit: records are kept as octets (`ldd.entry`) and made anew for whoever asks, and an index
holds session ids. What concerns all of them goes slice by slice, so that nothing else has to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from ldd.digest import BUCKETS, Digest, Parts, find_bucket
from ldd.entry import Entry, OwnerNames, make_entry, make_record, pack, unpack
from ldd.record import SessionRecord

LIFETIME = timedelta(days=5)
"""How long a session that nobody speaks of any more stays: as long as MNT keeps a started one."""

REFRESH_INTERVAL = LIFETIME / 10
"""How old a record may become before its owner tells again that the session goes on, though nothing has changed."""

TOMBSTONE_LIFETIME = timedelta(days=1)
"""How late a record may come and still not revive a stopped session."""

_SLICE = 250
"""How many records one step looks at: under a millisecond, and a few of them where all have to go."""

_Index = dict[str, str | tuple[str, ...]]
"""Session ids; a tuple where there are several."""


class RadiusSessionDirectory:
    """Records by session id, those of active sessions also by endpoint MAC and IP."""

    def __init__(self, *, lifetime: timedelta = LIFETIME, tombstone_lifetime: timedelta = TOMBSTONE_LIFETIME) -> None:
        """Start empty."""
        self.digest = Digest()
        self._lifetime = lifetime
        self._tombstone_lifetime = tombstone_lifetime
        self._buckets: tuple[dict[str, bytes], ...] = tuple({} for _ in range(BUCKETS))
        self._by_mac: _Index = {}
        self._by_address: _Index = {}
        self._owners: list[OwnerNames] = []
        self._owner_numbers: dict[OwnerNames, int] = {}
        self._active = 0

    def merge(self, record: SessionRecord) -> bool:
        """Take a record in; False where the one held already is the same or counts for more."""
        session_id = record.session_id
        entry = make_entry(record, self._number_owner((record.psn, record.psn_ip, record.psn_fqdn)))
        known = self._find_entry(session_id)
        if known is not None:
            if self._precedence(entry) <= self._precedence(known):
                return False
            self._remove(session_id, known)
        bucket = find_bucket(session_id)
        self._buckets[bucket][session_id] = pack(entry)
        self.digest.add(record.psn, bucket, _distinguish(session_id, entry))
        if entry.is_active:
            self._active += 1
            for index, key in self._list_keys(entry):
                _add(index, key, session_id)
        return True

    def holds(self, session_id: str, precedence: tuple[object, object, object]) -> bool:
        """Tell whether a record is held already, by instant (in epoch seconds), owner and version; takes any values."""
        entry = self._find_entry(session_id)
        return entry is not None and self._precedence(entry) == precedence

    def find(self, session_id: str) -> SessionRecord | None:
        """Find an active session."""
        entry = self._find_entry(session_id)
        return self._make_record(session_id, entry) if entry is not None and entry.is_active else None

    def find_latest(self, session_id: str) -> SessionRecord | None:
        """Find the record of a session that counts at present, be it a tombstone."""
        entry = self._find_entry(session_id)
        return self._make_record(session_id, entry) if entry is not None else None

    def find_owner(self, session_id: str) -> str | None:
        """Find the name of an active session's owner."""
        entry = self._find_entry(session_id)
        return self._owners[entry.owner][0] if entry is not None and entry.is_active else None

    def find_by_mac(self, mac: str) -> SessionRecord | None:
        """Find the active session of an endpoint that was authenticated last."""
        return self._find_newest(_list(self._by_mac, mac))

    def find_newest(self, macs: Iterable[str]) -> SessionRecord | None:
        """Find the active session that was authenticated last among those of several MACs."""
        return self._find_newest([session_id for mac in macs for session_id in _list(self._by_mac, mac)])

    def find_by_address(self, address: str) -> SessionRecord | None:
        """Find the active session of an IP address that was authenticated last."""
        return self._find_newest(_list(self._by_address, address))

    def list_sessions(self) -> list[SessionRecord]:
        """List the active sessions by session id."""
        kept = sorted(item for entries in self._buckets for item in entries.items())
        records = (self._make_record(session_id, unpack(octets)) for session_id, octets in kept)
        return [record for record in records if record.is_active]

    def walk(self, parts: Parts) -> Iterator[list[SessionRecord]]:
        """Walk the records of some owners' buckets, tombstones too; each step looks at a slice, which may have none.

        Records may come and go between two steps; those that come meanwhile are left out.
        """
        for session_ids in self._slices({bucket for buckets in parts.values() for bucket in buckets}):
            found = [(session_id, self._find_entry(session_id)) for session_id in session_ids]
            yield [
                self._make_record(session_id, entry)
                for session_id, entry in found
                if entry is not None and find_bucket(session_id) in parts.get(self._owners[entry.owner][0], ())
            ]

    def expire(self, now: datetime) -> Iterator[list[SessionRecord]]:
        """Remove what has outlived its lifetime since its last change; each step searches a slice and returns that."""
        for session_ids in self._slices(range(BUCKETS)):
            expired = []
            for session_id in session_ids:
                entry = self._find_entry(session_id)
                if entry is not None and self._is_past(entry.at, now, is_active=entry.is_active):
                    self._remove(session_id, entry)
                    expired.append(self._make_record(session_id, entry))
            yield expired

    def is_past(self, record: SessionRecord, now: datetime) -> bool:
        """Tell whether a record has outlived its lifetime."""
        return self._is_past(record.at.timestamp(), now, is_active=record.is_active)

    def clear(self) -> None:
        """Forget everything."""
        self.digest.clear()
        for entries in self._buckets:
            entries.clear()
        self._by_mac.clear()
        self._by_address.clear()
        self._owners.clear()
        self._owner_numbers.clear()
        self._active = 0

    def __len__(self) -> int:
        """Count the active sessions."""
        return self._active

    def _find_entry(self, session_id: str) -> Entry | None:
        octets = self._buckets[find_bucket(session_id)].get(session_id)
        return unpack(octets) if octets is not None else None

    def _make_record(self, session_id: str, entry: Entry) -> SessionRecord:
        return make_record(session_id, entry, self._owners[entry.owner])

    def _slices(self, buckets: Iterable[int]) -> Iterator[tuple[str, ...]]:
        session_ids = tuple(session_id for bucket in sorted(buckets) for session_id in self._buckets[bucket])
        return (session_ids[start : start + _SLICE] for start in range(0, len(session_ids), _SLICE))

    def _find_newest(self, session_ids: Iterable[str]) -> SessionRecord | None:
        found = filter(None, map(self.find, session_ids))
        return max(found, key=lambda record: (record.precedence, record.session_id), default=None)

    def _precedence(self, entry: Entry) -> tuple[float, str, int]:
        """Tell what `SessionRecord.precedence` tells."""
        return entry.authenticated_at, self._owners[entry.owner][0], entry.version

    def _is_past(self, at: float, now: datetime, *, is_active: bool) -> bool:
        lifetime = self._lifetime if is_active else self._tombstone_lifetime
        return at <= (now - lifetime).timestamp()

    def _number_owner(self, owner: OwnerNames) -> int:
        number = self._owner_numbers.get(owner)
        if number is None:
            number = self._owner_numbers[owner] = len(self._owners)
            self._owners.append(owner)
        return number

    def _remove(self, session_id: str, entry: Entry) -> None:
        """Remove an entry; its key goes too, so that entries and indexes always share one text."""
        bucket = find_bucket(session_id)
        del self._buckets[bucket][session_id]
        self.digest.remove(self._owners[entry.owner][0], bucket, _distinguish(session_id, entry))
        if entry.is_active:
            self._active -= 1
            for index, key in self._list_keys(entry):
                _remove(index, key, session_id)

    def _list_keys(self, entry: Entry) -> list[tuple[_Index, str]]:
        keys = [(self._by_address, address) for address in entry.addresses]
        return [*keys, (self._by_mac, entry.mac)] if entry.mac else keys


def _distinguish(session_id: str, entry: Entry) -> str:
    """Tell a record from all others."""
    return f"{session_id} {entry.authenticated_at!r} {entry.version}"


def _list(index: _Index, key: str) -> tuple[str, ...]:
    found = index.get(key, ())
    return (found,) if isinstance(found, str) else found


def _add(index: _Index, key: str, session_id: str) -> None:
    others = _list(index, key)
    index[key] = (*others, session_id) if others else session_id


def _remove(index: _Index, key: str, session_id: str) -> None:
    rest = [other for other in _list(index, key) if other != session_id]
    if rest:
        index[key] = tuple(rest) if len(rest) > 1 else rest[0]
    else:
        index.pop(key, None)
