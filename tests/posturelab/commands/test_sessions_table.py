"""The table of the four facts."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from posturelab.commands.sessions_table import print_sessions

GOOD: dict[str, Any] = {
    "endpoint": "laptop1",
    "user": "alice",
    "mac": "02:00:00:00:10:01",
    "address": "127.0.10.1",
    "session_id": "7F0003010000000100038D40",
    "agent": "Compliant",
    "policy_server": "psn1.lab.test",
    "latest_scan_at": "",
    "owner": "psn1",
    "psn": "Compliant",
    "profile": "Full-Access",
    "others": {"psn2": "no session"},
    "mnt": "Started",
    "mnt_posture": "Compliant",
    "access": "open",
    "differing": [],
}
BAD = GOOD | {
    "psn": "Unknown",
    "mnt_posture": "Pending",
    "access": "redirect",
    "others": {"psn2": "Compliant"},
    "differing": ["agent"],
}


def show(*sessions: dict[str, Any], width: int = 80, encoding: str = "utf-8") -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_sessions(Console(file=stream, width=width), sessions)
    stream.seek(0)
    return [line.rstrip() for line in stream.read().splitlines()]


def test_facts_stand_side_by_side() -> None:
    assert show(GOOD) == [
        "endpoint         agent shows  PSN holds         MNT shows           NAD gives",
        "laptop1 (alice)  Compliant    Compliant (psn1)  Started, Compliant  open",
    ]


def test_a_wide_terminal_shows_the_session_id_too() -> None:
    assert show(GOOD, width=130)[1].endswith("7F0003010000000100038D40")


def test_a_difference_has_a_sign_and_what_others_hold_is_shown() -> None:
    assert show(BAD) == [
        "endpoint         agent shows  PSN holds        MNT shows         NAD gives",
        "laptop1 (alice)  ≠ Compliant  Unknown (psn1)   Started, Pending  redirect",
        "                              psn2: Compliant",
        "≠ differs from what the owner of the session holds: laptop1",
    ]


def test_a_plain_terminal_has_another_sign() -> None:
    assert "! Compliant" in show(BAD, encoding="ascii")[1]
