"""What the doctor says: one sentence about one or several nodes, how bad that is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Verdict(StrEnum):
    """How bad a finding is, best first."""

    FINE = "fine"
    NOTE = "note"
    """Something could not be looked at, or is unusual and meant to be."""
    WARNING = "warning"
    """It works, but not for long or not as one may think."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found out."""

    verdict: Verdict
    check: str
    """What was looked at, in one word for scripts."""
    text: str
    subjects: tuple[str, ...] = ()
    """The nodes it is about; none where it is about the lab."""
    remedy: str = ""


def unite(findings: Iterable[Finding]) -> list[Finding]:
    """Say of several nodes in one sentence what is true of all, each finding at the place of its first."""
    united: dict[Finding, tuple[str, ...]] = {}
    for finding in findings:
        key = replace(finding, subjects=())
        united[key] = (*united.get(key, ()), *finding.subjects)
    return [replace(key, subjects=tuple(dict.fromkeys(subjects))) for key, subjects in united.items()]
