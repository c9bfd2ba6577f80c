"""The records for MNT, as they arrive: names in the order of real lines (aaa-mnt.md 4.3), and never a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nac.posture import PostureStatus
from nac.syslog import SyslogRecord
from nac.syslog_catalogue import POSTURE_REPORT
from psn.config import AuthorizationRule
from radius import attribute, chap, mschap
from radius.packet import Attribute
from radius.server import Request
from tests.psn.response import parse_response

if TYPE_CHECKING:
    from tests.psn.bench import Bench, BuildBench

SESSION_ID = "7F000301000000010000ABCD"
CHALLENGE = bytes(range(16))


def get_record(bench: Bench) -> SyslogRecord:
    (record,) = bench.list_records()
    return record


def list_names(record: SyslogRecord) -> list[str]:
    return [name for name, _ in record.attributes]


def test_passed_authentication_has_the_names_of_real_lines_in_their_order(bench: Bench) -> None:
    bench.ask(*bench.mab())
    record = get_record(bench)
    assert (record.code, record.severity, record.message_class) == (5200, "NOTICE", "Passed-Authentication")
    assert (record.host, record.category, record.text) == (
        "psn1",
        "CISE_Passed_Authentications",
        "Authentication succeeded",
    )
    assert [name for name in list_names(record) if name != "Step"] == [
        "ConfigVersionId",
        "Device IP Address",
        "DestinationIPAddress",
        "DestinationPort",
        "UserName",
        "Protocol",
        "RequestLatency",
        "NetworkDeviceName",
        "User-Name",
        "Service-Type",
        "Calling-Station-ID",
        "NAS-IP-Address",
        "NAS-Port-Id",
        "NAS-Port-Type",
        "cisco-av-pair",
        "cisco-av-pair",
        "cisco-av-pair",
        "OriginalUserName",
        "NetworkDeviceProfileName",
        "NetworkDeviceProfileId",
        "IsThirdPartyDeviceFlow",
        "RadiusFlowType",
        "AcsSessionID",
        "AuthenticationIdentityStore",
        "AuthenticationMethod",
        "SelectedAccessService",
        "SelectedAuthorizationProfiles",
        "UseCase",
        "IdentityGroup",
        "SelectedAuthenticationIdentityStores",
        "AuthenticationStatus",
        "NetworkDeviceGroups",
        "IdentityPolicyMatchedRule",
        "AuthorizationPolicyMatchedRule",
        "CPMSessionID",
        "EndPointMACAddress",
        "PostureAssessmentStatus",
        "ISEPolicySetName",
        "PostureStatus",
        "Response",
    ]


def test_passed_authentication_tells_what_mnt_needs(bench: Bench) -> None:
    session = bench.authenticate()
    record = get_record(bench)
    expected = {
        "Device IP Address": "127.0.3.1",
        "DestinationIPAddress": "127.0.1.1",
        "DestinationPort": "1812",
        "UserName": "02-00-00-00-10-01",
        "OriginalUserName": "020000001001",
        "NetworkDeviceName": "switch1",
        "NetworkDeviceGroups": "Location#Vienna",
        "Service-Type": "Call-Check",
        "NAS-Port-Type": "Ethernet",
        "AcsSessionID": session.acs_session_id,
        "AuthenticationIdentityStore": "Internal Endpoints",
        "AuthenticationMethod": "Lookup",
        "SelectedAuthorizationProfiles": "Posture-Redirect",
        "UseCase": "Host Lookup",
        "IdentityGroup": "Workstations",
        "AuthorizationPolicyMatchedRule": "Posture pending",
        "CPMSessionID": SESSION_ID,
        "EndPointMACAddress": "02-00-00-00-10-01",
        "ISEPolicySetName": "Default",
    }
    assert {name: record.first(name) for name in expected} == expected
    steps = "11001 11017 15049 15008 11027 15041 15013 24209 24211 22037 15036 15016 11022 11002"
    assert record.all("Step") == steps.split()
    response = dict(parse_response(record.first("Response")))
    assert response["User-Name"] == "020000001001"
    assert response["Class"] == f"CACS:{SESSION_ID}:{session.acs_session_id}"
    assert response["LicenseTypes"] == "1"


@pytest.mark.parametrize(
    ("status", "assessment", "shown"),
    [
        (PostureStatus.UNKNOWN, "Pending", "Pending"),
        (PostureStatus.COMPLIANT, "NotApplicable", "Compliant"),
        (PostureStatus.NON_COMPLIANT, "NotApplicable", "NonCompliant"),
    ],
)
def test_status_is_pending_where_the_rule_awaits_posture(
    bench: Bench, status: PostureStatus, assessment: str, shown: str
) -> None:
    bench.authenticate()
    bench.set_status(status)
    bench.list_records()
    bench.authenticate()
    record = get_record(bench)
    assert (record.first("PostureAssessmentStatus"), record.first("PostureStatus")) == (assessment, shown)


def test_status_is_not_pending_where_no_rule_awaits_posture(build_bench: BuildBench) -> None:
    bench = build_bench(rules=(AuthorizationRule(name="all", profile="PermitAccess"),))
    bench.authenticate()
    record = get_record(bench)
    assert (record.first("PostureAssessmentStatus"), record.first("PostureStatus")) == ("NotApplicable", "Unknown")


def test_record_of_one_user_says_nothing_of_another(bench: Bench) -> None:
    """Method and groups differ although rule, profile and steps are the same."""
    bench.ask(*bench.pap("alice", "lab-alice", session_id="A"))
    bench.ask(*bench.pap("bob", "lab-bob", session_id="B"))
    response = chap.create_response(1, b"lab-alice", CHALLENGE)
    bench.ask(
        (attribute.USER_NAME, b"alice"),
        (attribute.CHAP_PASSWORD, response),
        (attribute.CHAP_CHALLENGE, CHALLENGE),
        bench.avpair("audit-session-id=C"),
    )
    assert [
        (line.first("UserName"), line.first("AuthenticationMethod"), line.all("IdentityGroup"))
        for line in bench.list_records()
    ] == [
        ("alice", "PAP_ASCII", ["Employees"]),
        ("bob", "PAP_ASCII", ["Contractors"]),
        ("alice", "CHAP/MD5", ["Employees"]),
    ]


def list_logins(bench: Bench, password: str) -> dict[str, list[Attribute]]:
    proper = mschap.hash_challenges(peer=CHALLENGE, authenticator=CHALLENGE, user_name=b"alice")
    proof = mschap.compute_nt_response(proper, mschap.hash_password(password))
    response = mschap.Response(identifier=3, peer_challenge=CHALLENGE, nt_response=proof)
    user: Attribute = (attribute.USER_NAME, b"alice")
    return {
        "PAP": bench.pap("alice", password),
        "CHAP": [
            user,
            (attribute.CHAP_PASSWORD, chap.create_response(1, password.encode(), CHALLENGE)),
            (attribute.CHAP_CHALLENGE, CHALLENGE),
        ],
        "MS-CHAPv2": [
            user,
            (attribute.MS_CHAP_CHALLENGE, CHALLENGE),
            (attribute.MS_CHAP2_RESPONSE, response.encode()),
        ],
        "MS-CHAP": [
            user,
            (attribute.MS_CHAP_CHALLENGE, CHALLENGE[:8]),
            (attribute.MS_CHAP_RESPONSE, bytes(26) + proof),
        ],
        "ARAP": [user, (attribute.ARAP_PASSWORD, password.encode())],
        "tunnel": [*bench.pap("alice", password), (attribute.TUNNEL_PASSWORD, b"\1\x80\1" + password.encode())],
    }


@pytest.mark.parametrize("password", ["lab-alice", "not-the-password"])
@pytest.mark.parametrize("method", ["PAP", "CHAP", "MS-CHAPv2", "MS-CHAP", "ARAP", "tunnel"])
def test_neither_password_nor_secret_is_ever_in_a_record_or_in_the_journal(
    bench: Bench, method: str, password: str
) -> None:
    attributes = list_logins(bench, password)[method]
    bench.ask(*attributes, bench.avpair(f"audit-session-id={SESSION_ID}"))
    (line,) = bench.collector.list_datagrams()
    journal = repr(list(bench.journal))
    for secret in (password, "lab-alice", "testing123", password.encode().hex(), CHALLENGE.hex()):
        assert secret not in line.decode()
        assert secret not in journal


def test_text_of_a_device_cannot_forge_a_record(bench: Bench) -> None:
    evil = "x\r\n<181>Jan 5 08:00:00 psn9 CISE_Passed_Authentications 1 1 0 , PostureStatus=Compliant, \\"
    bench.ask(*bench.mab(), bench.avpair(evil), (attribute.NAS_IDENTIFIER, evil.encode()))
    record = get_record(bench)
    assert record.host == "psn1"
    assert record.all("PostureStatus") == ["Pending"]
    assert record.first("NAS-Identifier") == evil.replace("\r\n", "??")


def test_failed_authentication_says_why(build_bench: BuildBench) -> None:
    bench = build_bench()
    bench.ask(*bench.pap("alice", "wrong"))
    record = get_record(bench)
    assert (record.code, record.category, record.message_class) == (5400, "CISE_Failed_Attempts", "Failed-Attempt")
    assert record.first("FailureReason") == "22040 Wrong password or invalid shared secret"
    assert record.first("UserName") == "alice"
    assert record.first("AuthenticationMethod") == "PAP_ASCII"
    assert record.first("NetworkDeviceName") == "switch1"


def test_attribute_without_a_value_is_in_no_record(bench: Bench) -> None:
    bench.ask()
    bench.audit.ship(POSTURE_REPORT, [("MacAddress", ""), ("UserName", "alice")])
    nameless, report = bench.list_records()
    assert nameless.first("FailureReason") == "11014 The request has no User-Name"
    assert {"AuthenticationMethod", "AuthorizationPolicyMatchedRule"}.isdisjoint(dict(nameless.attributes))
    assert report.attributes == (("UserName", "alice"),)


def test_accounting_record_names_session_device_and_everything_sent(bench: Bench) -> None:
    sent: list[Attribute] = [
        (attribute.USER_NAME, b"alice"),
        (attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, 1))),
        (attribute.ACCT_TERMINATE_CAUSE, bytes((0, 0, 0, 1))),
        bench.avpair(f"audit-session-id={SESSION_ID}"),
    ]
    bench.account(attribute.ACCT_STOP, *sent)
    record = get_record(bench)
    expected = {
        "Device IP Address": "127.0.3.1",
        "NetworkDeviceName": "switch1",
        "NetworkDeviceGroups": "Location#Vienna",
        "UserName": "alice",
        "User-Name": "alice",
        "Framed-IP-Address": "127.0.10.1",
        "Acct-Status-Type": "Stop",
        "Acct-Terminate-Cause": "User-Request",
        "CPMSessionID": SESSION_ID,
        "ISEPolicySetName": "Default",
    }
    assert {name: record.first(name) for name in expected} == expected
    assert record.all("Step") == ["11004", "11017", "15049", "15008", "22094", "11005"]


def test_every_exchange_has_an_acs_session_id_of_its_own(bench: Bench) -> None:
    for _ in range(2):
        bench.authenticate()
    bench.account(attribute.ACCT_START, bench.avpair(f"audit-session-id={SESSION_ID}"))
    ids = [record.first("AcsSessionID") for record in bench.list_records()]
    assert len(set(ids)) == 3
    assert [number.rpartition("/")[2] for number in ids] == ["1", "2", "3"]


def test_same_device_on_another_address_of_ours_is_described_anew(bench: Bench) -> None:
    request = bench.make_request(*bench.pap("alice", "lab-alice"))
    for received_on in (("127.0.1.1", 1812), ("127.0.1.1", 1645)):
        bench.access.handle(Request(request.packet, request.client, request.source, received_on))
    assert [record.first("DestinationPort") for record in bench.list_records()] == ["1812", "1645"]


def test_record_that_answers_no_request_holds_what_it_is_given(bench: Bench) -> None:
    bench.audit.ship(POSTURE_REPORT, [("MacAddress", "02-00-00-00-10-01"), ("PostureReport", "Baseline;Passed;(a:b)")])
    record = get_record(bench)
    assert record.code == 87000
    assert record.at == bench.clock.now()
    assert record.attributes == (("MacAddress", "02-00-00-00-10-01"), ("PostureReport", "Baseline;Passed;(a:b)"))
