"""The records of posture for MNT: attributes in the order of real lines (aaa-mnt.md 4.4).

One without a value is left out by `psn.log.audit.Audit.ship`.
"""

from __future__ import annotations

from nac.identity import render_mac_hyphens
from nac.posture import PostureStatus
from psn.posture.result import PostureResult
from psn.session import Session

_UNKNOWN = PostureStatus.UNKNOWN
_PENDING = _UNKNOWN.shown
"""Looked up once, for every authentication shows its posture."""


def show_posture(session: Session) -> tuple[str, str]:
    """Show a session's posture as any record does: PostureAssessmentStatus and PostureStatus."""
    status = session.posture_status or _UNKNOWN
    if session.awaits_posture and status is _UNKNOWN:
        return _PENDING, _PENDING
    return "NotApplicable", status


def list_provisioning(result: PostureResult) -> list[tuple[str, str]]:
    """List the attributes of 87500."""
    return [
        ("MacAddress", render_mac_hyphens(result.session.mac)),
        ("IpAddress", result.address),
        ("SessionId", result.session.session_id),
        ("UserName", result.user_name),
        ("OperatingSystem", result.operating_system),
        ("PostureAgentVersion", result.agent_version),
        ("AgentConfiguration", result.agent_configuration),
    ]


def list_missing_provisioning(session: Session, operating_system: str, why: str) -> list[tuple[str, str]]:
    """List the attributes of 87501."""
    return [
        ("MacAddress", render_mac_hyphens(session.mac)),
        ("IpAddress", session.addresses[0] if session.addresses else ""),
        ("SessionId", session.session_id),
        ("UserName", session.user_name),
        ("OperatingSystem", operating_system),
        ("FailureReason", why),
    ]


def list_report(result: PostureResult) -> list[tuple[str, str]]:
    """List the attributes of 87000 and 87001."""
    return [
        ("MacAddress", render_mac_hyphens(result.session.mac)),
        ("OperatingSystem", result.operating_system),
        ("PostureAgentVersion", result.agent_version),
        ("PostureStatus", result.status.value),
        ("PosturePolicyMatched", ", ".join(result.policies)),
        ("PostureReport", result.report),
        ("UserName", result.user_name),
        ("SessionId", result.session.session_id),
        ("IpAddress", result.address),
        ("SystemName", result.system_name),
        ("SystemDomain", result.system_domain),
    ]
