"""The default posture status of endpoints without an agent (posture.md 6.2, rule 5)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nac.posture import PostureStatus
from psn.posture.default_status import apply_default_status, find_agentless_system
from psn.session import Session

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("user_agent", "system"),
    [
        ("Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "iOS"),
        ("Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "iOS"),
        ("Mozilla/5.0 (X11; CrOS x86_64 16181.61.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "ChromeOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", None),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", None),
        ("", None),
    ],
)
def test_only_systems_without_an_agent_are_recognised(user_agent: str, system: str | None) -> None:
    assert find_agentless_system(user_agent) == system


def test_default_status_is_written_and_says_that_nobody_assessed() -> None:
    session = Session(session_id="A", created_at=NOW, updated_at=NOW, posture_status=PostureStatus.UNKNOWN)
    result = apply_default_status(session, PostureStatus.COMPLIANT, system="iOS", remote="127.0.10.9")
    assert session.posture_status is PostureStatus.COMPLIANT
    assert (result.previous, result.status) == (PostureStatus.UNKNOWN, PostureStatus.COMPLIANT)
    assert "no agent for iOS" in result.reason
    assert (result.report, result.agent_version, result.policies) == ("", "", ())
