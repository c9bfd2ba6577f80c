"""What a record teaches a session, field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from mnt.kept_record import keep_record
from mnt.session import MonitoredSession, SessionEvent
from mnt.session_attributes import (
    find_device_address,
    find_endpoint_mac,
    find_identity,
    find_posture_status,
    render_profiles,
)
from nac.syslog import SyslogRecord


def update_session(session: MonitoredSession, record: SyslogRecord, *, event: SessionEvent, now: datetime) -> None:
    """Take over what a record says; the state is not touched."""
    session.updated_at = now
    session.posture_status = find_posture_status(record) or session.posture_status
    session.rule = record.first("AuthorizationPolicyMatchedRule") or session.rule
    session.profile = render_profiles(record) or session.profile
    session.mac = session.mac or find_endpoint_mac(record)
    _UPDATES[event](session, record, now)


def _take_authentication(session: MonitoredSession, record: SyslogRecord, now: datetime) -> None:
    session.authenticated_at = now
    session.acs_server = record.host
    session.user_name = find_identity(record) or session.user_name
    session.mac = find_endpoint_mac(record) or session.mac
    session.calling_station_id = record.first("Calling-Station-ID") or session.calling_station_id
    session.address = record.first("Framed-IP-Address", "EndPointIPAddress") or session.address
    session.method = record.first("AuthenticationMethod") or session.method
    session.authentication_record = keep_record(record, now)
    _take_device(session, record)


def _take_posture(session: MonitoredSession, record: SyslogRecord, now: datetime) -> None:
    session.postured_at = now
    session.agent_user_name = find_identity(record) or session.agent_user_name
    session.address = session.address or record.first("IpAddress")
    session.posture_policy = record.first("PosturePolicyMatched") or session.posture_policy
    session.posture_report = record.first("PostureReport") or session.posture_report
    session.agent_version = record.first("PostureAgentVersion") or session.agent_version


def _take_accounting(session: MonitoredSession, record: SyslogRecord, now: datetime) -> None:
    session.last_acct_node = record.host
    session.user_name = session.user_name or find_identity(record)
    session.calling_station_id = session.calling_station_id or record.first("Calling-Station-ID")
    session.address = record.first("Framed-IP-Address") or session.address
    session.acct_session_id = record.first("Acct-Session-Id") or session.acct_session_id
    session.accounting_record = keep_record(record, now)
    _take_device(session, record)


def _take_nothing_more(session: MonitoredSession, record: SyslogRecord, now: datetime) -> None:
    """A dynamic authorization carries status, rule and profile at most."""


def _take_device(session: MonitoredSession, record: SyslogRecord) -> None:
    session.nas_ip = find_device_address(record) or session.nas_ip
    session.nas_name = record.first("NetworkDeviceName") or session.nas_name
    session.nas_port_id = record.first("NAS-Port-Id") or session.nas_port_id


_UPDATES: Mapping[SessionEvent, Callable[[MonitoredSession, SyslogRecord, datetime], None]] = MappingProxyType(
    {
        SessionEvent.PASSED_AUTHENTICATION: _take_authentication,
        SessionEvent.POSTURE_REPORT: _take_posture,
        SessionEvent.DYNAMIC_AUTHORIZATION: _take_nothing_more,
        SessionEvent.ACCOUNTING_START: _take_accounting,
        SessionEvent.ACCOUNTING_INTERIM: _take_accounting,
        SessionEvent.ACCOUNTING_STOP: _take_accounting,
    }
)
