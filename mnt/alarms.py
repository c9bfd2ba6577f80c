"""The alarms that reached the monitoring node, or that it raised itself: the latest ones, oldest first.

An alarm is a syslog record of category CISE_Alarm like any other (aaa-mnt.md 4.1); what it says stands in its words
and attributes. Nothing here decides when one is raised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from nac.syslog import SyslogRecord
from nac.syslog_catalogue import QUEUE_LINK_ERROR

ALARM_LIMIT = 1_000
"""Alarms kept in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm. `server` is the node that raised it, `event_at` when it did so, `at` when this node was told."""

    at: datetime
    event_at: datetime
    server: str
    severity: str
    code: int
    name: str
    detail: str


class Alarms:
    """The latest alarms; beyond the limit the oldest are dropped.

    One that is told again is the same alarm: a node that has lost its link says so in every way it has.
    """

    def __init__(self, *, limit: int = ALARM_LIMIT) -> None:
        """Start empty."""
        self.rows: deque[Alarm] = deque(maxlen=limit)

    def restore(self, rows: Iterable[Alarm]) -> None:
        """Begin anew with alarms of an earlier life, oldest first."""
        self.rows = deque(rows, self.rows.maxlen)

    def add(self, alarm: Alarm) -> bool:
        """Add an alarm; whether it is a new one."""
        if any(replace(alarm, at=known.at) == known for known in self.rows):
            return False
        self.rows.append(alarm)
        return True

    def snapshot(self) -> list[dict[str, str | int]]:
        """Build a JSON-ready view, oldest first."""
        return [
            asdict(alarm) | {"at": alarm.at.isoformat(), "event_at": alarm.event_at.isoformat()} for alarm in self.rows
        ]


def read_alarm(record: SyslogRecord, now: datetime) -> Alarm:
    """Read the alarm that a record received now tells of."""
    return Alarm(
        at=now,
        event_at=record.at,
        server=record.host,
        severity=record.severity,
        code=record.code,
        name=record.text,
        detail=_render_detail(record.attributes),
    )


def build_link_alarm(node: str, attributes: Iterable[tuple[str, str]], now: datetime) -> Alarm:
    """Build the alarm of this node's own broken link, with the attributes that `ldd.link_alarm` gives it."""
    entry = QUEUE_LINK_ERROR
    return Alarm(
        at=now,
        event_at=now,
        server=node,
        severity=entry.severity,
        code=entry.code,
        name=entry.text,
        detail=_render_detail(attributes),
    )


def _render_detail(attributes: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{key}={value}" for key, value in attributes)
