"""What the doctor has found, for people and for scripts; and `posturelab doctor` itself."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from nac.node.clock import SystemClock
from posturelab.doctor.examination import DoctorOptions, examine
from posturelab.doctor.finding import Finding, Verdict
from posturelab.lab_file import LabFile

_STYLES = {
    Verdict.FINE: "green",
    Verdict.NOTE: "cyan",
    Verdict.WARNING: "yellow",
    Verdict.WRONG: "bold red",
}
_ORDER = list(Verdict)
_COLUMN = 9
"""Columns of the verdict, its pause included."""


def run_doctor(lab_file: LabFile, reference: str, *, options: DoctorOptions, as_json: bool = False) -> bool:
    """Examine a lab and print what was found; False where something is wrong. Raises `InputError`."""
    findings = asyncio.run(examine(lab_file, reference, options=options, clock=SystemClock()))
    if as_json:
        print(json.dumps(describe_findings(findings, reference), indent=2))
    else:
        print_findings(Console(), findings)
    return is_sound(findings)


def is_sound(findings: Sequence[Finding]) -> bool:
    """Tell whether nothing is wrong; warnings and notes do not count."""
    return all(finding.verdict is not Verdict.WRONG for finding in findings)


def describe_findings(findings: Sequence[Finding], reference: str) -> dict[str, Any]:
    """Build a JSON-ready view, causes before what they cause."""
    return {
        "topology": reference,
        "sound": is_sound(findings),
        "findings": [
            {
                "verdict": finding.verdict.value,
                "nodes": list(finding.subjects),
                "check": finding.check,
                "text": finding.text,
                "remedy": finding.remedy,
            }
            for finding in findings
        ],
    }


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print what is fine first, in short lines, and last what is wrong, causes before what they cause."""
    for finding in sorted(findings, key=lambda finding: _ORDER.index(finding.verdict)):
        about = f"{', '.join(finding.subjects)}: " if finding.subjects else ""
        line = Text(f"{finding.verdict.value:<{_COLUMN}}", style=_STYLES[finding.verdict])
        console.print(line.append(about + finding.text, style="default"), soft_wrap=True)
        if finding.remedy:
            console.print(Text(f"{'':<{_COLUMN}}do: {finding.remedy}", style="dim"), soft_wrap=True)
    console.print(Text(_summarise(findings), style="bold"))


def _summarise(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.verdict for finding in findings)
    wrong, warnings = counts[Verdict.WRONG], counts[Verdict.WARNING]
    if not wrong and not warnings:
        return "nothing is wrong"
    parts = [f"{wrong} wrong"] if wrong else ["nothing is wrong"]
    return ", ".join([*parts, *([f"{warnings} to watch"] if warnings else [])])
