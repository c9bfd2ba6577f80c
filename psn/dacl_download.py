"""The download of a dACL by a NAD: an Access-Request whose User-Name is the ACL's full name.

Order and failures of aaa-mnt.md 1.8: Message-Authenticator present, else 11024; acl-download asked for, else 11025;
name and version known, else 11026; the session it is for still alive, else 11035 (checked where the request names a
session). A list that does not fit into one packet goes out in parts: Access-Challenge with State until the last,
which is the Accept.
"""

from __future__ import annotations

from collections.abc import Iterable

from nac.node.runtime import Runtime
from nac.syslog_catalogue import STEPS
from psn.config import Dacl
from psn.identity_stores import Failure
from psn.log.audit import Audit
from psn.session_cache import SessionCache
from psn.session_identity import find_session_id
from radius import attribute
from radius.packet import HEADER_LENGTH, MAXIMUM_LENGTH, Code, encode_attributes, text
from radius.server import Reply, Request

PREFIX = "#ACSACL#-IP-"
NO_MESSAGE_AUTHENTICATOR: Failure = (11024, STEPS[11024])
NO_EVENT: Failure = (11025, STEPS[11025])
UNKNOWN_VERSION: Failure = (11026, STEPS[11026])
SESSION_GONE: Failure = (11035, STEPS[11035])

_STATE = "dacl-part="
_ROOM = MAXIMUM_LENGTH - HEADER_LENGTH - 512
"""Octets for lines in one packet; the rest is for Message-Authenticator, State and a proxy's Proxy-State."""


class DaclDownload:
    """Answers dACL requests from the dACLs of the topology, cut into packets once."""

    def __init__(self, dacls: Iterable[Dacl], *, runtime: Runtime, sessions: SessionCache, audit: Audit) -> None:
        """Encode all lists; raises `ValueError` where a line is longer than an attribute."""
        self._parts = {dacl.full_name: list_parts(dacl) for dacl in dacls}
        self._runtime = runtime
        self._sessions = sessions
        self._audit = audit

    def handle(self, request: Request, name: str) -> Reply:
        """Answer one request for the dACL of this full name."""
        failure = self._find_failure(request, name)
        if failure is not None:
            self._audit.downloaded(request, name, failure)
            self._runtime.write("dacl-reject", f"{failure[0]} {failure[1]}", {"dacl": name, "failure": failure[0]})
            return Reply(Code.ACCESS_REJECT)
        parts = self._parts[name]
        number = _find_part(request, len(parts))
        if number + 1 < len(parts):
            state = encode_attributes([(attribute.STATE, text(f"{_STATE}{number + 1}"))])
            return Reply(Code.ACCESS_CHALLENGE, state + parts[number])
        self._audit.downloaded(request, name, None)
        why = f"name and version are known: {len(parts)} packet(s)"
        self._runtime.write("dacl-accept", why, {"dacl": name})
        return Reply(Code.ACCESS_ACCEPT, parts[number])

    def _find_failure(self, request: Request, name: str) -> Failure | None:
        packet = request.packet
        if attribute.MESSAGE_AUTHENTICATOR not in packet.index:
            return NO_MESSAGE_AUTHENTICATOR
        if b"aaa:event=acl-download" not in packet.list_octets(attribute.CISCO_AVPAIR):
            return NO_EVENT
        if name not in self._parts:
            return UNKNOWN_VERSION
        session_id = find_session_id(packet)
        if session_id is not None and self._sessions.peek(session_id) is None:
            return SESSION_GONE
        return None


def list_parts(dacl: Dacl) -> list[bytes]:
    """Cut a list into packets' worth of encoded ``ip:inacl#<n>=`` attributes, in ascending order."""
    parts = [b""]
    for number, line in enumerate(dacl.lines, start=1):
        encoded = encode_attributes([(attribute.CISCO_AVPAIR, text(f"ip:inacl#{number}={line}"))])
        if len(parts[-1]) + len(encoded) > _ROOM:
            parts.append(b"")
        parts[-1] += encoded
    return parts


def _find_part(request: Request, count: int) -> int:
    """Find which part a request continues with; one without a State of ours begins at the first."""
    state = request.packet.text(attribute.STATE) or ""
    number = state.removeprefix(_STATE)
    return min(int(number), count - 1) if state.startswith(_STATE) and number.isdecimal() else 0
