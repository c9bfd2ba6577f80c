"""How a story looks on a terminal: steps, the journal with its reasons, expectations, and the verdict."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby

from rich.console import Console
from rich.text import Text

from nac.node.journal import JournalRecord
from posturelab.journal.line import KIND_COLOURS, render_line
from posturelab.reading.duration import render_duration
from posturelab.scenario.expectation import Check
from posturelab.scenario.file import Story
from posturelab.scenario.model import Step
from posturelab.scenario.runner import Outcome


class Timeline:
    """A narrator that prints as the story goes."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        """Print to a console; a quiet timeline leaves the journal out."""
        self._console = console
        self._quiet = quiet
        self._styles: dict[str, str] = {}

    def begin(self, story: Story, *, seed: int, live: bool) -> None:
        """Print the title."""
        self._styles = {name: f"color({KIND_COLOURS[node.kind]})" for name, node in story.topology.nodes.items()}
        scenario = story.scenario
        mode = "live" if live else "virtual"
        self._print(Text(scenario.name, style="bold"), f"  ({story.path}, seed {seed}, {mode} time)")
        for line in scenario.description.strip().splitlines():
            self._print(Text(f"  {line.strip()}", style="dim"))

    def tell_pause(self, at: timedelta, pause: timedelta) -> None:
        """Print when the story goes on, where that is not at once."""
        rest = timedelta(seconds=round(pause.total_seconds()))
        if rest:
            self._print(
                _render_time(at), "    next step at ", _render_time(at + pause), f", in {render_duration(rest)}"
            )

    def tell_step(self, at: timedelta, step: Step) -> None:
        """Print what a step is about."""
        self._print(_render_time(at), Text(f"  {step.note}", style="bold"))

    def tell_record(self, at: timedelta, record: JournalRecord) -> None:
        """Print one decision and its reason."""
        if not self._quiet:
            self._print(_render_time(at), "    ", render_record(record, self._styles.get(record.node, "")))

    def tell_checks(self, at: timedelta, checks: list[Check]) -> None:
        """Print the expectations that held, a line for each subject; and each that failed, with what was found."""
        for subject, group in groupby(checks, key=lambda check: check.subject):
            facts = list(group)
            held = ", ".join(f"{check.fact} {check.expected or 'none'}" for check in facts if check.held)
            if held:
                self._print(_render_time(at), Text("  ok      ", style="green"), f"{subject}: {held}")
            for check in facts:
                if not check.held:
                    found = f"{subject}: {check.fact} should be {check.expected!r}, is {check.actual!r}"
                    self._print(_render_time(at), Text("  FAILED  ", style="bold red"), found)

    def end(self, outcome: Outcome) -> None:
        """Print the verdict."""
        checks = [check for step in outcome.steps for check in step.checks]
        held = sum(check.held for check in checks)
        for error in outcome.errors:
            self._print(Text("  MISTAKE OF THE LAB  ", style="bold red"), render_line(error))
        verdict = Text("PASSED", style="bold green") if outcome.passed else Text("FAILED", style="bold red")
        told = render_duration(timedelta(seconds=round(outcome.virtual_seconds)))
        counts = f"  {held} of {len(checks)} expectations held; {told} of lab time in {outcome.wall_seconds:.1f} s"
        self._print(verdict, counts)
        self._console.print()

    def _print(self, *parts: Text | str) -> None:
        self._console.print(Text.assemble(*parts), soft_wrap=True)


def render_record(record: JournalRecord, style: str) -> Text:
    """Render one journal record: who, what, why."""
    return Text.assemble((f"{record.node:<9} ", style), f"{record.event:<24} ", (render_line(record.reason), "dim"))


def _render_time(at: timedelta) -> Text:
    """Render a time since the beginning: days where there are any, then hours to milliseconds."""
    milliseconds = round(at / timedelta(milliseconds=1))
    seconds, milliseconds = divmod(milliseconds, 1000)
    days, seconds = divmod(seconds, 86400)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
    return Text(f"{days}d " * (days > 0) + clock, style="dim")
