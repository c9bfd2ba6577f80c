"""Durations as people write them: ``30s``, ``5m``, ``1h30m``, ``5d``; the form that topologies and scenarios use."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_MILLISECOND = timedelta(milliseconds=1)
_PATTERN = re.compile(
    r"(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,8})m(?!s))?(?:(\d{1,9}(?:\.\d{1,3})?)s)?(?:(\d{1,9})ms)?", re.ASCII
)
_EXAMPLES = "write for example 500ms, 30s, 5m, 1h30m or 5d"


def parse_duration(text: str) -> timedelta:
    """Parse a duration; raises `ValueError` with a sentence that shows the form."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration; {_EXAMPLES}")
    *counts, milliseconds = match.groups()
    total = int(milliseconds or 0) * _MILLISECOND
    for count, unit in zip(counts, _UNITS.values(), strict=True):
        total += float(count or 0) * unit
    return total


def render_duration(duration: timedelta) -> str:
    """Render a duration in the form that `parse_duration` reads: ``1h5m``; ``0s`` for none."""
    rest = round(abs(duration) / _MILLISECOND)
    parts = []
    for name, unit in (*_UNITS.items(), ("ms", _MILLISECOND)):
        count, rest = divmod(rest, unit // _MILLISECOND)
        if count:
            parts.append(f"{count}{name}")
    sign = "-" if duration < timedelta(0) else ""
    return sign + ("".join(parts) or "0s")


def read_duration(value: object) -> timedelta:
    """Read a duration, be it one already; raises `ValueError` as `parse_duration` does."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration; {_EXAMPLES}")
    return parse_duration(value)


Duration = Annotated[timedelta, BeforeValidator(read_duration, json_schema_input_type=str)]
"""A duration field of a topology or scenario."""
