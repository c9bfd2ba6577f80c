"""What the user of an endpoint sees of its posture agent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class AgentStatus(Enum):
    """The status line of the agent's window."""

    OFFLINE = "Not connected"
    SEARCHING = "Searching for policy server"
    NO_SERVER = "No policy server detected"
    SCANNING = "Scanning system"
    COMPLIANT = "Compliant"
    NOT_COMPLIANT = "Not Compliant"
    BYPASSED = "Bypassing AnyConnect scan"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """The agent's window: status line, message, statistics (posture.md 8), and the log of a support bundle."""

    status: str
    message: str
    latest_scan_at: datetime | None
    policy_server: str
    """FQDN of the policy server that answered last; empty before the first."""
    agent_version: str
    connection_data: str
    """Content of ConnectionData.xml; empty while there is no such file."""
    log: tuple[str, ...]
