"""What a monitoring node is told before it starts. The topology file is parsed elsewhere."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ldd.era import Era
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
    era: Era = Era.POSTURE_SHARING
    state_dir: Path | None = None
    """Where what outlives the node is kept; None for nowhere but memory."""
    record_lifetime: timedelta = timedelta(days=30)
    """How long stored authentications and accounting records are kept."""
    api_port: int = 9443
    """The REST API; stands for 443."""
    api_user: str = "admin"
    api_password: str = field(default="lab-admin", repr=False)
    tls: ssl.SSLContext | None = None
    """Of the REST API; None: there is none."""
