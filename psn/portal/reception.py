"""What everything that the portal is asked has in common: whom a request means, and what it gets that gets no answer.

An entry that the session directory says is stale is not spoken of to an agent (posture.md 6.5).
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from ldd.record import SessionRecord
from nac.discovery import DiscoveryRequest
from nac.node.runtime import Runtime
from psn.portal.guest_log import render_silence
from psn.portal.request import PortalAnswer, PortalRequest
from psn.portal.session_lookup import Lookup, look_up
from psn.portal.sessions_elsewhere import SessionsElsewhere
from psn.session_cache import SessionCache


class PortalReception:
    """The reception of one node's portal."""

    def __init__(self, runtime: Runtime, *, sessions: SessionCache, elsewhere: SessionsElsewhere) -> None:
        """Look sessions up in `sessions`, and for newer ones of the same endpoints `elsewhere`."""
        self._runtime = runtime
        self._sessions = sessions
        self._elsewhere = elsewhere

    def look_up(self, request: PortalRequest, asked: DiscoveryRequest) -> Lookup:
        """Look up whom a request asks for, and whether what is found is stale."""
        lookup = look_up(self._sessions, request, asked)
        if lookup.session is None:
            return lookup
        return replace(lookup, newer=self._elsewhere.find_newer(lookup.session, lookup.macs))

    def refuse(self, request: PortalRequest, reason: str, *, status: HTTPStatus) -> PortalAnswer:
        """Refuse a request with one sentence, and write it down."""
        facts = {"path": request.path, "status": status.value, "remote": request.remote}
        self._runtime.write("portal-refused", reason, facts)
        return PortalAnswer(status=status, body=f"{reason}\n".encode())

    def stay_silent(self, lookup: Lookup, newer: SessionRecord) -> PortalAnswer:
        """Leave an agent without an answer, and write down why."""
        why = f"{lookup.reason}, but {explain_newer(newer)}: the entry here is stale or phantom"
        facts = {"newer_session_id": newer.session_id, "owner": newer.psn, "log": render_silence(lookup, newer)}
        self._runtime.write("discovery-silent", why, lookup.facts | facts)
        return PortalAnswer(is_silent=True)


def explain_newer(newer: SessionRecord) -> str:
    """Explain what the session directory knows of the endpoint."""
    instant = newer.authenticated_at.isoformat(sep=" ", timespec="milliseconds")
    return f"the directory has session {newer.session_id}, authenticated on {newer.psn} at {instant}"
