"""What the REST API answers, as XML (aaa-mnt.md 6.1, posture.md 1.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnt.session import MonitoredSession
from mnt.session_directory import SessionDirectory
from mnt.session_xml import render_session, render_version
from nac.syslog import SyslogRecord

Maker = Callable[..., SyslogRecord]
MAC = "02:00:00:00:10:01"
PASSED = (
    ("Device IP Address", "127.0.3.1"),
    ("DestinationIPAddress", "127.0.1.1"),
    ("UserName", "02-00-00-00-10-01"),
    ("NetworkDeviceName", "switch1"),
    ("NAS-IP-Address", "127.0.3.9"),
    ("NAS-Port-Id", "GigabitEthernet1/0/1"),
    ("Service-Type", "Call Check"),
    ("Calling-Station-ID", "02-00-00-00-10-01"),
    ("Framed-IP-Address", "127.0.10.1"),
    ("cisco-av-pair", "method=mab"),
    ("cisco-av-pair", "service-type=Call Check"),
    ("RequestLatency", "0"),
    ("AuthenticationIdentityStore", "Internal Endpoints"),
    ("AuthenticationMethod", "Lookup"),
    ("SelectedAuthorizationProfiles", "Full-Access"),
    ("UseCase", "Host Lookup"),
    ("IdentityGroup", "Workstation"),
    ("Step", "11001"),
    ("Step", "11002"),
    ("NetworkDeviceGroups", "Location#All Locations#Lab"),
    ("NetworkDeviceGroups", "Device Type#All Device Types"),
    ("AuthorizationPolicyMatchedRule", "Compliant"),
    ("PostureAssessmentStatus", "NotApplicable"),
    ("PostureStatus", "Compliant"),
    ("Response", "{Class=CACS:X; }"),
)
STOPPED = {
    "Acct_Status_Type": "Stop",
    "Acct_Session_Id": "00000001",
    "Acct_Session_Time": "60",
    "Acct_Input_Octets": "7",
    "Acct_Input_Gigawords": "1",
    "Acct_Input_Packets": "3",
    "Acct_Terminate_Cause": "User Request",
    "Acct_Delay_Time": "0",
}


def build_session(*records: SyslogRecord, now: datetime) -> MonitoredSession:
    directory = SessionDirectory()
    for later, record in enumerate(records):
        directory.apply(record, now + timedelta(seconds=later))
    (session,) = directory
    return session


def parse(xml: bytes) -> dict[str, str]:
    root = ElementTree.fromstring(xml)
    assert root.tag == "sessionParameters"
    return {child.tag: child.text or "" for child in root}


def test_a_session_is_told_in_the_order_of_the_schema(record: Maker, now: datetime, session_id: str) -> None:
    told = parse(render_session(build_session(record(5200, *PASSED), now=now)))
    assert told.pop("other_attr_string").startswith(":!:")
    assert list(told.items()) == [
        ("passed", "true"),
        ("failed", "false"),
        ("user_name", "02-00-00-00-10-01"),
        ("nas_ip_address", "127.0.3.9"),
        ("calling_station_id", MAC),
        ("orig_calling_station_id", "02-00-00-00-10-01"),
        ("cpmsession_id", session_id),
        ("destination_ip_address", "127.0.1.1"),
        ("device_ip_address", "127.0.3.1"),
        ("identity_group", "Workstation"),
        ("network_device_name", "switch1"),
        ("acs_server", "psn1"),
        ("authentication_method", "mab"),
        ("authentication_protocol", "Lookup"),
        ("framed_ip_address", "127.0.10.1"),
        ("auth_acs_timestamp", "2026-01-05T08:00:00.000+00:00"),
        ("execution_steps", "11001,11002"),
        ("response", "{Class=CACS:X; }"),
        ("audit_session_id", session_id),
        ("nas_port_id", "GigabitEthernet1/0/1"),
        ("posture_status", "NotApplicable"),
        ("selected_azn_profiles", "Full-Access"),
        ("service_type", "Call Check"),
        ("message_code", "5200"),
        ("auth_acsview_timestamp", "2026-01-05T08:00:00.000+00:00"),
        ("identity_store", "Internal Endpoints"),
        ("location", "All Locations#Lab"),
        ("device_type", "All Device Types"),
        ("response_time", "0"),
        ("started", "false"),
        ("stopped", "false"),
    ]


def test_the_typed_children_declare_their_types_themselves(record: Maker, now: datetime) -> None:
    xml = render_session(build_session(record(5200), now=now)).decode()
    assert xml.startswith('<?xml version="1.0" encoding="UTF-8" standalone="yes"?><sessionParameters><passed xsi:type=')
    assert (
        '<passed xsi:type="xs:boolean" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">true</passed>'
    ) in xml


def test_posture_stands_in_two_places_that_differ(record: Maker, now: datetime) -> None:
    report = record(87000, MacAddress=MAC, PostureStatus="NonCompliant", PostureAgentVersion="5.1.18.314")
    told = parse(render_session(build_session(record(5200, *PASSED), report, now=now)))
    assert told["posture_status"] == "NotApplicable"
    pairs = told["other_attr_string"].split(":!:")
    assert pairs[0] == ""
    assert [pair for pair in pairs if pair.startswith("Posture")] == [
        "PostureAssessmentStatus=NotApplicable",
        "PostureStatus=NonCompliant",
        "PostureAgentVersion=5.1.18.314",
    ]
    assert "CiscoAVPair=method=mab,service-type=Call Check" in pairs
    assert "AuthorizationPolicyMatchedRule=Compliant" in pairs


def test_the_last_accounting_record_is_told(record: Maker, now: datetime) -> None:
    records = record(5200, *PASSED), record(3000), record(3001, host="psn2", **STOPPED)
    told = parse(render_session(build_session(*records, now=now)))
    assert list(told.items())[-11:] == [
        ("acct_acs_timestamp", "2026-01-05T08:00:00.000+00:00"),
        ("acct_acsview_timestamp", "2026-01-05T08:00:02.000+00:00"),
        ("acct_session_id", "00000001"),
        ("acct_status_type", "Stop"),
        ("acct_session_time", "60"),
        ("acct_input_octets", str((1 << 32) + 7)),
        ("acct_input_packets", "3"),
        ("acct_terminate_cause", "User Request"),
        ("acct_delay_time", "0"),
        ("started", "true"),
        ("stopped", "true"),
    ]
    assert told["acs_server"] == "psn1"


def test_addresses_of_the_sixth_version_stand_behind_the_response_time(record: Maker, now: datetime) -> None:
    addresses = (("NAS-IPv6-Address", "2001:db8::1"), ("Framed-IPv6-Address", "2001:db8::5"))
    more = (("Framed-IPv6-Address", "2001:db8::5"), ("Framed-IPv6-Address", "fe80::5"))
    told = parse(render_session(build_session(record(5200, *PASSED, *addresses), record(3000, *more), now=now)))
    names = list(told)
    at = names.index("response_time")
    assert names[at : at + 4] == ["response_time", "nas_ipv6_address", "framed_ipv6_address", "other_attr_string"]
    assert (told["nas_ipv6_address"], told["framed_ipv6_address"]) == ("2001:db8::1", "2001:db8::5,fe80::5")
    assert "IPv6" not in told["other_attr_string"]


def test_a_later_authentication_tells_its_addresses(record: Maker, now: datetime) -> None:
    records = [record(5200, Framed_IPv6_Address="::1"), record(3000, Framed_IPv6_Address="::2")]
    for framed in ("::2", "::3"):
        assert parse(render_session(build_session(*records, now=now)))["framed_ipv6_address"] == framed
        records.append(record(5200, Framed_IPv6_Address="::3"))


@pytest.mark.parametrize(
    ("attributes", "method"),
    [({"RadiusFlowType": "Wired802_1x", "AuthenticationMethod": "x509_PKI"}, "dot1x"), ({}, "PAP_ASCII")],
)
def test_the_method_is_the_kind_of_access(
    record: Maker, now: datetime, attributes: dict[str, str], method: str
) -> None:
    passed = record(5200, **({"AuthenticationMethod": "PAP_ASCII"} | attributes))
    assert parse(render_session(build_session(passed, now=now)))["authentication_method"] == method


def test_a_session_never_authenticated_neither_passed_nor_failed(now: datetime, record: Maker) -> None:
    directory = SessionDirectory(accounting_creates_sessions=True)
    directory.apply(record(3002, Acct_Status_Type="Interim-Update"), now)
    (session,) = directory
    told = parse(render_session(session))
    assert told["acct_status_type"] == "Interim-Update"
    assert not {"passed", "failed", "acs_server"} & told.keys()


@given(value=st.text(st.characters(codec="utf-8")), key=st.text(st.characters(codec="utf-8"), min_size=1))
def test_whatever_a_record_holds_the_answer_is_xml(record: Maker, now: datetime, key: str, value: str) -> None:
    passed = record(5200, (key, value), UserName=value, Response=value, Calling_Station_ID=value)
    parse(render_session(build_session(passed, now=now)))


def test_the_version_names_an_active_monitoring_node() -> None:
    root = ElementTree.fromstring(render_version())
    assert (root.tag, root.attrib) == ("product", {"name": "Cisco Identity Services Engine"})
    assert [(child.tag, child.text) for child in root] == [("version", "3.5.0.223"), ("type_of_node", "1")]
