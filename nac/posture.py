"""The words of posture: the status of a session and how each screen spells it."""

from __future__ import annotations

from enum import StrEnum


class PostureStatus(StrEnum):
    """A session's posture status; the value is the word policies, headers and syslog use (posture.md 6.1)."""

    UNKNOWN = "Unknown"
    COMPLIANT = "Compliant"
    NON_COMPLIANT = "NonCompliant"
    NOT_APPLICABLE = "NotApplicable"

    @property
    def shown(self) -> str:
        """The word of live log and session list: an Unknown session that waits for posture is Pending there."""
        return "Pending" if self is PostureStatus.UNKNOWN else self.value
