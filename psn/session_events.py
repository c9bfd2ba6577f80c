"""What may happen to a session of this node that others want to know of, and how they are told."""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from psn.session import Session


class SessionEvent(Enum):
    """What has just happened; the session shows the outcome."""

    AUTHENTICATED = auto()
    """Access was granted, to a session new or known."""
    ACCOUNTED = auto()
    """A start or an interim refreshed it."""
    ASSESSED = auto()
    """A posture result was written into it."""


class SessionListener(Protocol):
    """Whoever is told; must return at once and must not raise."""

    def on_session(self, session: Session, event: SessionEvent) -> None:
        """Take note of what happened to a session."""
        ...

    def on_stop(self, session_id: str) -> None:
        """Take note of the stop of a session, whether or not this node still has an entry for it."""
        ...


class Nobody:
    """The `SessionListener` of a node whose sessions are not shared."""

    def on_session(self, session: Session, event: SessionEvent) -> None:
        """Take note of nothing."""

    def on_stop(self, session_id: str) -> None:
        """Take note of nothing."""
