"""What a replica has merged, and how late. For measurements only: it differs between two runs, so no journal has it."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

_LIMIT = 10_000
"""Delays remembered."""


class MergeStatistics:
    """Counts of a node's life, and the delays of the latest records told as they happened."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.merged = 0
        self.refused = 0
        self._delays: deque[timedelta] = deque(maxlen=_LIMIT)

    def note(self, delay: timedelta) -> None:
        """Count a record merged so long after its owner made it."""
        self.merged += 1
        self._delays.append(delay)

    @property
    def median_delay(self) -> timedelta | None:
        """The delay that half of the latest records do not exceed; None before the first."""
        return self._find_quantile(0.5)

    @property
    def p99_delay(self) -> timedelta | None:
        """The delay that 99 of 100 of the latest records do not exceed; None before the first."""
        return self._find_quantile(0.99)

    def _find_quantile(self, share: float) -> timedelta | None:
        delays = sorted(self._delays)
        return delays[int(share * (len(delays) - 1))] if delays else None
