"""The record of a CoA for MNT, 5205 or 5417: its attributes in the order of real lines (aaa-mnt.md 2.3, 2.5, 4.3).

There is one to a CoA, shipped by the node where it ended: by the owner where the NAD was asked or would have been, by
the asker where the owner could not be.
"""

from __future__ import annotations

from nac.identity import AUDIT_SESSION_ID, render_mac_hyphens
from psn.coa.order import CoaCommand, CoaOrder, CoaOutcome
from psn.posture.record import show_posture
from psn.session import Session


def list_record(session: Session, order: CoaOrder, outcome: CoaOutcome, *, port: int) -> list[tuple[str, str]]:
    """List the attributes; `port` is the device's, 0 where no device is known.

    They say of posture what 5200 says, so that a CoA does not change what MNT shows; nothing of a phantom.
    """
    command = order.command
    kind = "Disconnect" if command is CoaCommand.DISCONNECT else command.pairs[0].partition("=")[2].capitalize()
    assessment, status = show_posture(session) if session.posture_status is not None else ("", "")
    return [
        ("ConfigVersionId", "1"),
        ("Device IP Address", session.device_ip),
        ("UserName", session.user_name),
        ("NetworkDeviceName", session.nad),
        ("NAS-IP-Address", session.nas_ip),
        ("Calling-Station-ID", session.calling_station_id),
        ("cisco-av-pair", f"{AUDIT_SESSION_ID}{session.session_id}" if session.session_id else ""),
        ("AcsSessionID", session.acs_session_id),
        ("SelectedAuthorizationProfiles", session.profile),
        *(("Step", str(step)) for step in outcome.steps),
        ("AuthorizationPolicyMatchedRule", session.rule),
        ("CPMSessionID", session.session_id),
        ("EndPointMACAddress", render_mac_hyphens(session.mac)),
        ("Device CoA type", "Cisco CoA"),
        ("Device CoA port", str(port)),
        ("CoASourceComponent", order.source_component),
        ("CoAReason", order.cause),
        ("CoAType", kind),
        ("PostureAssessmentStatus", assessment),
        ("PostureStatus", status),
        ("FailureReason", "" if outcome.acknowledged else f"{outcome.code.value} {outcome.reason}"),
    ]
