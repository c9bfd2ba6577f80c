"""How the session directory tells what a record did: one change, one short word, one sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass

from mnt.session import EVENTS, MonitoredSession, SessionEvent, SessionState
from mnt.session_attributes import find_endpoint_mac
from nac.posture import PostureStatus
from nac.syslog import SyslogRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """One change. `session` is None where the record did nothing; `mac` is then whom it speaks of, if it says so."""

    event: str
    reason: str
    session_id: str
    session: MonitoredSession | None = None
    mac: str = ""


@dataclass(frozen=True, slots=True)
class Before:
    """What of a session is compared with its new self; all empty where there was none."""

    state: SessionState | None = None
    posture_status: PostureStatus | None = None
    acs_server: str = ""

    @classmethod
    def of(cls, session: MonitoredSession | None) -> Before:
        """Note how a session stands."""
        return cls(session.state, session.posture_status, session.acs_server) if session else cls()

    @property
    def lived(self) -> bool:
        """Whether there was a session that had not ended."""
        return self.state is not None and self.state is not SessionState.TERMINATED


def describe_changes(session: MonitoredSession, record: SyslogRecord, before: Before) -> list[SessionChange]:
    """Describe what a record has changed; empty where it only refreshed."""
    changes = []
    if session.state is not before.state:
        word = f"session-{session.state.value.lower()}"
        changes.append(_change(word, _explain_state(session, record, before), session))
    elif EVENTS[record.code] is SessionEvent.PASSED_AUTHENTICATION:
        changes.append(_change("session-reauthenticated", _explain_owner(session, record, before), session))
    if before.lived and session.posture_status is not before.posture_status:
        was = before.posture_status.shown if before.posture_status else "not known"
        reason = f"{_name(record)} says {session.posture_word}, it was {was}"
        changes.append(_change("posture-status-changed", reason, session))
    return changes


def describe_ignored(session: MonitoredSession | None, record: SyslogRecord, session_id: str) -> SessionChange:
    """Describe why a record did nothing."""
    if not session_id:
        why = "it names no session"
    elif session is None:
        why = f"session {session_id} is not known here, and only a passed authentication makes one"
    else:
        why = f"session {session_id} is terminated, and only a new passed authentication revives it"
    reason = f"{_name(record)} changes nothing: {why}"
    mac = session.mac if session else find_endpoint_mac(record)
    return SessionChange(event="record-ignored", reason=reason, session_id=session_id, mac=mac)


def _change(event: str, reason: str, session: MonitoredSession) -> SessionChange:
    return SessionChange(event=event, reason=reason, session_id=session.session_id, session=session)


def _explain_state(session: MonitoredSession, record: SyslogRecord, before: Before) -> str:
    name = _name(record)
    if before.state is SessionState.TERMINATED:
        return f"{name} revives the terminated session"
    if before.state is None:
        return f"{name} makes a new session"
    if session.state is SessionState.POSTURED:
        return f"{name} came before the accounting start"
    if session.state is SessionState.TERMINATED and session.last_acct_node != session.acs_server:
        return f"{name} ends it, though the owner is {session.acs_server or 'not known'}"
    return f"{name} arrived"


def _explain_owner(session: MonitoredSession, record: SyslogRecord, before: Before) -> str:
    if before.acs_server == session.acs_server:
        return f"{_name(record)} renews the session"
    return f"{_name(record)} makes {session.acs_server} the owner, it was {before.acs_server or 'not known'}"


def _name(record: SyslogRecord) -> str:
    """Name a record: ``accounting stop 3001 of psn2``."""
    return f"{EVENTS[record.code].value} {record.code} of {record.host}"
