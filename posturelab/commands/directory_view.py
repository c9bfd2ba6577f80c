"""How `posturelab directory` prints what the replicas of a lab hold (`posturelab.observation.replicas`)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ldd.era import Era

MOST_SHOWN = 20
"""Of many sessions so many are printed, those first whose replicas differ; a load test leaves thousands."""

_LINE = "  {:<10} {:<13} {:<13} {:<7} "
_WIDE = 72
"""Columns of a terminal that has room for a table."""


def print_directory(console: Console, told: Mapping[str, Any], *, endpoint: str = "") -> None:
    """Print what `GET /directory` of the control API has told, of one endpoint if that was asked for.

    Each session has a line for each view that nodes have of it.
    """
    if told["ldd"] == Era.OFF:
        console.print(Text("the nodes share no sessions: the topology says ldd: off"))
        return
    sessions = sorted(told["sessions"], key=lambda session: not session["differing"])[:MOST_SHOWN]
    if sessions and console.width >= _WIDE:
        console.print(Text(_LINE.format("owner", "state", "posture", "version") + "held by", style="bold"))
    for session in sessions:
        console.print(Text(f"{session['session_id']}  {session['mac']}"))
        for line in _list_lines(session, console.width):
            console.print(line)
    for line in _list_conclusions(told, endpoint):
        console.print(line)


def _list_lines(session: Mapping[str, Any], width: int) -> Iterator[Text]:
    """List the views of one session, that of most weight first; those that differ from it are red."""
    views: dict[tuple[Any, ...], list[str]] = {}
    for node, view in sorted(session["nodes"].items(), key=lambda item: item[0] in session["differing"]):
        differs = node in session["differing"]
        key = (differs, view["owner"], view["state"], view["posture"], view["version"] or "")
        views.setdefault(key, []).append(node)
    for (differs, *cells), nodes in views.items():
        yield Text("\n".join(_lay_out(cells, ", ".join(nodes), width)), style="bold red" if differs else "")


def _lay_out(cells: Sequence[Any], nodes: str, width: int) -> Iterator[str]:
    """Lay out a view as a row of the table, or where there is no room for that below each other."""
    if width >= _WIDE:
        head = _LINE.format(*cells)
        yield from _wrap(nodes, width, head, indent=len(head))
    else:
        yield from _wrap(" ".join(str(cell) for cell in cells if cell), width, "  ", indent=4)
        yield from _wrap(f"at {nodes}", width, "    ", indent=4)


def _wrap(text: str, width: int, head: str, *, indent: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=head, subsequent_indent=" " * min(indent, width // 2), break_on_hyphens=False
    )


def _list_conclusions(told: Mapping[str, Any], endpoint: str) -> Iterator[Text]:
    """Say how many sessions there are, which nodes lack something and which do not run."""
    sessions = told["sessions"]
    of_whom = f" of {endpoint}" if endpoint else ""
    differing = sorted({node for session in sessions for node in session["differing"]})
    count = f"{len(sessions)} {'session' if len(sessions) == 1 else 'sessions'}{of_whom}"
    if not sessions:
        yield Text(f"no session{of_whom} is shared")
    elif len(sessions) > MOST_SHOWN:
        yield Text(f"{count}, {MOST_SHOWN} of them shown (name an endpoint, or take --json)")
    else:
        yield Text(count)
    if differing:
        lacks = "lacks" if len(differing) == 1 else "lack"
        sentence = f"not every replica is equal: {', '.join(differing)} {lacks} what another node knows"
        yield Text(sentence, style="red")
    elif sessions and len(told["nodes"]) > 1:
        yield Text("every replica is equal")
    if told["not_running"]:
        yield Text(f"not running: {', '.join(told['not_running'])}", style="yellow")
