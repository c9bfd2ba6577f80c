"""What every node's replica of the session directory holds, side by side, and which replicas differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.record import SessionRecord

ABSENT = "absent"
"""What a node holds of a session that only others know."""


def describe_directory(
    replicas: Mapping[str, RadiusSessionDirectory], *, era: Era, stopped: Collection[str] = (), mac: str = ""
) -> dict[str, Any]:
    """Build a JSON-ready view of the replicas of all nodes that run; with `mac` of one endpoint's sessions alone.

    `stopped` names the nodes that do not run, which hold nothing.
    """
    sessions = [session for session in compare_replicas(replicas) if mac in ("", session["mac"])]
    return {"ldd": era.value, "nodes": [*replicas], "not_running": [*stopped], "sessions": sessions}


def compare_replicas(replicas: Mapping[str, RadiusSessionDirectory]) -> list[dict[str, Any]]:
    """List every active session that any node knows, by id, with what each node holds of it.

    `differing` names the nodes that do not hold the record which counts for most, be that one of its end.
    """
    session_ids = {record.session_id for replica in replicas.values() for record in replica.list_sessions()}
    return [
        _compare(session_id, {node: replica.find_latest(session_id) for node, replica in replicas.items()})
        for session_id in sorted(session_ids)
    ]


def _compare(session_id: str, held: Mapping[str, SessionRecord | None]) -> dict[str, Any]:
    newest = max((record for record in held.values() if record), key=lambda record: record.precedence)
    return {
        "session_id": session_id,
        "mac": newest.mac,
        "nodes": {node: describe_held(record) for node, record in held.items()},
        "differing": [node for node, record in held.items() if record != newest],
    }


def describe_held(record: SessionRecord | None) -> dict[str, Any]:
    """Build a JSON-ready view of what one node holds of one session."""
    if record is None:
        return {"owner": "", "state": ABSENT, "posture": "", "version": 0}
    posture = record.posture_status.value if record.posture_status else ""
    return {"owner": record.psn, "state": record.state.value, "posture": posture, "version": record.version}
