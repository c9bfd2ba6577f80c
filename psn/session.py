"""One RADIUS session as a policy service node remembers it.

The fields are what authentication, authorization and accounting told this node. An entry made from an accounting
interim alone knows little: no groups, no method, no profile (rule P10 of posture.md 2.1). That poverty is the
whole of what the field calls a phantom; there is no flag for it, nor for a stale entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nac.posture import PostureStatus


class SessionState(StrEnum):
    """How far accounting has come."""

    AUTHENTICATED = "Authenticated"
    STARTED = "Started"


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """A session cache entry. `mac` is the endpoint's (``02:00:00:00:10:01``) or empty; `addresses` its IPs."""

    session_id: str
    created_at: datetime
    updated_at: datetime
    authenticated_at: datetime | None = None
    """When it last passed authentication here; None where it never did."""
    state: SessionState = SessionState.AUTHENTICATED
    user_name: str = ""
    mac: str = ""
    calling_station_id: str = ""
    addresses: tuple[str, ...] = ()
    nad: str = ""
    """Name of the device in the client table."""
    device_ip: str = ""
    """The device's address as this node sees it, where a CoA goes; NAS-IP-Address may be another."""
    nas_ip: str = ""
    nas_ipv6: str = ""
    nas_port_id: str = ""
    acct_session_id: str = ""
    groups: tuple[str, ...] | None = None
    """Identity groups found at authentication; None where no authentication was seen here."""
    method: str = ""
    """AuthenticationMethod as logged: Lookup, PAP_ASCII, CHAP/MD5, MSCHAPV2; empty where none was seen here."""
    posture_status: PostureStatus | None = None
    """None where no authentication was seen here."""
    profile: str = ""
    rule: str = ""
    awaits_posture: bool = False
    """The rule lets the endpoint wait for posture, so that an Unknown status is shown as Pending."""
    token: str = ""
    """Token of the redirect URL handed out last; 32 hex digits or empty."""
    acs_session_id: str = ""
    posture_report: str = ""
    unmet: tuple[str, ...] = ()
    """Names of the mandatory requirements that the report does not meet."""
    agent_version: str = ""
    lacks_agent_configuration: bool = False
    """MNT has been told that client provisioning selects nothing for this session."""
