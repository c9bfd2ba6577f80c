"""From an Access-Request to a session, a decision and a reply; and what a request that is refused gets instead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nac.posture import PostureStatus
from psn.config import AuthorizationRule
from psn.posture.initial_status import POSTURE_EXPIRY
from psn.posture.policy import PostureSettings
from radius import attribute, mschap
from radius.packet import Attribute, Code, Packet, integer
from radius.secret import Secret

if TYPE_CHECKING:
    from tests.psn.bench import Bench, BuildBench

MAC, OTHER_MAC = "02:00:00:00:10:01", "02:00:00:00:10:02"
SESSION_ID = "7F000301000000010000ABCD"
CHALLENGE = bytes(range(16))
PERMIT_ALL = (AuthorizationRule(name="all", profile="PermitAccess"),)


def get_reply(reply: Packet | None, code: Code) -> Packet:
    assert reply is not None
    assert reply.code == code
    return reply


def list_pairs(packet: Packet) -> list[str]:
    return packet.list_text(attribute.CISCO_AVPAIR)


def answer_challenge(password: str, challenge: bytes = CHALLENGE) -> list[Attribute]:
    """List the MS-CHAPv2 attributes of alice."""
    proper = mschap.hash_challenges(peer=CHALLENGE, authenticator=challenge, user_name=b"alice")
    proof = mschap.compute_nt_response(proper, mschap.hash_password(password))
    response = mschap.Response(identifier=3, peer_challenge=CHALLENGE, nt_response=proof)
    return [
        (attribute.USER_NAME, b"alice"),
        (attribute.MS_CHAP_CHALLENGE, challenge),
        (attribute.MS_CHAP2_RESPONSE, response.encode()),
    ]


def test_endpoint_whose_posture_is_unknown_is_redirected(bench: Bench) -> None:
    reply = get_reply(bench.ask(*bench.mab()), Code.ACCESS_ACCEPT)
    session = bench.sessions.peek(SESSION_ID)
    assert session is not None
    dacl, acl, url = list_pairs(reply)
    assert dacl == "ACS:CiscoSecure-Defined-ACL=#ACSACL#-IP-Posture-Redirect-65b4f5cb"
    assert acl == "url-redirect-acl=ACL-POSTURE-REDIRECT"
    assert url.startswith(f"url-redirect=https://psn1.lab.test:8443/portal/gateway?sessionId={SESSION_ID}&portal=")
    assert url.endswith(f"&action=cpp&token={session.token}")
    assert len(session.token) == 32
    assert reply.text(attribute.USER_NAME) == "020000001001"
    assert reply.text(attribute.CLASS) == f"CACS:{SESSION_ID}:{session.acs_session_id}"


def test_reauthentication_keeps_session_status_and_token(bench: Bench) -> None:
    session = bench.authenticate()
    created_at, token = session.created_at, session.token
    bench.clock.advance(minutes=1)
    assert bench.authenticate() is session
    assert session.token == token
    assert (session.created_at, session.updated_at) == (created_at, created_at + timedelta(minutes=1))
    assert session.authenticated_at == session.updated_at
    assert [record.facts["known_session"] for record in bench.list_events("access-accept")] == [False, True]


@pytest.mark.parametrize(
    ("status", "rule", "profile"),
    [
        (PostureStatus.COMPLIANT, "Compliant", "Full-Access"),
        (PostureStatus.NON_COMPLIANT, "NonCompliant", "Quarantine"),
    ],
)
def test_reauthentication_after_posture_gets_the_profile_of_the_status_and_no_redirect(
    bench: Bench, status: PostureStatus, rule: str, profile: str
) -> None:
    session = bench.authenticate()
    bench.set_status(status)
    reply = get_reply(bench.ask(*bench.mab()), Code.ACCESS_ACCEPT)
    assert list_pairs(reply) == [f"ACS:CiscoSecure-Defined-ACL=#ACSACL#-IP-{profile}-65b4f5cb"]
    assert (session.rule, session.profile, session.posture_status) == (rule, profile, status)
    assert not session.awaits_posture


def test_another_session_id_is_another_session_with_a_status_of_its_own(bench: Bench) -> None:
    bench.authenticate()
    bench.set_status(PostureStatus.COMPLIANT)
    assert bench.authenticate(session_id="B").posture_status is PostureStatus.UNKNOWN


def test_session_known_from_accounting_alone_gets_what_authentication_adds(bench: Bench) -> None:
    bench.account(attribute.ACCT_INTERIM_UPDATE, bench.avpair(f"audit-session-id={SESSION_ID}"))
    poor = bench.sessions.peek(SESSION_ID)
    session = bench.authenticate()
    assert session is poor
    assert (session.mac, session.groups, session.posture_status) == (MAC, ("Workstations",), PostureStatus.UNKNOWN)
    assert bench.sessions.find_by_mac([MAC]) is session


def test_endpoint_within_its_lease_begins_compliant(build_bench: BuildBench) -> None:
    bench = build_bench(posture=PostureSettings(lease_days=1))
    bench.endpoints.set_attribute(MAC, POSTURE_EXPIRY, str(int(bench.clock.now().timestamp() * 1000)))
    bench.clock.advance(hours=24)
    assert bench.authenticate(session_id="A").profile == "Full-Access"
    assert bench.authenticate(mac=OTHER_MAC, session_id="B").profile == "Posture-Redirect"
    bench.clock.advance(seconds=1)
    assert bench.authenticate(session_id="C").profile == "Posture-Redirect"


def test_device_that_sends_no_session_id_gets_one_made_here(bench: Bench) -> None:
    for _ in range(2):
        get_reply(bench.ask(*bench.pap("alice", "lab-alice", session_id=None)), Code.ACCESS_ACCEPT)
    ids = [session.session_id for session in bench.sessions]
    assert len(ids) == 2
    assert {session_id[:8] for session_id in ids} == {"7f000001"}


def test_address_of_the_endpoint_is_taken_where_the_device_tells_it(bench: Bench) -> None:
    bench.ask(*bench.mab(), (attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, 1))))
    session = bench.sessions.find_by_address(["127.0.10.1"])
    assert session is not None
    bench.authenticate()
    assert session.addresses == ("127.0.10.1",)


def test_device_is_known_by_its_source_where_it_does_not_name_itself(bench: Bench) -> None:
    bench.ask(*bench.pap("alice", "lab-alice"))
    session = bench.sessions.peek(SESSION_ID)
    assert session is not None
    assert (session.nad, session.device_ip, session.nas_ip) == ("switch1", "127.0.3.1", "127.0.3.1")


def test_mschap_accept_carries_the_proof_of_the_server(bench: Bench) -> None:
    reply = get_reply(bench.ask(*answer_challenge("lab-alice")), Code.ACCESS_ACCEPT)
    assert (reply.octets(attribute.MS_CHAP2_SUCCESS) or b"")[:3] == b"\3S="


@pytest.mark.parametrize(
    ("attributes", "failure"),
    [
        ([(attribute.USER_NAME, b"alice"), (attribute.USER_PASSWORD, b"wrong")], 22040),
        ([(attribute.USER_NAME, b"nobody"), (attribute.USER_PASSWORD, b"wrong")], 22056),
        ([(attribute.USER_NAME, b"eve"), (attribute.USER_PASSWORD, b"lab-eve")], 24206),
        ([(attribute.USER_NAME, b"alice")], 11014),
        ([(attribute.NAS_PORT, integer(1))], 11014),
        (
            [(attribute.USER_NAME, b"0200"), (attribute.SERVICE_TYPE, integer(attribute.SERVICE_CALL_CHECK))],
            11008,
        ),
    ],
)
def test_failure_is_a_reject_with_a_reason_of_the_catalogue_and_no_session(
    bench: Bench, attributes: list[Attribute], failure: int
) -> None:
    reply = get_reply(bench.ask(*attributes), Code.ACCESS_REJECT)
    assert [type_ for type_, _ in reply.attributes] == [attribute.MESSAGE_AUTHENTICATOR]
    assert len(bench.sessions) == 0
    (record,) = bench.list_events("access-reject")
    assert record.facts["failure"] == failure
    (line,) = bench.list_records()
    assert line.code == 5400
    assert line.first("FailureReason").startswith(f"{failure} ")


def test_refusal_by_the_profile_names_the_rule_and_keeps_a_known_session(build_bench: BuildBench) -> None:
    deny = AuthorizationRule(name="Closed", profile="DenyAccess")
    bench = build_bench(rules=(deny,))
    bench.account(attribute.ACCT_INTERIM_UPDATE, bench.avpair(f"audit-session-id={SESSION_ID}"))
    bench.list_records()
    get_reply(bench.ask(*bench.mab()), Code.ACCESS_REJECT)
    (record,) = bench.list_events("access-reject")
    assert (record.facts["failure"], record.facts["rule"]) == (15039, "Closed")
    (line,) = bench.list_records()
    assert line.first("AuthorizationPolicyMatchedRule") == "Closed"
    assert bench.sessions.peek(SESSION_ID) is not None


@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_password_made_unreadable_by_another_secret_gets_silence_and_a_line_that_helps(bench: Bench, user: str) -> None:
    """Without Message-Authenticator nothing else can tell; FreeRADIUS warns in the same way."""
    assert bench.ask(*bench.pap(user, "lab-alice"), sign=False, secret=Secret("wrong")) is None
    (record,) = bench.list_events("radius-drop")
    assert "shared secret of 127.0.3.1 is probably not the one of client 'switch1'" in record.reason
    assert "set the same secret on the device and in radius.clients" in record.reason
    assert record.facts == {"drop": "not-authentic", "user": user, "address": "127.0.3.1"}
    assert bench.list_records() == []


def test_unreadable_password_in_a_signed_request_is_a_wrong_password(bench: Bench) -> None:
    """The signature proves the secret; somebody has typed in another character set."""
    latin = (attribute.USER_PASSWORD, "p\u00e4sswort".encode("latin-1"))
    get_reply(bench.ask((attribute.USER_NAME, b"alice"), latin), Code.ACCESS_REJECT)


def test_eap_is_refused_with_the_failure_of_its_identifier(bench: Bench) -> None:
    """RFC 3579 section 2.6.2: a Reject holds EAP-Failure."""
    identity = (attribute.EAP_MESSAGE, b"\2\x2a\0\x0a\1alice")
    reply = get_reply(bench.ask((attribute.USER_NAME, b"alice"), identity), Code.ACCESS_REJECT)
    assert reply.list_octets(attribute.EAP_MESSAGE) == [b"\4\x2a\0\4"]
    (record,) = bench.list_events("access-reject")
    assert record.reason == "11014 EAP is not spoken by this node"


def test_eap_is_refused_also_where_the_user_name_is_the_endpoint(bench: Bench) -> None:
    """RFC 3579: an Accept of EAP would have to hold EAP-Success, so a host lookup must not answer it."""
    eap = (attribute.EAP_MESSAGE, b"\2\x2a\0\x0a\1alice")
    reply = get_reply(bench.ask(*bench.mab(), eap, sign=True), Code.ACCESS_REJECT)
    assert reply.list_octets(attribute.EAP_MESSAGE) == [b"\4\x2a\0\4"]


def test_two_kinds_of_credentials_are_refused(bench: Bench) -> None:
    """RFC 3579 section 3.3: exactly one of them."""
    both = [(attribute.USER_PASSWORD, b"lab-alice"), (attribute.CHAP_PASSWORD, bytes(17))]
    get_reply(bench.ask((attribute.USER_NAME, b"alice"), *both), Code.ACCESS_REJECT)
    (record,) = bench.list_events("access-reject")
    assert "more than one kind of credentials" in record.reason


def test_reauthentication_with_our_state_finds_its_session_where_the_device_sends_no_id(bench: Bench) -> None:
    """aaa-mnt.md 1.7: State ties the re-authentication to the session."""
    user = [(attribute.USER_NAME, b"alice"), (attribute.USER_PASSWORD, b"lab-alice")]
    get_reply(bench.ask(*user), Code.ACCESS_ACCEPT)
    (session,) = bench.sessions
    session.posture_status = PostureStatus.COMPLIANT
    state = (attribute.STATE, f"ReauthSession:{session.session_id}".encode())
    get_reply(bench.ask(*user, state), Code.ACCESS_ACCEPT)
    assert list(bench.sessions) == [session]
    assert session.posture_status is PostureStatus.COMPLIANT


def test_mschap_reject_carries_the_error_of_its_identifier(bench: Bench) -> None:
    """RFC 2548 section 2.1.5."""
    reply = get_reply(bench.ask(*answer_challenge("wrong")), Code.ACCESS_REJECT)
    assert reply.octets(attribute.MS_CHAP_ERROR) == b"\3E=691 R=0 C=" + CHALLENGE.hex().upper().encode() + b" V=3"


@pytest.mark.parametrize("length", [0, 8, 17, 128, 247])
def test_mschap_reject_is_sent_whatever_the_length_of_the_challenge(bench: Bench, length: int) -> None:
    reply = get_reply(bench.ask(*answer_challenge("wrong", bytes(length))), Code.ACCESS_REJECT)
    assert (reply.octets(attribute.MS_CHAP_ERROR) or b"").startswith(b"\3E=691 R=0")


def test_session_id_too_long_for_the_redirect_is_refused_and_makes_no_session(bench: Bench) -> None:
    get_reply(bench.ask(*bench.mab(session_id="x" * 200)), Code.ACCESS_REJECT)
    (record,) = bench.list_events("access-reject")
    assert "longer than an attribute can be" in record.reason
    assert len(bench.sessions) == 0


def test_session_id_of_any_length_that_a_device_can_send_is_accepted_without_redirect(build_bench: BuildBench) -> None:
    bench = build_bench(rules=PERMIT_ALL, profiles={}, dacls={})
    get_reply(bench.ask(*bench.mab(session_id="x" * 200)), Code.ACCESS_ACCEPT)


def test_name_of_a_dacl_is_a_download_and_no_user(bench: Bench) -> None:
    name = b"#ACSACL#-IP-Full-Access-65b4f5cb"
    reply = get_reply(
        bench.ask((attribute.USER_NAME, name), bench.avpair("aaa:event=acl-download")), Code.ACCESS_ACCEPT
    )
    assert list_pairs(reply) == ["ip:inacl#1=permit ip any any"]
    assert len(bench.sessions) == 0


TYPES = st.sampled_from(
    [
        *range(1, 90),
        attribute.CISCO_AVPAIR,
        attribute.MS_CHAP_CHALLENGE,
        attribute.MS_CHAP_RESPONSE,
        attribute.MS_CHAP2_RESPONSE,
    ]
).filter(lambda type_: type_ not in (attribute.MESSAGE_AUTHENTICATOR, attribute.VENDOR_SPECIFIC))
WORDS = [b"alice", b"020000001001", b"02-00-00-00-10-01", integer(10), b"audit-session-id=", b"#ACSACL#-IP-", CHALLENGE]
VALUES = st.one_of(
    st.binary(max_size=50),
    st.sampled_from(WORDS),
    st.builds(bytes.__add__, st.sampled_from(WORDS), st.binary(max_size=100)),
    st.builds(bytes.__mul__, st.sampled_from([b"\xff", b"a"]), st.integers(100, 247)),
).map(lambda value: value[:120])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(TYPES, VALUES), max_size=12), st.booleans())
def test_any_attributes_get_a_reply_or_silence(bench: Bench, attributes: list[Attribute], sign: bool) -> None:  # noqa: FBT001
    reply = bench.ask(*attributes, sign=sign)
    assert reply is None or reply.code in (Code.ACCESS_ACCEPT, Code.ACCESS_REJECT)
    assert len(bench.list_records()) == (reply is not None)
