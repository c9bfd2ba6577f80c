"""Accounting-Requests: what start, interim and stop do to the session cache, and the record MNT gets of them.

Rules P5 to P7 of posture.md 2.1: a start or interim refreshes a known entry; an interim for an unknown session makes
a poor one; a stop that this node processes removes the entry here and from no other cache; a stop for an unknown
session changes no cache but is still reported. Answered only after the change is recorded (RFC 2866 section 3); a
request without Acct-Status-Type is not answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nac import syslog_catalogue as catalogue
from nac.identity import find_mac
from nac.node.journal import Fact
from nac.node.runtime import Runtime
from nac.syslog_catalogue import CatalogueEntry
from psn.log.audit import Audit
from psn.session import Session, SessionState
from psn.session_cache import SessionCache
from psn.session_events import SessionEvent, SessionListener
from psn.session_identity import SessionIdentity
from psn.session_opening import keep, note_address, note_device
from radius import attribute
from radius.packet import Code
from radius.server import Reply, Request

RESPONSE = Reply(Code.ACCOUNTING_RESPONSE)
_ACCOUNTED = SessionEvent.ACCOUNTED

_RECORDS: Mapping[int, CatalogueEntry] = MappingProxyType(
    {
        attribute.ACCT_START: catalogue.ACCOUNTING_START,
        attribute.ACCT_STOP: catalogue.ACCOUNTING_STOP,
        attribute.ACCT_INTERIM_UPDATE: catalogue.ACCOUNTING_INTERIM,
        attribute.ACCT_ON: catalogue.ACCOUNTING_ON,
        attribute.ACCT_OFF: catalogue.ACCOUNTING_OFF,
    }
)


class AccountingService:
    """Answers the Accounting-Requests of one node."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        sessions: SessionCache,
        audit: Audit,
        identity: SessionIdentity,
        phantom_on_start: bool,
        listener: SessionListener,
    ) -> None:
        """`phantom_on_start` lets a start for an unknown session make an entry too (not public; off by default)."""
        self._runtime = runtime
        self._sessions = sessions
        self._audit = audit
        self._identity = identity
        self._phantom_on_start = phantom_on_start
        self._listener = listener

    def handle(self, request: Request) -> Reply | None:
        """Record one request and answer it; None where it does not say what it reports."""
        packet = request.packet
        status = packet.integer(attribute.ACCT_STATUS_TYPE)
        entry = _RECORDS.get(status or 0)
        if entry is None:
            why = "no Acct-Status-Type" if status is None else f"Acct-Status-Type {status} is none this node can record"
            self._runtime.write("accounting-drop", f"{why}: not answered", {"address": request.source[0]})
            return None
        session_id = ""
        if status in (attribute.ACCT_ON, attribute.ACCT_OFF):
            why = f"{request.client.name} says that its accounting is {'on' if status == attribute.ACCT_ON else 'off'}"
            self._runtime.write("accounting-on-off", f"{why}; no entry changes", {"address": request.source[0]})
        else:
            session_id = self._identity.of_accounting(packet)
            self._apply(request, status or 0, session_id)
        self._audit.accounted(entry, request, session_id, self._identity.next_acs_session_id())
        return RESPONSE

    def _apply(self, request: Request, status: int, session_id: str) -> None:
        """Change the session cache as the record asks."""
        session = self._sessions.find(session_id)
        if status == attribute.ACCT_STOP:
            self._stop(session, session_id)
        elif session is not None:
            self._refresh(session, request, started=status == attribute.ACCT_START)
        else:
            mac = find_mac(request.packet.text(attribute.CALLING_STATION_ID) or "") or ""
            if status == attribute.ACCT_INTERIM_UPDATE or self._phantom_on_start:
                self._add_poor_entry(request, session_id, mac)
            else:
                self._write("accounting-start", "no entry for this session, and a start makes none", session_id, mac)

    def _stop(self, session: Session | None, session_id: str) -> None:
        """Remove the entry; the listener is told in any case, for a restart or the limit may have taken the owner's."""
        if session is None:
            why = "no entry for this session here to remove; the record goes on to MNT"
            self._runtime.write("accounting-stop", why, {"session_id": session_id, "known_session": False})
        else:
            self._sessions.remove(session_id)
            why = "the stop reached this node: its entry is removed"
            facts: dict[str, Fact] = {"session_id": session_id, "mac": session.mac, "known_session": True}
            self._runtime.write("accounting-stop", why, facts)
        self._listener.on_stop(session_id)

    def _refresh(self, session: Session, request: Request, *, started: bool) -> None:
        session.updated_at = self._runtime.clock.now()
        session.acct_session_id = request.packet.text(attribute.ACCT_SESSION_ID) or session.acct_session_id
        note_address(self._sessions, session, request)
        if started:
            session.state = SessionState.STARTED
        event = "accounting-start" if started else "accounting-interim"
        self._write(event, "the session is known and refreshed", session.session_id, session.mac)
        self._listener.on_session(session, _ACCOUNTED)

    def _add_poor_entry(self, request: Request, session_id: str, mac: str) -> None:
        """Make an entry from what accounting alone tells (P5, P10)."""
        packet = request.packet
        now = self._runtime.clock.now()
        session = Session(
            session_id=session_id,
            created_at=now,
            updated_at=now,
            state=SessionState.STARTED,
            user_name=packet.text(attribute.USER_NAME) or "",
            mac=mac,
            acct_session_id=packet.text(attribute.ACCT_SESSION_ID) or "",
        )
        note_device(session, request, packet.text(attribute.CALLING_STATION_ID) or "")
        note_address(self._sessions, session, request)
        keep(self._sessions, self._runtime, session)
        why = "accounting for a session unknown here: an entry without groups, method or posture status"
        self._write("session-from-accounting", why, session_id, mac)
        self._listener.on_session(session, _ACCOUNTED)

    def _write(self, event: str, why: str, session_id: str, mac: str) -> None:
        self._runtime.write(event, why, {"session_id": session_id, "mac": mac})
