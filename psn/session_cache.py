"""The session cache of a policy service node: exactly the rules P1 to P10 of posture.md 2.1, and nothing more.

An entry is made by a successful authentication (P4) or by an interim update for an unknown session (P5); start and
interim refresh it (P6); a stop that this node processes removes it at once (P7); at the limit the least recently
used goes first (P8); no age ends it (P9). Nothing is shared with other nodes (P2) and nothing survives a restart
(P3). Use is a RADIUS packet or a posture request that hits the entry.

Who decides what enters is the caller: this class keeps entries, indexes and the order of use.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from enum import Enum

from psn.session import Session


class Preference(Enum):
    """Which of several entries of one endpoint answers a look-up (not public; a setting)."""

    MOST_RECENT = "most_recent"
    OLDEST_FIRST = "oldest_first"


class SessionCache:
    """Entries by session id, with indexes by endpoint MAC and IP, in order of use."""

    def __init__(self, *, limit: int = 10_000, preference: Preference = Preference.MOST_RECENT) -> None:
        """Start empty; raises `ValueError` for a limit below one."""
        if limit < 1:
            raise ValueError("the session limit must be at least 1")
        self.limit = limit
        self.preference = preference
        self.evicted = 0
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._by_mac: dict[str, list[Session]] = {}
        self._by_address: dict[str, list[Session]] = {}

    def find(self, session_id: str) -> Session | None:
        """Find an entry by audit session id; finding it is a use."""
        session = self._sessions.get(session_id)
        if session is not None:
            self._sessions.move_to_end(session_id)
        return session

    def peek(self, session_id: str) -> Session | None:
        """Find an entry by audit session id without using it."""
        return self._sessions.get(session_id)

    def add(self, session: Session) -> Session | None:
        """Keep a new entry, used now; returns the least recently used one where the limit drove it out (P8)."""
        self._sessions[session.session_id] = session
        if session.mac:
            self._by_mac.setdefault(session.mac, []).append(session)
        for address in session.addresses:
            self._by_address.setdefault(address, []).append(session)
        if len(self._sessions) <= self.limit:
            return None
        self.evicted += 1
        return self.remove(next(iter(self._sessions)))

    def remove(self, session_id: str) -> Session | None:
        """Remove an entry; None where there is none."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            _drop(self._by_mac, session.mac, session)
            for address in session.addresses:
                _drop(self._by_address, address, session)
        return session

    def set_mac(self, session: Session, mac: str) -> None:
        """Change the endpoint MAC of a session, and the index where the session is kept here."""
        if mac != session.mac:
            if session.session_id in self._sessions:
                _drop(self._by_mac, session.mac, session)
                if mac:
                    self._by_mac.setdefault(mac, []).append(session)
            session.mac = mac

    def set_addresses(self, session: Session, addresses: tuple[str, ...]) -> None:
        """Change the endpoint IPs of a session, and the index where the session is kept here."""
        if addresses != session.addresses:
            if session.session_id in self._sessions:
                for address in session.addresses:
                    _drop(self._by_address, address, session)
                for address in addresses:
                    self._by_address.setdefault(address, []).append(session)
            session.addresses = addresses

    def find_by_address(self, addresses: Iterable[str]) -> Session | None:
        """Find the entry of the first address that has one; finding it is a use."""
        return self._find_first(self._by_address, addresses)

    def find_by_mac(self, macs: Iterable[str]) -> Session | None:
        """Find the entry of the first MAC that has one; finding it is a use."""
        return self._find_first(self._by_mac, macs)

    def list_by_mac(self, mac: str) -> list[Session]:
        """List the entries of one MAC, oldest first, without using them."""
        return list(self._by_mac.get(mac, ()))

    def clear(self) -> None:
        """Forget everything, as a restart does (P3)."""
        self._sessions.clear()
        self._by_mac.clear()
        self._by_address.clear()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        """Walk the entries, least recently used first."""
        return iter(tuple(self._sessions.values()))

    def _find_first(self, index: dict[str, list[Session]], keys: Iterable[str]) -> Session | None:
        for key in keys:
            found = index.get(key)
            if found:
                return self.find(self._prefer(found).session_id)
        return None

    def _prefer(self, sessions: list[Session]) -> Session:
        """Choose between several entries of one endpoint."""
        if len(sessions) == 1:
            return sessions[0]
        if self.preference is Preference.OLDEST_FIRST:
            return min(sessions, key=lambda session: session.created_at)
        wanted = {session.session_id for session in sessions}
        return self._sessions[next(session_id for session_id in reversed(self._sessions) if session_id in wanted)]


def _drop(index: dict[str, list[Session]], key: str, session: Session) -> None:
    """Remove one entry from an index; identity counts, not equality."""
    found = index.get(key)
    if found is not None and session in found:
        found.remove(session)
        if not found:
            del index[key]
