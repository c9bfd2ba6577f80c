"""`posturelab run`: stories one after the other, told on the terminal and written down as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from nac.node.binding import AddressInUseError
from posturelab.journal.page import describe_record
from posturelab.lab_file import LabFile
from posturelab.scenario.file import check_real_time, load_stories
from posturelab.scenario.runner import Outcome, StepOutcome, run_story
from posturelab.scenario.timeline import Timeline

STDOUT = Path("-")
"""Instead of a file for JSON: standard output, which then has nothing else."""


def run_scenarios(
    paths: Sequence[Path],
    *,
    seed: int | None,
    live: bool,
    brokers: Sequence[str] = (),
    json_file: Path | None,
    quiet: bool,
) -> bool:
    """Tell every scenario, over a message broker where one is named; True where all passed.

    Raises `InputError` for an unusable one, before any is told, and `OSError` where a file cannot be written.
    """
    stories = load_stories(paths)
    for story in stories:
        LabFile(story.topology_document, story.topology).check_addresses()
        if brokers:
            check_real_time(story)
    if json_file not in (None, STDOUT):
        _write_outcomes(json_file, [])
    console = Console(highlight=False, quiet=json_file == STDOUT)
    outcomes = []
    for story in stories:
        try:
            narrator = Timeline(console, quiet=quiet)
            outcomes.append(run_story(story, narrator=narrator, seed=seed, live=live, brokers=brokers))
        except AddressInUseError as error:
            raise LabFile(story.topology_document, story.topology).explain(error) from None
    if json_file is not None:
        _write_outcomes(json_file, outcomes)
    if len(outcomes) > 1:
        _print_summary(console, outcomes)
    return all(outcome.passed for outcome in outcomes)


def describe_outcome(outcome: Outcome) -> dict[str, Any]:
    """Build the JSON record of one scenario."""
    return {
        "name": outcome.story.scenario.name,
        "file": str(outcome.story.path),
        "verdict": "passed" if outcome.passed else "failed",
        "seed": outcome.seed,
        "mode": "live" if outcome.live else "virtual",
        "wall_seconds": round(outcome.wall_seconds, 3),
        "virtual_seconds": round(outcome.virtual_seconds, 3),
        "expectations": [expectation for step in outcome.steps for expectation in _describe_step(step)],
        "errors": list(outcome.errors),
        "journal": [describe_record(record) for record in outcome.records],
    }


def _write_outcomes(json_file: Path, outcomes: Sequence[Outcome]) -> None:
    text = json.dumps([describe_outcome(outcome) for outcome in outcomes], indent=2)
    if json_file == STDOUT:
        Console().out(text, highlight=False)
    else:
        json_file.write_text(f"{text}\n", encoding="utf-8")


def _print_summary(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print how many passed, and which did not."""
    failed = [outcome.story for outcome in outcomes if not outcome.passed]
    console.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} scenarios passed", style="bold")
    for story in failed:
        line = Text.assemble(("FAILED", "bold red"), f"  {story.scenario.name}  ({story.path})")
        console.print(line, soft_wrap=True)


def _describe_step(step: StepOutcome) -> list[dict[str, Any]]:
    at = round(step.settled_at / timedelta(seconds=1), 3)
    return [{"step": step.note, "at": at, **asdict(check)} for check in step.checks]
