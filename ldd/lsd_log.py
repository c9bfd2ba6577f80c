"""Lines of lsd.log, without the frame of time and thread, which the journal record has.

The published log is cut off within each line (posture.md 7); what follows the cut is ours, and so is the payload but
for the names of its members.
"""

from __future__ import annotations

_SERVICE = "cisco.cpm.lsd.service"


def render_published(session_id: str, payload: str) -> str:
    """Render what the owner logs of a record; `payload` is the record as it goes out."""
    return (
        f"{_SERVICE}.LSDRedisClient -:::- Mapping Session ID {session_id} to session {payload}\n"
        f"{_SERVICE}.LSDNetAccessEventListener -:::- Publishing session update for session {session_id}\n"
        f"{_SERVICE}.SessionPublisher -:::- Forwarding session {session_id} to batch manager"
    )


def render_merged(session_id: str) -> str:
    """Render what every other node logs of it."""
    return f"{_SERVICE}.SessionConsumer -:::- Consumer is processing : sessionId:[{session_id}]"
