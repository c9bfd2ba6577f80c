"""The live log and the accounting report (aaa-mnt.md 7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from mnt.live_log import LiveLog, LiveLogStatus
from nac.syslog import SyslogRecord

Maker = Callable[..., SyslogRecord]


def test_a_passed_authentication_is_a_green_row(record: Maker, now: datetime, session_id: str) -> None:
    log = LiveLog()
    passed = record(
        5200,
        ("SelectedAuthorizationProfiles", "Posture-Redirect"),
        ("SelectedAuthorizationProfiles", "Voice"),
        UserName="02-00-00-00-10-01",
        Calling_Station_ID="02-00-00-00-10-01",
        NetworkDeviceName="switch1",
        NAS_Port_Id="GigabitEthernet1/0/1",
        ISEPolicySetName="Default",
        IdentityPolicyMatchedRule="MAB",
        AuthorizationPolicyMatchedRule="Posture pending",
        AuthenticationMethod="Lookup",
        PostureStatus="Unknown",
    )
    log.add(passed, now)
    (row,) = log.rows
    assert (row.at, row.status, row.server, row.session_id) == (now, LiveLogStatus.PASS, "psn1", session_id)
    assert (row.identity, row.endpoint_id) == ("02-00-00-00-10-01", "02:00:00:00:10:01")
    assert (row.authentication_policy, row.authorization_policy) == ("Default >> MAB", "Posture pending")
    assert row.authorization_profiles == "Posture-Redirect, Voice"
    assert (row.network_device, row.device_port, row.auth_method) == ("switch1", "GigabitEthernet1/0/1", "Lookup")
    assert (row.event, row.posture_status) == ("5200 Authentication succeeded", "Pending")


def test_a_failure_is_a_red_row_with_its_reason(record: Maker, now: datetime) -> None:
    log = LiveLog()
    log.add(record(5400, UserName="bob", FailureReason="22040 Wrong password", NAS_IP_Address="127.0.3.1"), now)
    (row,) = log.rows
    assert (row.status, row.failure_reason) == (LiveLogStatus.FAIL, "22040 Wrong password")
    assert (row.network_device, row.posture_status, row.authentication_policy) == ("127.0.3.1", "", "")


def test_a_dropped_request_is_a_red_row_without_a_session(record: Maker, now: datetime) -> None:
    log = LiveLog()
    drop = {"Device IP Address": "127.0.3.9", "FailureReason": "11007 No network device has this source address"}
    log.add(record(5405, *drop.items(), session_id=""), now)
    log.add(record(5413, *drop.items(), session_id=""), now)
    assert [(row.status, row.event) for row in log.rows] == [
        (LiveLogStatus.FAIL, "5405 RADIUS Request dropped"),
        (LiveLogStatus.FAIL, "5413 RADIUS Accounting-Request dropped"),
    ]
    row = log.rows[0]
    assert (row.network_device, row.session_id, row.endpoint_id) == ("127.0.3.9", "", "")
    assert row.failure_reason.startswith("11007 ")


def test_where_posture_plays_no_role_the_row_says_so(record: Maker, now: datetime) -> None:
    log = LiveLog()
    log.add(record(5200, PostureStatus="Unknown", PostureAssessmentStatus="NotApplicable"), now)
    assert log.rows[0].posture_status == "NotApplicable"


def test_a_dacl_download_has_the_acl_as_identity_and_no_endpoint(record: Maker, now: datetime) -> None:
    log = LiveLog()
    log.add(record(5232, UserName="#ACSACL#-IP-PERMIT-ALL-65b4e8fb", session_id=""), now)
    (row,) = log.rows
    assert (row.identity, row.endpoint_id, row.session_id) == ("#ACSACL#-IP-PERMIT-ALL-65b4e8fb", "", "")
    assert row.event == "5232 DACL Download Succeeded"


def test_a_vpn_client_without_mac_is_shown_by_its_calling_station(record: Maker, now: datetime) -> None:
    log = LiveLog()
    log.add(record(5200, Calling_Station_ID="192.0.2.7"), now)
    assert log.rows[0].endpoint_id == "192.0.2.7"


def test_a_row_keeps_the_status_of_its_authentication(record: Maker, now: datetime) -> None:
    log = LiveLog()
    log.add(record(5200, PostureStatus="Unknown"), now)
    log.add(record(87000, PostureStatus="Compliant"), now)
    assert [row.posture_status for row in log.rows] == ["Pending"]


def test_accounting_has_a_report_of_its_own(record: Maker, now: datetime, session_id: str) -> None:
    log = LiveLog()
    for code, kind, host in ((3000, "Start", "psn1"), (3002, "Interim-Update", "psn2"), (3001, "Stop", "psn2")):
        log.add(record(code, host=host, Acct_Status_Type=kind, User_Name="alice", Acct_Session_Id="00000053"), now)
    assert [(row.acct_status_type, row.server) for row in log.accounting] == [
        ("Start", "psn1"),
        ("Interim-Update", "psn2"),
        ("Stop", "psn2"),
    ]
    row = log.accounting[0]
    assert (row.identity, row.session_id, row.acct_session_id) == ("alice", session_id, "00000053")
    assert not log.rows


def test_the_lists_are_bounded(record: Maker, now: datetime) -> None:
    log = LiveLog(limit=2)
    for name in ("a", "b", "c"):
        log.add(record(5200, UserName=name), now)
        log.add(record(3000, UserName=name), now)
    assert [row.identity for row in log.rows] == ["b", "c"]
    assert [row.identity for row in log.accounting] == ["b", "c"]


def test_a_view_is_plain(record: Maker, now: datetime) -> None:
    log = LiveLog()
    log.add(record(5200, UserName="alice"), now)
    log.add(record(3000, UserName="alice"), now)
    view = json.loads(json.dumps(log.snapshot()))
    assert (view["live_log"][0]["at"], view["live_log"][0]["status"]) == (now.isoformat(), "pass")
    assert view["accounting"][0]["identity"] == "alice"
