"""What a monitoring node is told before it starts. The topology file is parsed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from mnt.retention import RetentionRules


@dataclass(frozen=True, slots=True, kw_only=True)
class MntConfig:
    """Name, address and settings of a monitoring node. Port 0 means any."""

    name: str
    address: str
    syslog_port: int = 20514
    retention: RetentionRules = field(default_factory=RetentionRules)
    segment_timeout: timedelta = timedelta(seconds=10)
    """How long the other segments of a record are awaited (ours)."""
    accounting_creates_sessions: bool = False
    """Whether an accounting start or interim for an unknown session makes one (ours; posture.md 14)."""
    session_limit: int = 250_000
    live_log_limit: int = 10_000
    """Rows kept in the live log, and in the accounting report."""
