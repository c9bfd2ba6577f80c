"""The session directory: sessions built from syslog records and from nothing else (posture.md 1.1, aaa-mnt.md 5).

Sessions are kept by audit session id. The owner is the node of the last passed authentication; a stop counts from
whichever node sends it. The directory is told `now` and answers each record with what that changed and why; who
removes sessions by age is `mnt.retention`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime

from mnt.session import EVENTS, TRANSITIONS, MonitoredSession, SessionEvent, SessionState
from mnt.session_attributes import find_session_id
from mnt.session_change import Before, SessionChange, describe_changes, describe_ignored
from mnt.session_update import update_session
from nac.identity import find_mac
from nac.syslog import SyslogRecord

_CREATING_ACCOUNTING = (SessionEvent.ACCOUNTING_START, SessionEvent.ACCOUNTING_INTERIM)


class SessionDirectory:
    """Sessions by audit session id, with look-ups by MAC, IP address and user."""

    def __init__(self, *, accounting_creates_sessions: bool = False, limit: int = 250_000) -> None:
        """Start empty.

        `accounting_creates_sessions` lets an accounting start or interim for an unknown session make one. Beyond
        `limit` the session longest without news goes; raises `ValueError` for a limit below one.
        """
        if limit < 1:
            raise ValueError("the session limit must be at least 1")
        self.limit = limit
        self.accounting_creates_sessions = accounting_creates_sessions
        self._sessions: OrderedDict[str, MonitoredSession] = OrderedDict()
        self._by_mac = _Index()
        self._by_address = _Index()
        self._by_user = _Index()

    def apply(self, record: SyslogRecord, now: datetime) -> list[SessionChange]:
        """Apply one record; returns the changes worth telling, none for a record that only refreshes."""
        event = EVENTS.get(record.code)
        if event is None:
            return []
        session_id = find_session_id(record)
        found = self._sessions.get(session_id)
        state = self._find_next_state(found, event) if session_id else None
        if state is None:
            return [describe_ignored(found, record, session_id)]
        before = Before.of(found)
        if found is not None and before.lived:
            session = found
        else:
            session = MonitoredSession(session_id=session_id, state=state, opened_at=now, updated_at=now)
            self._sessions[session_id] = session
        _enter(session, state, now)
        update_session(session, record, event=event, now=now)
        self._sessions.move_to_end(session_id)
        self._index(session)
        return describe_changes(session, record, before) + self._evict()

    def restore(self, sessions: Iterable[MonitoredSession]) -> list[SessionChange]:
        """Begin anew with sessions of an earlier life, those longest without news first; returns who had to go."""
        self._sessions = OrderedDict((session.session_id, session) for session in sessions)
        self._by_mac, self._by_address, self._by_user = _Index(), _Index(), _Index()
        for session in self._sessions.values():
            self._index(session)
        surplus = len(self._sessions) - self.limit
        return [change for _ in range(surplus) for change in self._evict()]

    def remove(self, session_id: str) -> MonitoredSession | None:
        """Remove a session; None where there is none."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            for index in (self._by_mac, self._by_address, self._by_user):
                index.set_keys(session_id, ())
        return session

    def find(self, session_id: str) -> MonitoredSession | None:
        """Find a session by audit session id."""
        return self._sessions.get(session_id)

    def find_by_mac(self, mac: str) -> MonitoredSession | None:
        """Find the session of a MAC in any spelling: of several a live one, then the one with the latest news."""
        return _prefer(self.list_by_mac(mac))

    def find_by_address(self, address: str) -> MonitoredSession | None:
        """Find the session of an endpoint's IP address, choosing as `find_by_mac` does."""
        return _prefer(self._list(self._by_address, address))

    def find_by_user(self, user_name: str) -> MonitoredSession | None:
        """Find the session of a user, authenticated or named by the agent, choosing as `find_by_mac` does."""
        return _prefer(self._list(self._by_user, user_name))

    def list_by_mac(self, mac: str) -> list[MonitoredSession]:
        """List the sessions of a MAC in any spelling, oldest first."""
        return self._list(self._by_mac, find_mac(mac) or mac)

    def list_sessions(self) -> list[MonitoredSession]:
        """List all sessions, oldest first."""
        return sorted(self._sessions.values(), key=_age)

    def __iter__(self) -> Iterator[MonitoredSession]:
        """Walk the sessions, those longest without news first."""
        return iter(tuple(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def _find_next_state(self, session: MonitoredSession | None, event: SessionEvent) -> SessionState | None:
        if session is None and event in _CREATING_ACCOUNTING and self.accounting_creates_sessions:
            return SessionState.STARTED
        return TRANSITIONS.get((session.state if session else None, event))

    def _evict(self) -> list[SessionChange]:
        """Drive out the session longest without news where there is one too many."""
        if len(self._sessions) <= self.limit:
            return []
        oldest = next(iter(self._sessions))
        reason = f"the directory holds {self.limit} sessions at most, and this one is the longest without news"
        return [SessionChange(event="session-removed", reason=reason, session_id=oldest, session=self.remove(oldest))]

    def _index(self, session: MonitoredSession) -> None:
        self._by_mac.set_keys(session.session_id, (session.mac,))
        self._by_address.set_keys(session.session_id, (session.address,))
        self._by_user.set_keys(session.session_id, (session.user_name, session.agent_user_name))

    def _list(self, index: _Index, key: str) -> list[MonitoredSession]:
        return sorted((self._sessions[session_id] for session_id in index.find(key)), key=_age)


class _Index:
    """Session ids by keys that change while a session lives; an empty key finds nothing."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        self._keys: dict[str, tuple[str, ...]] = {}

    def find(self, key: str) -> frozenset[str]:
        return frozenset(self._ids.get(key, ()))

    def set_keys(self, session_id: str, keys: tuple[str, ...]) -> None:
        """Say under which keys a session is found from now on; none ends that."""
        before = self._keys.pop(session_id, ())
        if keys:
            self._keys[session_id] = keys
        for key in set(before) - set(keys):
            ids = self._ids.get(key, set())
            ids.discard(session_id)
            if not ids:
                self._ids.pop(key, None)
        for key in keys:
            if key:
                self._ids.setdefault(key, set()).add(session_id)


def _enter(session: MonitoredSession, state: SessionState, now: datetime) -> None:
    """Put a session into a state and note when it came there first."""
    session.state = state
    if state is SessionState.STARTED:
        session.started_at = session.started_at or now
    elif state is SessionState.TERMINATED:
        session.terminated_at = now


def _prefer(sessions: list[MonitoredSession]) -> MonitoredSession | None:
    return max(
        sessions,
        key=lambda session: (session.state is not SessionState.TERMINATED, session.updated_at),
        default=None,
    )


def _age(session: MonitoredSession) -> tuple[datetime, str]:
    return session.opened_at, session.session_id
