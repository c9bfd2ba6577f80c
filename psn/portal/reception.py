"""What everything that the portal is asked has in common: whom a request means, and what it gets that gets no answer.

An entry that the session directory says is stale is not spoken of to an agent (posture.md 6.5).
"""

from __future__ import annotations

from http import HTTPStatus

from ldd.record import SessionRecord
from nac.discovery import DiscoveryRequest
from nac.runtime import Runtime
from psn.portal.request import PortalAnswer, PortalRequest
from psn.portal.session_lookup import Lookup, look_up, render_log
from psn.portal.sessions_elsewhere import SessionsElsewhere
from psn.session_cache import SessionCache


class PortalReception:
    """The reception of one node's portal."""

    def __init__(self, runtime: Runtime, *, sessions: SessionCache, elsewhere: SessionsElsewhere) -> None:
        """Look sessions up in `sessions`, and for newer ones of the same endpoints `elsewhere`."""
        self._runtime = runtime
        self._sessions = sessions
        self._elsewhere = elsewhere

    def look_up(self, request: PortalRequest, asked: DiscoveryRequest) -> tuple[Lookup, SessionRecord | None]:
        """Look up who is meant, and the session elsewhere that makes the entry a stale one."""
        lookup = look_up(self._sessions, asked, remote=request.remote)
        if lookup.session is None:
            return lookup, None
        return lookup, self._elsewhere.find_newer(lookup.session, lookup.macs)

    def refuse(self, request: PortalRequest, reason: str, *, status: HTTPStatus) -> PortalAnswer:
        """Refuse a request with one sentence, and write it down."""
        facts = {"path": request.path, "status": status.value, "remote": request.remote}
        self._runtime.write("portal-refused", reason, facts)
        return PortalAnswer(status=status, body=f"{reason}\n".encode())

    def stay_silent(self, request: PortalRequest, lookup: Lookup, newer: SessionRecord) -> PortalAnswer:
        """Leave an agent without an answer, and write down why."""
        self._runtime.write(
            "discovery-silent",
            f"{lookup.reason}, but {explain_newer(newer)}: the entry here is stale or phantom",
            {
                "path": request.path,
                "remote": request.remote,
                "found_by": lookup.found_by,
                "session_id": lookup.session.session_id if lookup.session else "",
                "newer_session_id": newer.session_id,
                "owner": newer.psn,
                "log": render_log(lookup, user_agent=request.user_agent, headers={}, newer=newer),
            },
        )
        return PortalAnswer(is_silent=True)


def explain_newer(newer: SessionRecord) -> str:
    """Explain what the session directory knows of the endpoint."""
    instant = newer.authenticated_at.isoformat(sep=" ", timespec="milliseconds")
    return f"the directory has session {newer.session_id}, authenticated on {newer.psn} at {instant}"
