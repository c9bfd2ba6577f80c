"""When the monitoring node forgets a session: the four rules of posture.md 1.1 (M4 to M7).

A session that never had an accounting start goes 60 minutes after it was opened, a terminated one 15 minutes after
its stop was processed, a started one after five days. The fourth rule makes the others coarse: one job applies them
all, every five minutes, so that real times are 60 to 65 minutes, and so on.

The public record does not say whether an interim update begins the five days anew. Field practice, a periodic
interim every two days to keep a session listed, says it does; a setting says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from mnt.session import MonitoredSession, SessionState


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """The timers. With `interim_extends_started` the five days count from the last news, else from the start."""

    without_start: timedelta = timedelta(minutes=60)
    after_stop: timedelta = timedelta(minutes=15)
    in_started: timedelta = timedelta(days=5)
    job_interval: timedelta = timedelta(minutes=5)
    interim_extends_started: bool = True

    def __post_init__(self) -> None:
        for timer in fields(self):
            value = getattr(self, timer.name)
            if isinstance(value, timedelta) and value <= timedelta():
                raise ValueError(f"the retention timer {timer.name} must be longer than nothing")

    def find_reason(self, session: MonitoredSession, now: datetime) -> str | None:
        """Find why a session is to be removed now, as a sentence; None where it stays."""
        match session.state:
            case SessionState.TERMINATED:
                limit, since, reason = self.after_stop, session.terminated_at, "its accounting stop was processed"
            case SessionState.STARTED if self.interim_extends_started:
                limit, since, reason = self.in_started, session.updated_at, "it is started and the last news came"
            case SessionState.STARTED:
                limit, since, reason = self.in_started, session.started_at, "it was started"
            case _:
                limit, since, reason = self.without_start, session.opened_at, "no accounting start came, it was opened"
        if since is None or now - since < limit:
            return None
        return f"{reason} {_render(limit)} ago or earlier"


def _render(duration: timedelta) -> str:
    """Render a duration in the unit people use for it."""
    if duration >= timedelta(days=2):
        return f"{duration / timedelta(days=1):g} days"
    return f"{duration / timedelta(minutes=1):g} minutes"
