"""What the REST API answers, as XML: a session, the version (aaa-mnt.md 6.1).

A session's children stand in the order of the published schema; those of which nothing is known are left out. They
tell of the last passed authentication and of the last accounting record. A trap of the original is kept (posture.md
1.3): ``posture_status`` is the trigger's state of that authentication, `PostureAssessmentStatus`, and so says
NotApplicable of a session whose PostureStatus, inside ``other_attr_string``, is Compliant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from xml.etree.ElementTree import Element, SubElement

from mnt.kept_record import KeptRecord, recall_record
from mnt.session import MonitoredSession, SessionState
from mnt.session_attributes import find_octets
from nac.mnt_api import encode_document
from nac.syslog import SyslogRecord

PRODUCT = "Cisco Identity Services Engine"
VERSION = "3.5.0.223"
"""A release, as clients expect one."""
ACTIVE_MNT_NODE = "1"

SEPARATOR = ":!:"

# The prefixes stand at the typed children themselves, where ElementTree would declare them at the root.
_BOOLEAN = {
    "xsi:type": "xs:boolean",
    "xmlns:xs": "http://www.w3.org/2001/XMLSchema",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
}


@dataclass(frozen=True, slots=True)
class _Known:
    """What is told of a session."""

    session: MonitoredSession
    authentication: KeptRecord | None
    accounting: KeptRecord | None


_Child = Callable[[_Known], str]


def _of_session(name: str) -> _Child:
    return lambda known: str(getattr(known.session, name))


def _of_authentication(find: Callable[[SyslogRecord], str]) -> _Child:
    return lambda known: find(known.authentication.record) if known.authentication else ""


def _of_accounting(find: Callable[[SyslogRecord], str]) -> _Child:
    return lambda known: find(known.accounting.record) if known.accounting else ""


def _of_latest(find: Callable[[SyslogRecord], str]) -> _Child:
    """Tell what the later of the two records says, or else the earlier one."""

    def tell(known: _Known) -> str:
        kept = [kept for kept in (known.accounting, known.authentication) if kept]
        kept.sort(key=lambda kept: kept.received_at, reverse=True)
        return next(filter(None, (find(each.record) for each in kept)), "")

    return tell


def _first(key: str) -> Callable[[SyslogRecord], str]:
    return lambda record: record.first(key)


def _octets(direction: str) -> Callable[[SyslogRecord], str]:
    return lambda record: "" if (count := find_octets(record, direction)) is None else str(count)


def _group(root: str) -> Callable[[SyslogRecord], str]:
    """Find the network device group below a root: of ``Location#All Locations`` what follows the first hash."""
    groups = f"{root}#"
    return lambda record: next(
        (group.removeprefix(groups) for group in record.all("NetworkDeviceGroups") if group.startswith(groups)), ""
    )


def _find_method(record: SyslogRecord) -> str:
    """Tell the method as the API does, which calls that of the records a protocol."""
    if record.first("UseCase") == "Host Lookup":
        return "mab"
    return "dot1x" if "802_1x" in record.first("RadiusFlowType") else record.first("AuthenticationMethod")


_CHILDREN: Mapping[str, _Child] = MappingProxyType(
    {
        "passed": _of_authentication(lambda _: "true"),
        "failed": _of_authentication(lambda _: "false"),
        "user_name": _of_session("user_name"),
        "nas_ip_address": _of_session("nas_ip"),
        "calling_station_id": lambda known: known.session.mac or known.session.calling_station_id,
        "orig_calling_station_id": _of_session("calling_station_id"),
        "cpmsession_id": _of_session("session_id"),
        "destination_ip_address": _of_authentication(_first("DestinationIPAddress")),
        "device_ip_address": _of_authentication(_first("Device IP Address")),
        "identity_group": _of_authentication(_first("IdentityGroup")),
        "network_device_name": _of_session("nas_name"),
        "acs_server": _of_session("acs_server"),
        "authentication_method": _of_authentication(_find_method),
        "authentication_protocol": _of_authentication(_first("AuthenticationMethod")),
        "framed_ip_address": _of_session("address"),
        "auth_acs_timestamp": _of_authentication(lambda record: _render_instant(record.at)),
        "execution_steps": _of_authentication(lambda record: ",".join(record.all("Step"))),
        "response": _of_authentication(_first("Response")),
        "audit_session_id": _of_session("session_id"),
        "nas_port_id": _of_session("nas_port_id"),
        "posture_status": _of_authentication(_first("PostureAssessmentStatus")),
        "selected_azn_profiles": _of_session("profile"),
        "service_type": _of_authentication(_first("Service-Type")),
        "message_code": _of_authentication(lambda record: str(record.code)),
        "auth_acsview_timestamp": lambda known: _render_arrival(known.authentication),
        "identity_store": _of_authentication(_first("AuthenticationIdentityStore")),
        "location": _of_authentication(_group("Location")),
        "device_type": _of_authentication(_group("Device Type")),
        "response_time": _of_authentication(_first("RequestLatency")),
        "nas_ipv6_address": _of_latest(_first("NAS-IPv6-Address")),
        "framed_ipv6_address": _of_latest(lambda record: ",".join(record.all("Framed-IPv6-Address"))),
        "other_attr_string": lambda known: _render_others(known),
        "acct_acs_timestamp": _of_accounting(lambda record: _render_instant(record.at)),
        "acct_acsview_timestamp": lambda known: _render_arrival(known.accounting),
        "acct_session_id": _of_session("acct_session_id"),
        "acct_status_type": _of_accounting(_first("Acct-Status-Type")),
        "acct_session_time": _of_accounting(_first("Acct-Session-Time")),
        "acct_input_octets": _of_accounting(_octets("Input")),
        "acct_output_octets": _of_accounting(_octets("Output")),
        "acct_input_packets": _of_accounting(_first("Acct-Input-Packets")),
        "acct_output_packets": _of_accounting(_first("Acct-Output-Packets")),
        "acct_class": _of_accounting(_first("Class")),
        "acct_terminate_cause": _of_accounting(_first("Acct-Terminate-Cause")),
        "acct_multi_session_id": _of_accounting(_first("Acct-Multi-Session-Id")),
        "acct_authentic": _of_accounting(_first("Acct-Authentic")),
        "acct_interim_interval": _of_accounting(_first("Acct-Interim-Interval")),
        "acct_delay_time": _of_accounting(_first("Acct-Delay-Time")),
        "event_timestamp": _of_accounting(_first("Event-Timestamp")),
        "started": lambda known: "true" if known.session.started_at else "false",
        "stopped": lambda known: "true" if known.session.state is SessionState.TERMINATED else "false",
        "endpoint_policy": _of_authentication(_first("EndPointMatchedProfile")),
    }
)
"""The children of ``sessionParameters`` in the order of the schema, as far as records tell of them."""

_ELSEWHERE = frozenset(
    {
        "authenticationidentitystore",
        "authenticationmethod",
        "calling-station-id",
        "cisco-av-pair",
        "destinationipaddress",
        "device ip address",
        "framed-ip-address",
        "framed-ipv6-address",
        "identitygroup",
        "nas-ip-address",
        "nas-ipv6-address",
        "nas-port-id",
        "networkdevicename",
        "posturestatus",
        "requestlatency",
        "response",
        "selectedauthorizationprofiles",
        "service-type",
        "step",
        "username",
    }
)
"""Attributes that ``other_attr_string`` does not repeat, or renders in its own way."""


def render_session(session: MonitoredSession) -> bytes:
    """Render ``sessionParameters``."""
    known = _Known(session, recall_record(session.authentication_record), recall_record(session.accounting_record))
    root = Element("sessionParameters")
    for name, tell in _CHILDREN.items():
        if text := tell(known):
            SubElement(root, name, _BOOLEAN if name in ("passed", "failed") else {}).text = text
    return encode_document(root)


def render_version() -> bytes:
    """Render ``product``."""
    root = Element("product", {"name": PRODUCT})
    SubElement(root, "version").text = VERSION
    SubElement(root, "type_of_node").text = ACTIVE_MNT_NODE
    return encode_document(root)


def _render_others(known: _Known) -> str:
    """Render what has no child of its own, and the session's posture as it is now."""
    session = known.session
    record = known.authentication.record if known.authentication else None
    pairs = [pair for pair in record.attributes if pair[0].lower() not in _ELSEWHERE] if record else []
    pairs += [
        ("CiscoAVPair", ",".join(record.all("cisco-av-pair")) if record else ""),
        ("PostureStatus", session.posture_word),
        ("PosturePolicyMatched", session.posture_policy),
        ("PostureReport", session.posture_report),
        ("PostureAgentVersion", session.agent_version),
    ]
    return "".join(f"{SEPARATOR}{key}={value}" for key, value in pairs if value)


def _render_arrival(kept: KeptRecord | None) -> str:
    return _render_instant(kept.received_at) if kept else ""


def _render_instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds")
