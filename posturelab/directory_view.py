"""The shared session directory as every node of a lab holds it, side by side, with the nodes whose replica differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.record import SessionRecord

ABSENT = "absent"
"""What a node holds of a session that only others know."""

_LINE = "  {:<10} {:<13} {:<13} {:<7} {}"


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


def print_directory(console: Console, sessions: Sequence[dict[str, Any]], *, era: str) -> None:
    """Print what `GET /directory` of the control API has told: of each session a line for each view that nodes have."""
    if era == Era.OFF:
        console.print("the nodes share no sessions: the topology says ldd: off", highlight=False)
        return
    console.print(_LINE.format("owner", "state", "posture", "version", "held by"), style="bold", highlight=False)
    for session in sessions:
        console.print(f"{session['session_id']}  {session['mac']}", highlight=False, soft_wrap=True)
        for line in _list_lines(session):
            console.print(line, soft_wrap=True)
    differing = sorted({node for session in sessions for node in session["differing"]})
    if differing:
        lacks = "lacks" if len(differing) == 1 else "lack"
        sentence = f"not every replica is equal: {', '.join(differing)} {lacks} what another node knows"
        console.print(sentence, style="red", highlight=False)


def _list_lines(session: dict[str, Any]) -> list[Text]:
    """List the views of one session, that of most weight first; those that differ from it are red."""
    views: dict[tuple[Any, ...], list[str]] = {}
    for node, view in sorted(session["nodes"].items(), key=lambda item: item[0] in session["differing"]):
        differs = node in session["differing"]
        key = (differs, view["owner"], view["state"], view["posture"], view["version"] or "")
        views.setdefault(key, []).append(node)
    return [
        Text(_LINE.format(*cells, ", ".join(nodes)), style="bold red" if differs else "")
        for (differs, *cells), nodes in views.items()
    ]
