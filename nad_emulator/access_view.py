"""What an access port shows of itself and of the session on it, as ``show authentication sessions`` does."""

from __future__ import annotations

from dataclasses import dataclass

from nad_emulator.access_session import AccessSession
from nad_emulator.authorization import Authorization


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """What a port shows. `link` is the state of its port link, `summary` the access in one word."""

    port: str
    link: str
    summary: str = "closed"
    session_id: str = ""
    acct_session_id: str = ""
    mac: str = ""
    address: str = ""
    method: str = ""
    status: str = ""
    server: str = ""
    dacl: str | None = None
    redirect_url: str | None = None
    redirect_acl: str | None = None
    filter_id: str | None = None
    vlan: str | None = None


def build_view(port: str, link: str, session: AccessSession | None) -> AccessView:
    """Build the view of a port by its name, the state of its port link, and its session, if there is one."""
    if session is None:
        return AccessView(port=port, link=link)
    granted = session.authorization or Authorization(server="")
    return AccessView(
        port=port,
        link=link,
        summary=session.summary,
        session_id=session.session_id,
        acct_session_id=session.acct_session_id,
        mac=session.mac,
        address=session.address,
        method=session.method,
        status=session.state.value,
        server=granted.server,
        dacl=granted.dacl,
        redirect_url=granted.redirect_url,
        redirect_acl=granted.redirect_acl,
        filter_id=granted.filter_id,
        vlan=granted.vlan,
    )
