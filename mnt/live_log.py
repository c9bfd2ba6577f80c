"""The live log and the accounting report: one row per record that tells of an authentication or of accounting.

A row is what was known when its record was written. Its posture status therefore stays that of the authentication,
while the session's own, in the session directory, moves on: the mismatch of Pending and Compliant that users see
(aaa-mnt.md 7). Time is when the monitoring node received the record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum

from mnt.session_attributes import (
    find_count,
    find_device_address,
    find_endpoint_mac,
    find_identity,
    find_octets,
    find_posture_status,
    find_session_id,
    render_profiles,
)
from nac.syslog import SyslogRecord
from nac.syslog_catalogue import FAILED_ATTEMPTS, PASSED_AUTHENTICATIONS, RADIUS_ACCOUNTING


class LiveLogStatus(Enum):
    """The colour of a row: green or red."""

    PASS = "pass"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLogRow:
    """A row of the live log. A dACL download has the ACL's name as identity and no endpoint."""

    at: datetime
    status: LiveLogStatus
    identity: str
    endpoint_id: str
    endpoint_profile: str
    authentication_policy: str
    authorization_policy: str
    authorization_profiles: str
    address: str
    network_device: str
    device_port: str
    posture_status: str
    server: str
    event: str
    failure_reason: str
    auth_method: str
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountingRow:
    """A row of the RADIUS accounting report. `server` is the node that took the request, `event_at` when it did."""

    at: datetime
    acct_status_type: str
    identity: str
    endpoint_id: str
    session_id: str
    acct_session_id: str
    network_device: str
    server: str
    event_at: datetime
    session_time: int | None
    """Seconds; None, as for the octets, where the record does not tell."""
    input_octets: int | None
    output_octets: int | None
    terminate_cause: str


_STATUS_OF_CATEGORY = {PASSED_AUTHENTICATIONS: LiveLogStatus.PASS, FAILED_ATTEMPTS: LiveLogStatus.FAIL}


class LiveLog:
    """The latest rows of both lists, oldest first; beyond the limit the oldest are dropped."""

    def __init__(self, *, limit: int = 10_000) -> None:
        """Start empty; each list keeps `limit` rows."""
        self.rows: deque[LiveLogRow] = deque(maxlen=limit)
        self.accounting: deque[AccountingRow] = deque(maxlen=limit)

    def add(self, record: SyslogRecord, now: datetime) -> LiveLogRow | AccountingRow | None:
        """Add the row of a record, and return it; records of other categories have none."""
        status = _STATUS_OF_CATEGORY.get(record.category)
        if status is not None:
            row = _build_row(record, status=status, now=now)
            self.rows.append(row)
            return row
        if record.category == RADIUS_ACCOUNTING:
            accounting_row = _build_accounting_row(record, now)
            self.accounting.append(accounting_row)
            return accounting_row
        return None

    def restore(self, rows: Iterable[LiveLogRow], accounting: Iterable[AccountingRow]) -> None:
        """Begin anew with rows of an earlier life, oldest first."""
        self.rows = deque(rows, self.rows.maxlen)
        self.accounting = deque(accounting, self.accounting.maxlen)

    def snapshot(self) -> dict[str, list[dict[str, str | int | None]]]:
        """Build a JSON-ready view of both lists."""
        return {
            "live_log": [_render(row) for row in self.rows],
            "accounting": [_render(row) for row in self.accounting],
        }


def _build_row(record: SyslogRecord, *, status: LiveLogStatus, now: datetime) -> LiveLogRow:
    policy = (record.first("ISEPolicySetName"), record.first("IdentityPolicyMatchedRule"))
    posture_status = find_posture_status(record)
    return LiveLogRow(
        at=now,
        status=status,
        identity=find_identity(record),
        endpoint_id=find_endpoint_mac(record) or record.first("Calling-Station-ID"),
        endpoint_profile=record.first("EndPointMatchedProfile"),
        authentication_policy=" >> ".join(part for part in policy if part),
        authorization_policy=record.first("AuthorizationPolicyMatchedRule"),
        authorization_profiles=render_profiles(record),
        address=record.first("Framed-IP-Address", "EndPointIPAddress"),
        network_device=record.first("NetworkDeviceName") or find_device_address(record),
        device_port=record.first("NAS-Port-Id"),
        posture_status=posture_status.shown if posture_status else "",
        server=record.host,
        event=f"{record.code} {record.text}",
        failure_reason=record.first("FailureReason"),
        auth_method=record.first("AuthenticationMethod"),
        session_id=find_session_id(record),
    )


def _build_accounting_row(record: SyslogRecord, now: datetime) -> AccountingRow:
    return AccountingRow(
        at=now,
        acct_status_type=record.first("Acct-Status-Type"),
        identity=find_identity(record),
        endpoint_id=find_endpoint_mac(record) or record.first("Calling-Station-ID"),
        session_id=find_session_id(record),
        acct_session_id=record.first("Acct-Session-Id"),
        network_device=record.first("NetworkDeviceName") or find_device_address(record),
        server=record.host,
        event_at=record.at,
        session_time=find_count(record, "Acct-Session-Time"),
        input_octets=find_octets(record, "Input"),
        output_octets=find_octets(record, "Output"),
        terminate_cause=record.first("Acct-Terminate-Cause"),
    )


def _render(row: LiveLogRow | AccountingRow) -> dict[str, str | int | None]:
    plain = asdict(row)
    plain["at"] = row.at.isoformat()
    if isinstance(row, LiveLogRow):
        plain["status"] = row.status.value
    else:
        plain["event_at"] = row.event_at.isoformat()
    return plain
