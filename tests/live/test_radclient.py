"""radclient and radtest of FreeRADIUS against a running node; both verify every reply before they show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nac.posture import PostureStatus

if TYPE_CHECKING:
    from tests.live.conftest import House, LossyRelay, Outcome

SESSION_ID = "7F000301000000010000ABCD"
SIGNED = "Message-Authenticator = 0x00\n"
ALICE = 'User-Name = "alice"\nUser-Password = "lab-alice"\n'
MAB = (
    'User-Name = "020000001001"\nUser-Password = "020000001001"\nService-Type = Call-Check\n'
    'Calling-Station-Id = "02-00-00-00-10-01"\nNAS-IP-Address = 127.0.3.1\nNAS-Port-Type = Ethernet\n'
    f'Cisco-AVPair = "audit-session-id={SESSION_ID}"\nCisco-AVPair += "method=mab"\n{SIGNED}'
)
RFC_2759 = (
    'User-Name = "User"\nMS-CHAP-Challenge = 0x5b5d7c7d7b3f2f3e3c2c602132262628\n'
    f"MS-CHAP2-Response = 0x0700{'21402324255e262a28295f2b3a337c7e'}{'00' * 8}"
    f"82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df\n{SIGNED}"
)
"""The example of section 9.2."""


def check(outcome: Outcome, *words: str) -> None:
    """Expect success, and these words in this order."""
    assert outcome.status == 0, outcome.output
    at = 0
    for word in words:
        assert word in outcome.output[at:], outcome.output
        at = outcome.output.index(word, at)


@pytest.mark.parametrize("port", ["authentication", "authentication-legacy"])
@pytest.mark.parametrize("signature", [SIGNED, ""], ids=["signed", "unsigned"])
async def test_pap_is_accepted_on_both_ports(house: House, port: str, signature: str) -> None:
    outcome = await house.radclient("auth", ALICE + signature, port=port)
    check(outcome, "Received Access-Accept", "Message-Authenticator", 'User-Name = "alice"', "Class = 0x43414353")


async def test_wrong_password_is_rejected(house: House) -> None:
    outcome = await house.radclient("auth", ALICE.replace("lab-alice", "wrong") + SIGNED)
    assert outcome.status == 1
    assert "Received Access-Reject" in outcome.output
    (record,) = house.list_records("access-reject")
    assert record.facts["failure"] == 22040


async def test_chap_is_accepted(house: House) -> None:
    check(await house.radclient("auth", f'User-Name = "alice"\nCHAP-Password = "lab-alice"\n{SIGNED}'), "Access-Accept")
    (session,) = house.node.sessions
    assert session.method == "CHAP/MD5"


async def test_mschap_v2_is_accepted_with_the_proof_of_the_rfc(house: House) -> None:
    outcome = await house.radclient("auth", RFC_2759)
    proof = b"\x07S=407A5589115FD0D6209F510FE9C04566932CDA56".hex()
    check(outcome, "Received Access-Accept", f"MS-CHAP2-Success = 0x{proof}")


@pytest.mark.parametrize(
    ("password", "status", "answer"), [("lab-alice", 0, "Access-Accept"), ("x", 1, "Access-Reject")]
)
@pytest.mark.parametrize(("type_", "method"), [("pap", "PAP_ASCII"), ("chap", "CHAP/MD5"), ("mschap", "MSCHAPV1")])
async def test_radtest_is_answered(
    house: House, type_: str, method: str, password: str, status: int, answer: str
) -> None:
    outcome = await house.radtest("-t", type_, "alice", password)
    assert outcome.status == status, outcome.output
    assert f"Received {answer}" in outcome.output
    event = "access-accept" if status == 0 else "access-reject"
    assert [record.facts["method"] for record in house.list_records(event)] == [method]


async def test_mab_is_accepted_with_what_redirects_the_endpoint(house: House) -> None:
    check(
        await house.radclient("auth", MAB),
        "Received Access-Accept",
        'User-Name = "020000001001"',
        'Cisco-AVPair = "ACS:CiscoSecure-Defined-ACL=#ACSACL#-IP-POSTURE-PENDING-65b4f5cb"',
        'Cisco-AVPair = "url-redirect-acl=ACL-POSTURE-REDIRECT"',
        f'Cisco-AVPair = "url-redirect=https://psn1.lab.test:{house.node.ports["portal"]}/portal/gateway'
        f"?sessionId={SESSION_ID}&portal=",
        "&action=cpp&token=",
    )
    (session,) = house.node.sessions
    assert (session.session_id, session.posture_status) == (SESSION_ID, PostureStatus.UNKNOWN)


async def test_dacl_is_downloaded(house: House) -> None:
    request = 'User-Name = "#ACSACL#-IP-POSTURE-PENDING-65b4f5cb"\nCisco-AVPair = "aaa:event=acl-download"\n'
    check(await house.radclient("auth", request + SIGNED), 'Cisco-AVPair = "ip:inacl#1=deny ip any any"')
    assert (await house.radclient("auth", request)).status == 1
    (record,) = house.list_records("dacl-reject")
    assert record.facts["failure"] == 11024


@pytest.mark.parametrize("port", ["accounting", "accounting-legacy"])
async def test_accounting_is_answered_from_start_to_stop(house: House, port: str) -> None:
    await house.radclient("auth", MAB)
    (session,) = house.node.sessions
    for status in ("Start", "Interim-Update", "Stop"):
        assert len(house.node.sessions) == 1
        request = (
            f'Acct-Status-Type = {status}\nAcct-Session-Id = "00000053"\nFramed-IP-Address = 127.0.10.1\n'
            f'Cisco-AVPair = "audit-session-id={SESSION_ID}"\nCalling-Station-Id = "02-00-00-00-10-01"\n'
        )
        check(await house.radclient("acct", request, port=port), "Received Accounting-Response")
    assert session.addresses == ("127.0.10.1",)
    assert len(house.node.sessions) == 0


@pytest.mark.parametrize(
    ("port", "answer"),
    [
        ("authentication", "Access-Accept"),
        ("authentication-legacy", "Access-Accept"),
        ("accounting", "Accounting-Response"),
        ("accounting-legacy", "Accounting-Response"),
    ],
)
async def test_status_server_is_answered_on_every_port(house: House, port: str, answer: str) -> None:
    check(await house.radclient("status", SIGNED, port=port), "Sent Status-Server", f"Received {answer}")
    assert len(house.node.sessions) == 0


async def test_request_repeated_because_its_reply_was_lost_is_answered_from_the_cache(
    house: House, relay: LossyRelay
) -> None:
    outcome = await house.radclient("auth", ALICE + SIGNED, to=relay.address, options=("-r", "20", "-t", "0.5"))
    check(outcome, "Received Access-Accept")
    assert len(relay.requests) > 1
    assert (len(set(relay.requests)), len(set(relay.replies))) == (1, 1)
    assert len(house.list_records("radius-duplicate")) == len(relay.requests) - 1
    assert len(house.list_records("access-accept")) == 1
    assert len(house.node.sessions) == 1


@pytest.mark.parametrize(
    ("command", "attributes", "port", "words"),
    [
        ("auth", ALICE + SIGNED, "authentication", "its Message-Authenticator does not match"),
        ("auth", ALICE, "authentication", "the password came out unreadable"),
        ("acct", "Acct-Status-Type = Start\n", "accounting", "its Request Authenticator does not match"),
        ("status", SIGNED, "accounting", "its Message-Authenticator does not match"),
    ],
    ids=["signed", "unsigned", "accounting", "status"],
)
async def test_wrong_secret_is_met_with_silence_and_a_line_that_helps(
    house: House, command: str, attributes: str, port: str, words: str
) -> None:
    options = ("-r", "1", "-t", "0.1")
    outcome = await house.radclient(command, attributes, port=port, secret="wrong", options=options)
    assert outcome.status == 1
    assert "Received" not in outcome.output
    (record,) = house.list_records("radius-drop")
    assert record.reason.startswith(words)
    assert "the shared secret of 127.0.0.1 is probably not the one of client 'lab' (127.0.0.0/8)" in record.reason
    assert "set the same secret on the device and in radius.clients of the topology" in record.reason


async def test_proxy_state_comes_back_unchanged_in_its_order(house: House) -> None:
    states = "Proxy-State = 0x6f75746572\nProxy-State += 0x696e6e6572\n"
    for command, port, attributes in (
        ("auth", "authentication", ALICE + SIGNED),
        ("acct", "accounting", "Acct-Status-Type = Start\n"),
    ):
        outcome = await house.radclient(command, attributes + states, port=port)
        check(outcome, "Received", "Proxy-State = 0x6f75746572", "Proxy-State = 0x696e6e6572")


async def test_many_requests_at_once_are_all_answered(house: House) -> None:
    outcome = await house.radclient("auth", ALICE + SIGNED, options=("-c", "200", "-p", "20", "-s", "-t", "5"))
    check(outcome, "Accepted      : 200", "Rejected      : 0", "Lost          : 0")
    assert len(house.node.sessions) == 200
