"""The words of posture status (posture.md 6.1)."""

from __future__ import annotations

import pytest

from nac.posture import PostureStatus


@pytest.mark.parametrize(
    ("word", "status", "shown"),
    [
        ("Unknown", PostureStatus.UNKNOWN, "Pending"),
        ("Compliant", PostureStatus.COMPLIANT, "Compliant"),
        ("NonCompliant", PostureStatus.NON_COMPLIANT, "NonCompliant"),
        ("NotApplicable", PostureStatus.NOT_APPLICABLE, "NotApplicable"),
    ],
)
def test_status_is_its_word_on_the_wire_and_is_shown_as_the_log_shows_it(
    word: str, status: PostureStatus, shown: str
) -> None:
    assert PostureStatus(word) is status
    assert f"{status}" == word
    assert status.shown == shown


def test_there_are_no_other_words() -> None:
    assert len(PostureStatus) == 4
    for word in ("Pending", "compliant", ""):
        with pytest.raises(ValueError, match="is not a valid PostureStatus"):
            PostureStatus(word)
