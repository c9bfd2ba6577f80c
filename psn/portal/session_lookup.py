"""How a request to the portal finds its session in this node's cache.

Order: the session id where the request has one; else its IPs in their order; else its MACs in theirs (posture.md 2.3
and 14). That the connection itself came from one of the IPs decides nothing. Which of several entries of one endpoint
wins is the cache's setting. Whether what was found is stale is the session directory's word (posture.md 6.5); whom it
asks about is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ldd.record import SessionRecord
from nac.discovery import DiscoveryRequest
from nac.node.journal import Fact
from psn.portal.request import PortalRequest
from psn.session import Session
from psn.session_cache import SessionCache

_UNSPECIFIED = frozenset({"0.0.0.0", "::"})
"""What adapters without an address report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A look-up and its outcome: whom a request asks for, the entry, and by which of its words it was found."""

    request: PortalRequest
    asked: DiscoveryRequest
    session: Session | None = None
    found_by: str = ""
    """``session id``, ``IP address``, ``MAC address`` or empty."""
    key: str = ""
    newer: SessionRecord | None = None
    """The session elsewhere that makes the entry a stale or phantom one."""

    @property
    def reason(self) -> str:
        """One sentence that says how the entry was found, or what was looked for in vain."""
        if self.session is not None:
            return f"found by {self.found_by} {self.key}"
        sought = [*filter(None, (self.asked.session_id,)), *self.asked.addresses, *self.asked.macs]
        return f"no session here of {', '.join(sought)}" if sought else "the request names neither session nor endpoint"

    @property
    def facts(self) -> dict[str, Fact]:
        """What every journal record of a look-up tells."""
        return {
            "path": self.request.path,
            "remote": self.request.remote,
            "found_by": self.found_by,
            "session_id": self.session.session_id if self.session else "",
        }

    @property
    def macs(self) -> Sequence[str]:
        """The endpoint's MACs: those of its list, or of the entry where the request names a session or no MAC.

        Who names a session asks for that one; an endpoint may well have another one on another adapter.
        """
        if self.session is not None and (self.found_by == "session id" or not self.asked.macs):
            return (self.session.mac,) if self.session.mac else ()
        return self.asked.macs


def look_up(sessions: SessionCache, request: PortalRequest, asked: DiscoveryRequest) -> Lookup:
    """Look up the session that a request asks for."""
    for found_by, key, session in _search(sessions, asked):
        if session is not None:
            return Lookup(request=request, asked=asked, session=session, found_by=found_by, key=key)
    return Lookup(request=request, asked=asked)


def _search(sessions: SessionCache, asked: DiscoveryRequest) -> Iterator[tuple[str, str, Session | None]]:
    """Try one word of a request after the other."""
    if asked.session_id:
        yield "session id", asked.session_id, sessions.find(asked.session_id)
    for address in asked.addresses:
        if address not in _UNSPECIFIED:
            yield "IP address", address, sessions.find_by_address((address,))
    for mac in asked.macs:
        yield "MAC address", mac, sessions.find_by_mac((mac,))
