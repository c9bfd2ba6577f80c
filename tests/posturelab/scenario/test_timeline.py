"""The timeline of a story on a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from nac.node.journal import JournalRecord
from posturelab.scenario.file import load_story
from posturelab.scenario.runner import run_story
from posturelab.scenario.timeline import Timeline, render_record

STORY = """\
name: Two facts
description: >-
  One that holds, and one that does not.
steps:
  - at: 1d1h
    note: Alice plugs in
    do: {plug: laptop1}
    within: 0s
    expect:
      laptop1: {agent: Searching for policy server, mnt: no session, access: open}
"""


def tell(folder: Path, block: int, *, quiet: bool = False, encoding: str = "utf-8") -> str:
    path = folder / "story.yaml"
    path.write_text(STORY)
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, encoding=encoding)
    run_story(load_story(path).relocate(block), narrator=Timeline(Console(file=stream, width=200), quiet=quiet))
    stream.flush()
    return octets.getvalue().decode(encoding).replace(f"{folder}/", "")


def test_steps_reasons_expectations_and_the_verdict_are_printed(tmp_path: Path, block: int) -> None:
    lines = tell(tmp_path, block).splitlines()
    assert lines[:2] == [
        "Two facts  (story.yaml, seed 1, virtual time)",
        "  One that holds, and one that does not.",
    ]
    assert "1d 01:00:00.000  Alice plugs in" in lines
    assert "1d 01:00:00.000    laptop1   endpoint-plugged         the cable was plugged in" in lines
    assert lines[-4:-1] == [
        "1d 01:00:00.000  ok      laptop1: agent Searching for policy server, mnt no session",
        "1d 01:00:00.000  FAILED  laptop1: access should be 'open', is 'closed'",
        lines[-2],
    ]
    assert lines[-2].startswith("FAILED  2 of 3 expectations held; 1d1h of lab time in ")


def test_a_wait_of_a_second_or_more_says_when_the_story_goes_on() -> None:
    stream = io.StringIO()
    timeline = Timeline(Console(file=stream, width=200), quiet=True)
    timeline.tell_pause(timedelta(seconds=2, milliseconds=600), timedelta(seconds=3597, milliseconds=400))
    timeline.tell_pause(timedelta(hours=1), timedelta(milliseconds=400))
    assert stream.getvalue() == "00:00:02.600    next step at 01:00:00.000, in 59m57s\n"


def test_a_quiet_timeline_leaves_the_journal_out(tmp_path: Path, block: int) -> None:
    assert "endpoint-plugged" not in tell(tmp_path, block, quiet=True)


def test_what_a_peer_sent_neither_forges_a_line_nor_reaches_the_terminal() -> None:
    reason = "not a session of\n08:00:04.000 \x1b[2J"
    record = JournalRecord(datetime(2026, 1, 5, 8, tzinfo=UTC), "psn1", "radius-drop", reason, {})
    assert render_record(record, "").plain.endswith(r"not a session of\n08:00:04.000 \x1b[2J")


def test_a_plain_terminal_can_show_it(tmp_path: Path, block: int) -> None:
    assert "expectations held" in tell(tmp_path, block, encoding="ascii")
