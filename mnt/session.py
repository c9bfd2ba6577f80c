"""One session as the monitoring node knows it, its states, and which record leads from which state to which.

Source: posture.md 1.1 (M1 to M3) and 14, aaa-mnt.md 5.1. *Postured* ends when the accounting start arrives, so a
session that has started stays so when its posture report comes: the posture status is a fact of its own. Only a
passed authentication opens a session or reopens a terminated one. Other pairs missing from the table are records
that change nothing: late ones for a terminated session, or ones for a session never seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType

from nac import syslog_catalogue as catalogue
from nac.posture import PostureStatus


class SessionState(Enum):
    """How far a session has come; the value is the word of the session list."""

    AUTHENTICATED = "Authenticated"
    POSTURED = "Postured"
    STARTED = "Started"
    TERMINATED = "Terminated"


class SessionEvent(Enum):
    """What a record says of a session."""

    PASSED_AUTHENTICATION = "passed authentication"
    POSTURE_REPORT = "posture report"
    DYNAMIC_AUTHORIZATION = "dynamic authorization"
    ACCOUNTING_START = "accounting start"
    ACCOUNTING_INTERIM = "accounting interim"
    ACCOUNTING_STOP = "accounting stop"


EVENTS: Mapping[int, SessionEvent] = MappingProxyType(
    {
        catalogue.AUTHENTICATION_SUCCEEDED.code: SessionEvent.PASSED_AUTHENTICATION,
        catalogue.POSTURE_REPORT.code: SessionEvent.POSTURE_REPORT,
        catalogue.REASSESSMENT_REPORT.code: SessionEvent.POSTURE_REPORT,
        catalogue.DYNAMIC_AUTHORIZATION_SUCCEEDED.code: SessionEvent.DYNAMIC_AUTHORIZATION,
        catalogue.ACCOUNTING_START.code: SessionEvent.ACCOUNTING_START,
        catalogue.ACCOUNTING_INTERIM.code: SessionEvent.ACCOUNTING_INTERIM,
        catalogue.ACCOUNTING_STOP.code: SessionEvent.ACCOUNTING_STOP,
    }
)
"""Message codes that speak of a session. All others, dACL downloads and failures among them, make and change none."""

TRANSITIONS: Mapping[tuple[SessionState | None, SessionEvent], SessionState] = MappingProxyType(
    {
        (None, SessionEvent.PASSED_AUTHENTICATION): SessionState.AUTHENTICATED,
        (SessionState.AUTHENTICATED, SessionEvent.PASSED_AUTHENTICATION): SessionState.AUTHENTICATED,
        (SessionState.AUTHENTICATED, SessionEvent.POSTURE_REPORT): SessionState.POSTURED,
        (SessionState.AUTHENTICATED, SessionEvent.DYNAMIC_AUTHORIZATION): SessionState.AUTHENTICATED,
        (SessionState.AUTHENTICATED, SessionEvent.ACCOUNTING_START): SessionState.STARTED,
        (SessionState.AUTHENTICATED, SessionEvent.ACCOUNTING_INTERIM): SessionState.AUTHENTICATED,
        (SessionState.AUTHENTICATED, SessionEvent.ACCOUNTING_STOP): SessionState.TERMINATED,
        (SessionState.POSTURED, SessionEvent.PASSED_AUTHENTICATION): SessionState.POSTURED,
        (SessionState.POSTURED, SessionEvent.POSTURE_REPORT): SessionState.POSTURED,
        (SessionState.POSTURED, SessionEvent.DYNAMIC_AUTHORIZATION): SessionState.POSTURED,
        (SessionState.POSTURED, SessionEvent.ACCOUNTING_START): SessionState.STARTED,
        (SessionState.POSTURED, SessionEvent.ACCOUNTING_INTERIM): SessionState.POSTURED,
        (SessionState.POSTURED, SessionEvent.ACCOUNTING_STOP): SessionState.TERMINATED,
        (SessionState.STARTED, SessionEvent.PASSED_AUTHENTICATION): SessionState.STARTED,
        (SessionState.STARTED, SessionEvent.POSTURE_REPORT): SessionState.STARTED,
        (SessionState.STARTED, SessionEvent.DYNAMIC_AUTHORIZATION): SessionState.STARTED,
        (SessionState.STARTED, SessionEvent.ACCOUNTING_START): SessionState.STARTED,
        (SessionState.STARTED, SessionEvent.ACCOUNTING_INTERIM): SessionState.STARTED,
        (SessionState.STARTED, SessionEvent.ACCOUNTING_STOP): SessionState.TERMINATED,
        (SessionState.TERMINATED, SessionEvent.PASSED_AUTHENTICATION): SessionState.AUTHENTICATED,
    }
)


@dataclass(slots=True, kw_only=True, eq=False)
class MonitoredSession:
    """An entry of the session directory, told by records alone. Texts are empty where no record has told them."""

    session_id: str
    state: SessionState
    opened_at: datetime
    """When it was created, or revived."""
    updated_at: datetime
    """When the last record that counted arrived."""
    authenticated_at: datetime | None = None
    postured_at: datetime | None = None
    started_at: datetime | None = None
    terminated_at: datetime | None = None
    user_name: str = ""
    agent_user_name: str = ""
    """The user that the posture report names; with MAB it differs from `user_name`, which is the MAC."""
    mac: str = ""
    calling_station_id: str = ""
    """As the device sent it; for VPN an IP address."""
    address: str = ""
    acs_server: str = ""
    """The owner: the node of the last passed authentication."""
    last_acct_node: str = ""
    """The node of the last accounting record, which is what the accounting report shows."""
    nas_ip: str = ""
    nas_name: str = ""
    nas_port_id: str = ""
    acct_session_id: str = ""
    method: str = ""
    rule: str = ""
    profile: str = ""
    posture_status: PostureStatus | None = None
    posture_policy: str = ""
    posture_report: str = ""
    agent_version: str = ""
    authentication_record: str = field(default="", repr=False)
    """The last passed authentication, as `mnt.kept_record` keeps it."""
    accounting_record: str = field(default="", repr=False)
    """The last accounting record, likewise."""

    @property
    def posture_word(self) -> str:
        """The posture status as the session list shows it: Pending while it is awaited, empty where never told."""
        return self.posture_status.shown if self.posture_status else ""

    def snapshot(self) -> dict[str, str | None]:
        """Build a JSON-ready view without the kept records; instants in ISO 8601, None where they have not come."""
        instants = {
            name: moment.isoformat() if moment else None
            for name, moment in (
                ("opened_at", self.opened_at),
                ("updated_at", self.updated_at),
                ("authenticated_at", self.authenticated_at),
                ("postured_at", self.postured_at),
                ("started_at", self.started_at),
                ("terminated_at", self.terminated_at),
            )
        }
        return {
            "session_id": self.session_id,
            "state": self.state.value,
            "posture_status": self.posture_word,
            "user_name": self.user_name,
            "agent_user_name": self.agent_user_name,
            "mac": self.mac,
            "calling_station_id": self.calling_station_id,
            "address": self.address,
            "acs_server": self.acs_server,
            "last_acct_node": self.last_acct_node,
            "nas_ip": self.nas_ip,
            "nas_name": self.nas_name,
            "nas_port_id": self.nas_port_id,
            "acct_session_id": self.acct_session_id,
            "method": self.method,
            "rule": self.rule,
            "profile": self.profile,
            "posture_policy": self.posture_policy,
            "posture_report": self.posture_report,
            "agent_version": self.agent_version,
            **instants,
        }
