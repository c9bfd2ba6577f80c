"""The lines that tell where a shared posture status came from."""

from __future__ import annotations

from datetime import UTC, datetime

from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus
from psn.posture.pip_log import render_shared_status

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def test_lines_lead_from_the_attribute_to_its_value() -> None:
    """posture.md 6.4; the classes are those of a public log."""
    shared = SessionRecord(
        session_id="A",
        mac="02:00:00:00:10:01",
        psn="psn2",
        psn_ip="127.0.1.2",
        psn_fqdn="psn2.lab.test",
        state=RecordState.STARTED,
        posture_status=PostureStatus.COMPLIANT,
        version=1,
        authenticated_at=NOW,
        at=NOW,
    )
    pip = "cisco.cpm.posture.pip.PostureStatusPIP"
    assert render_shared_status(shared).split("\n") == [
        f"cpm.nsf.session.impl.PIPManager -::- Returning a PIP {pip} for attribute Session.PostureStatus",
        "cpm.nsf.session.impl.SessionCache -::- Looking up session A",
        "cpm.nsf.session.impl.SessionCache -::- IndexValues: {}",
        f"{pip} -::- set postureStatus based on posture LSD dictionary: Compliant",
        f"{pip} -::- PostureStatusPIP for mac 02-00-00-00-10-01 - Attribute Session.PostureStatus value is Compliant",
    ]
