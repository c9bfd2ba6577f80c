"""Records whole again from segments that arrive out of order, twice, or not at all.

Segments of one record share host and message id. A record is given up when its segments have not all come within a
bounded time, when too much waits, or when its node begins to use the number for another record, as after a restart.
Which records became whole lately is remembered, so that a datagram delivered twice yields one record.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nac.syslog import Segment

_SEGMENT_OVERHEAD = 200
"""Octets that a held segment costs beyond its text, roughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRecord:
    """The text of a record whose segments have all come."""

    host: str
    category: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRecord:
    """A record given up, and why."""

    host: str
    message_id: int
    missing: int
    total: int
    reason: str


@dataclass(slots=True)
class _Partial:
    """The segments of a record that have come so far."""

    total: int
    deadline: datetime
    payloads: dict[int, str] = field(default_factory=dict)
    held: int = 0

    def differs(self, segment: Segment) -> bool:
        """Whether a segment of the same number cannot belong to this record."""
        return segment.total != self.total or self.payloads.get(segment.index, segment.payload) != segment.payload


class Reassembly:
    """Segments in, records out; bounded in time and memory."""

    def __init__(
        self, *, lifetime: timedelta = timedelta(seconds=10), maximum_held: int = 8 << 20, remembered: int = 4096
    ) -> None:
        """Wait `lifetime` for a record, hold `maximum_held` octets, remember the last `remembered` whole records."""
        self._lifetime = lifetime
        self._maximum_held = maximum_held
        self._remembered = remembered
        self._partials: OrderedDict[tuple[str, int], _Partial] = OrderedDict()
        self._held = 0
        self._whole: OrderedDict[tuple[str, int], tuple[int, ...]] = OrderedDict()
        self._lost: list[LostRecord] = []

    @property
    def deadline(self) -> datetime | None:
        """When the first waiting record is to be given up, by asking `collect_lost`; None while none waits."""
        return next(iter(self._partials.values())).deadline if self._partials else None

    def add(self, segment: Segment, now: datetime) -> WholeRecord | None:
        """Take a segment in; returns the record that it completes."""
        key = segment.host, segment.message_id
        if self._is_repeated(key, segment):
            return None
        if segment.total == 1:
            self._give_up(key, "its node uses the number for another record")
            return self._complete(key, segment, [segment.payload])
        partial = self._partials.get(key)
        if partial is not None and partial.differs(segment):
            self._give_up(key, "its node uses the number for another record")
            partial = None
        if partial is None:
            partial = self._partials[key] = _Partial(segment.total, now + self._lifetime)
        partial.payloads[segment.index] = segment.payload
        if len(partial.payloads) < partial.total:
            self._hold(partial, len(segment.payload) + _SEGMENT_OVERHEAD)
            return None
        self._release(key)
        return self._complete(key, segment, [partial.payloads[index] for index in range(partial.total)])

    def collect_lost(self, now: datetime) -> list[LostRecord]:
        """Give up what has waited too long; returns all records given up since the last call."""
        while self._partials and next(iter(self._partials.values())).deadline <= now:
            self._give_up(next(iter(self._partials)), "its other segments did not come in time")
        lost, self._lost = self._lost, []
        return lost

    def __len__(self) -> int:
        """Count the records that wait."""
        return len(self._partials)

    def _is_repeated(self, key: tuple[str, int], segment: Segment) -> bool:
        """Whether this very segment came before: as part of a record that waits, or of one that became whole."""
        partial = self._partials.get(key)
        if partial is not None:
            return partial.payloads.get(segment.index) == segment.payload and partial.total == segment.total
        whole = self._whole.get(key, ())
        return len(whole) == segment.total and whole[segment.index] == hash(segment.payload)

    def _complete(self, key: tuple[str, int], segment: Segment, payloads: list[str]) -> WholeRecord:
        self._whole[key] = tuple(map(hash, payloads))
        self._whole.move_to_end(key)
        if len(self._whole) > self._remembered:
            self._whole.popitem(last=False)
        return WholeRecord(host=segment.host, category=segment.category, text="".join(payloads))

    def _hold(self, partial: _Partial, octets: int) -> None:
        """Account for a segment held; where that is too much, the record that has waited longest goes."""
        partial.held += octets
        self._held += octets
        while self._held > self._maximum_held:
            self._give_up(next(iter(self._partials)), "too many incomplete records wait")

    def _release(self, key: tuple[str, int]) -> _Partial | None:
        partial = self._partials.pop(key, None)
        if partial is not None:
            self._held -= partial.held
        return partial

    def _give_up(self, key: tuple[str, int], reason: str) -> None:
        partial = self._release(key)
        if partial is not None:
            missing = partial.total - len(partial.payloads)
            host, message_id = key
            self._lost.append(
                LostRecord(host=host, message_id=message_id, missing=missing, total=partial.total, reason=reason)
            )
