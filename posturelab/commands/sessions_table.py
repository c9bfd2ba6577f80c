"""The four facts of every endpoint side by side, differences marked by a sign and by colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_HEADINGS = ("endpoint", "agent shows", "PSN holds", "MNT shows", "NAD gives", "session id")
_WIDE = 110
"""Columns of a terminal that has room for the session id."""


def print_sessions(console: Console, sessions: Sequence[dict[str, Any]]) -> None:
    """Print what `GET /sessions` of the control API has told."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    count = len(_HEADINGS) if console.width >= _WIDE else len(_HEADINGS) - 1
    for heading in _HEADINGS[:count]:
        table.add_column(heading, overflow="fold")
    for facts in sessions:
        table.add_row(*_render_row(facts, sign=_choose_sign(console))[:count])
    console.print(table)
    differing = [facts["endpoint"] or _render_name(facts) for facts in sessions if facts["differing"]]
    if differing:
        sentence = f"{_choose_sign(console)} differs from what the owner of the session holds: {', '.join(differing)}"
        console.print(sentence, style="red", highlight=False)


def _choose_sign(console: Console) -> str:
    return "≠" if console.encoding.startswith("utf") else "!"


def _render_name(facts: dict[str, Any]) -> str:
    """Render whose session it is; one that is not of the lab's own endpoints is known by its MAC or user alone."""
    name = facts["endpoint"] or facts["mac"]
    return " ".join(part for part in (name, f"({facts['user']})" if facts["user"] else "") if part)


def _render_row(facts: dict[str, Any], *, sign: str) -> list[Text]:
    held = f"{facts['psn']} ({facts['owner']})" if facts["owner"] else facts["psn"]
    others = "".join(f"\n{psn}: {status}" for psn, status in facts["others"].items() if status != "no session")
    shown = f"{facts['mnt']}, {facts['mnt_posture']}" if facts["mnt_posture"] else facts["mnt"]

    def mark(name: str, text: str) -> Text:
        return Text(f"{sign} {text}", style="bold red") if name in facts["differing"] else Text(text)

    return [
        Text(_render_name(facts)),
        mark("agent", facts["agent"]),
        Text(held) + Text(others, style="yellow"),
        mark("mnt", shown),
        mark("access", facts["access"]),
        Text(facts["session_id"]),
    ]
