"""Faults of the files a user gives: each is one sentence that names the file, the line and the key."""

from __future__ import annotations

from itertools import groupby, islice
from typing import NamedTuple

MAXIMUM_FAULTS = 20
"""How many of one file's faults are shown."""

Location = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""


class Mark(NamedTuple):
    """A line of a file, counted from one; 0 where the file as a whole is meant."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Fault(NamedTuple):
    """What is wrong at one place of a file."""

    mark: Mark
    location: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.mark), self.location, self.text) if part)


class InputError(ValueError):
    """A file the user gave is unusable; each fault reads ``file:line: key: what is wrong``."""

    def __init__(self, *faults: Fault) -> None:
        """Keep the faults in the order of their lines."""
        self.faults = sorted(faults)
        files = groupby(self.faults, key=lambda fault: fault.mark.file)
        super().__init__("\n".join(str(fault) for _, faults in files for fault in islice(faults, MAXIMUM_FAULTS)))


def spell(location: Location) -> str:
    """Spell a place as ``nodes.psn1.ports[2]``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")


def shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
