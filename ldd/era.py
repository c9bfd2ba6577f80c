"""Which releases a deployment behaves like where sessions are shared between its nodes (posture.md 6.4, 7)."""

from __future__ import annotations

from enum import StrEnum


class Era(StrEnum):
    """What nodes tell each other of their sessions."""

    OFF = "off"
    """Nothing, as before 2.6: only MNT knows the owner of a session."""
    DIRECTORY = "directory"
    """Who owns which session, as 2.6 does."""
    POSTURE_SHARING = "posture-sharing"
    """That, and which sessions are Compliant, as since 2.6 patch 6, 2.7 patch 2 and 3.0."""
