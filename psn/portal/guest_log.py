"""Lines of guest.log: a request to the portal and its answer, without the frame of time and thread.

That frame is the journal record's. Source: posture.md 2.3 and 8; the lines of silence and of another owner are ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from ldd.record import SessionRecord
from psn.internode.owner_lookup import Owner
from psn.portal.session_lookup import Lookup

_SERVLET = "cisco.cpm.client.posture.PostureStatusServlet -::-"
_PROVISIONING = "cpm.client.provisioning.utils.ProvisioningUtil -::-"


def render_answer(lookup: Lookup, headers: Mapping[str, str], *, owner: Owner | None = None) -> str:
    """Render a request that is answered; `owner` has the session that is not here."""
    lines = _render_search(lookup)
    if owner is not None:
        lines.append(f"{_PROVISIONING} Session {owner.session_id} is owned by {owner.fqdn}")
    lines.append(f"{_SERVLET} Sent an http response to {lookup.request.remote}")
    lines += [f"{_PROVISIONING} header {name} value is {value}" for name, value in headers.items()]
    return "\n".join(lines)


def render_silence(lookup: Lookup, newer: SessionRecord) -> str:
    """Render a request that is not answered, for the sake of the session that the directory has."""
    stale = lookup.session.session_id if lookup.session else ""
    silence = (
        f"{_SERVLET} Session {stale} is stale or phantom: the session directory has {newer.session_id} of "
        f"{newer.psn_fqdn} for this endpoint; no response to {lookup.request.remote}"
    )
    return "\n".join([*_render_search(lookup), silence])


def _render_search(lookup: Lookup) -> list[str]:
    """Render the request and the walk through its lists, down to the session that was found."""
    asked, remote = lookup.asked, lookup.request.remote
    lines = [
        f"{_SERVLET} Got http request from {remote} user agent is: {lookup.request.user_agent}",
        f"{_SERVLET} mac_list from http request ==> [{', '.join(asked.macs)}]",
        f"{_SERVLET} iplist from http request ==> [{', '.join(asked.addresses)}]",
        f"{_SERVLET} Session id from http request - : {asked.session_id or 'null'}",
    ]
    if lookup.found_by != "session id":
        lines += [f"{_PROVISIONING} the input ipAddress from the list: [{item}]" for item in asked.addresses]
        if remote in asked.addresses:
            lines.append(f"{_PROVISIONING} the ipAddress that matched the remote address: [{remote}]")
        lines += [f"{_PROVISIONING} the clientMac from the macarray list: [{item}]" for item in asked.macs]
    lines.append(f"{_PROVISIONING} Session = {lookup.session.session_id if lookup.session else 'null'}")
    return lines
