"""How every record shows a session's posture."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nac.posture import PostureStatus
from psn.posture.record import show_posture
from psn.session import Session

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "awaits_posture", "shown"),
    [
        (PostureStatus.UNKNOWN, True, ("Pending", "Pending")),
        (PostureStatus.UNKNOWN, False, ("NotApplicable", "Unknown")),
        (PostureStatus.COMPLIANT, True, ("NotApplicable", "Compliant")),
        (PostureStatus.NON_COMPLIANT, False, ("NotApplicable", "NonCompliant")),
        (PostureStatus.NOT_APPLICABLE, True, ("NotApplicable", "NotApplicable")),
        (None, True, ("Pending", "Pending")),
        (None, False, ("NotApplicable", "Unknown")),
    ],
)
def test_only_a_session_that_waits_for_posture_is_pending(
    status: PostureStatus | None, *, awaits_posture: bool, shown: tuple[str, str]
) -> None:
    """aaa-mnt.md 4.2: PostureAssessmentStatus and PostureStatus of 5200."""
    session = Session(
        session_id="A", created_at=NOW, updated_at=NOW, posture_status=status, awaits_posture=awaits_posture
    )
    assert show_posture(session) == shown
