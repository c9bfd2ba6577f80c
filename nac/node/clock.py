"""What a node may know of time: one method. Which clock stands behind it is the assembly's decision."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of instants."""

    def now(self) -> datetime:
        """Tell the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock, for a node that runs in a process of its own."""

    def now(self) -> datetime:
        """Tell the present instant, aware, in UTC."""
        return datetime.now(UTC)
