"""Lines of the components nsf-session and epm-pip: a posture status that the session directory shares (posture.md 6.4).

The frame of time and thread is left to the journal record.
"""

from __future__ import annotations

from ldd.record import SessionRecord
from nac.identity import render_mac_hyphens

_SESSION = "cpm.nsf.session.impl"
_STATUS_PIP = "cisco.cpm.posture.pip.PostureStatusPIP"
_ATTRIBUTE = "Session.PostureStatus"


def render_shared_status(shared: SessionRecord) -> str:
    """Render how a node finds the status in the directory's record of a session."""
    status, mac = shared.posture_status, render_mac_hyphens(shared.mac)
    return (
        f"{_SESSION}.PIPManager -::- Returning a PIP {_STATUS_PIP} for attribute {_ATTRIBUTE}\n"
        f"{_SESSION}.SessionCache -::- Looking up session {shared.session_id}\n"
        f"{_SESSION}.SessionCache -::- IndexValues: {{}}\n"
        f"{_STATUS_PIP} -::- set postureStatus based on posture LSD dictionary: {status}\n"
        f"{_STATUS_PIP} -::- PostureStatusPIP for mac {mac} - Attribute {_ATTRIBUTE} value is {status}"
    )
