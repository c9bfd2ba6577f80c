"""How a discovery request finds its session in this node's cache, told in the shape of guest.log.

Order: the session id where the request has one; else its IPs in their order; else its MACs in theirs (posture.md 2.3
and 14). That the connection itself came from one of the IPs is noted and decides nothing. Which of several entries of
one endpoint wins is the cache's setting. Whether what was found is stale is the session directory's word (posture.md
6.5); whom it asks about is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ldd.record import SessionRecord
from nac.discovery import DiscoveryRequest
from psn.internode.owner_lookup import Owner
from psn.session import Session
from psn.session_cache import SessionCache

_SERVLET = "cisco.cpm.client.posture.PostureStatusServlet"
_PROVISIONING = "cpm.client.provisioning.utils.ProvisioningUtil"
_UNSPECIFIED = frozenset({"0.0.0.0", "::"})
"""What adapters without an address report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A look-up and its outcome: the entry, and by which of the request's words it was found."""

    request: DiscoveryRequest
    remote: str
    session: Session | None = None
    found_by: str = ""
    """``session id``, ``IP address``, ``MAC address`` or empty."""
    key: str = ""

    @property
    def reason(self) -> str:
        """One sentence that says how the entry was found, or what was looked for in vain."""
        if self.session is not None:
            return f"found by {self.found_by} {self.key}"
        sought = [*filter(None, (self.request.session_id,)), *self.request.addresses, *self.request.macs]
        return f"no session here of {', '.join(sought)}" if sought else "the request names neither session nor endpoint"

    @property
    def macs(self) -> Sequence[str]:
        """The endpoint's MACs: those of its list, or of the entry where the request names a session or no MAC.

        Who names a session asks for that one; an endpoint may well have another one on another adapter.
        """
        if self.session is not None and (self.found_by == "session id" or not self.request.macs):
            return (self.session.mac,) if self.session.mac else ()
        return self.request.macs


def look_up(sessions: SessionCache, request: DiscoveryRequest, *, remote: str) -> Lookup:
    """Look a session up; `remote` is where the request came from."""
    if request.session_id:
        session = sessions.find(request.session_id)
        if session is not None:
            return Lookup(
                request=request, remote=remote, session=session, found_by="session id", key=request.session_id
            )
    for address in request.addresses:
        session = None if address in _UNSPECIFIED else sessions.find_by_address((address,))
        if session is not None:
            return Lookup(request=request, remote=remote, session=session, found_by="IP address", key=address)
    for mac in request.macs:
        session = sessions.find_by_mac((mac,))
        if session is not None:
            return Lookup(request=request, remote=remote, session=session, found_by="MAC address", key=mac)
    return Lookup(request=request, remote=remote)


def render_log(
    lookup: Lookup,
    *,
    user_agent: str,
    headers: Mapping[str, str],
    newer: SessionRecord | None = None,
    owner: Owner | None = None,
) -> str:
    """Render one request as guest.log tells it, without the frame of time and thread, which the record has.

    `newer` is the session for whose sake it is not answered, `owner` the one it is sent to.
    """
    lines = _render_search(lookup, user_agent)
    if lookup.session is not None and newer is not None:
        lines.append(
            f"{_SERVLET} -::- Session {lookup.session.session_id} is stale or phantom: the session directory has "
            f"{newer.session_id} of {newer.psn_fqdn} for this endpoint; no response to {lookup.remote}"
        )
        return "\n".join(lines)
    if owner is not None:
        lines.append(f"{_PROVISIONING} -::- Session {owner.session_id} is owned by {owner.fqdn}")
    lines.append(f"{_SERVLET} -::- Sent an http response to {lookup.remote}")
    lines += [f"{_PROVISIONING} -::- header {name} value is {value}" for name, value in headers.items()]
    return "\n".join(lines)


def _render_search(lookup: Lookup, user_agent: str) -> list[str]:
    """Render the request and the walk through its lists, down to the session that was found."""
    request = lookup.request
    lines = [
        f"{_SERVLET} -::- Got http request from {lookup.remote} user agent is: {user_agent}",
        f"{_SERVLET} -::- mac_list from http request ==> [{', '.join(request.macs)}]",
        f"{_SERVLET} -::- iplist from http request ==> [{', '.join(request.addresses)}]",
        f"{_SERVLET} -::- Session id from http request - : {request.session_id or 'null'}",
    ]
    if lookup.found_by != "session id":
        lines += [f"{_PROVISIONING} -::- the input ipAddress from the list: [{item}]" for item in request.addresses]
        if lookup.remote in request.addresses:
            lines.append(f"{_PROVISIONING} -::- the ipAddress that matched the remote address: [{lookup.remote}]")
        lines += [f"{_PROVISIONING} -::- the clientMac from the macarray list: [{item}]" for item in request.macs]
    lines.append(f"{_PROVISIONING} -::- Session = {lookup.session.session_id if lookup.session else 'null'}")
    return lines
