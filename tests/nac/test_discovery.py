"""Discovery headers, requests and User-Agents: both directions by the same data, and any octets."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.discovery import (
    AgentIdentity,
    DiscoveryAnswer,
    DiscoveryRequest,
    build_referral,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
    find_agent,
    render_user_agent,
)
from nac.posture import PostureStatus
from nac.posture_message import MalformedMessageError

ANSWER = DiscoveryAnswer(
    policy_server="psn1.lab.test",
    posture_path="/auth/perfigo_validate.jsp",
    posture_port=8443,
    package_port=8443,
    guest_flow=False,
    configuration_url="https://psn1.lab.test:8443/auth/anyconnect?uuid=f62337c2-7f2e-4b7f-a89a-3508d761173c",
    configuration_uri="/auth/anyconnect?uuid=f62337c2-7f2e-4b7f-a89a-3508d761173c",
    package_url="https://psn1.lab.test:8443/auth/provisioning/download/066ac0d6-2df9-4a2c-a129-fabf1ace36aa",
    package_uri="/auth/provisioning/download/066ac0d6-2df9-4a2c-a129-fabf1ace36aa",
    package_version="5.1.0.0",
    status_path="/auth/status",
    backup_servers=("psn2.lab.test", "psn3.lab.test"),
    session_id="0a3e949c000002585cf00588",
    posture_domain="posture_domain",
    posture_status=PostureStatus.UNKNOWN,
)
HEADERS = {
    "X-ISE-PDP": "psn1.lab.test",
    "X-ISE-POSTURE": "/auth/perfigo_validate.jsp",
    "X-ISE-POSTURE_PORT": "8443",
    "X-ISE-AC_PKG_PORT": "8443",
    "X-ISE-GUESTFLOW": "false",
    "X-ISE-AC_CONFIG_URL": "https://psn1.lab.test:8443/auth/anyconnect?uuid=f62337c2-7f2e-4b7f-a89a-3508d761173c",
    "X-ISE-AC_CONFIG_URI": "/auth/anyconnect?uuid=f62337c2-7f2e-4b7f-a89a-3508d761173c",
    "X-ISE-AC_PKG_URL": "https://psn1.lab.test:8443/auth/provisioning/download/066ac0d6-2df9-4a2c-a129-fabf1ace36aa",
    "X-ISE-AC_PKG_URI": "/auth/provisioning/download/066ac0d6-2df9-4a2c-a129-fabf1ace36aa",
    "X-ISE-AC_PKG_VER": "5.1.0.0",
    "X-ISE-STATUS_PATH": "/auth/status",
    "X-ISE-BACKUP_SERVERS": "psn2.lab.test,psn3.lab.test",
    "X-ISE-SessionId": "0a3e949c000002585cf00588",
    "X-ISE-PostureDomain": "posture_domain",
    "X-ISE-POSTURE_STATUS": "Unknown",
}
"""Every header of posture.md 4.4, in its order."""

REFERRAL = build_referral("psn1.lab.test", 8443)
REFERRAL_TO_PORT = build_referral("psn1.lab.test", 8543)


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        (ANSWER, HEADERS),
        (REFERRAL, {"X-ISE-PDP": "psn1.lab.test"}),
        (REFERRAL_TO_PORT, {"X-ISE-PDP": "psn1.lab.test", "X-ISE-POSTURE_PORT": "8543"}),
    ],
)
def test_an_answer_is_its_headers_and_back(answer: DiscoveryAnswer, headers: dict[str, str]) -> None:
    assert list(encode_answer(answer).items()) == list(headers.items())
    assert decode_answer(headers) == answer


def test_an_answer_without_posture_path_sends_the_agent_elsewhere() -> None:
    assert [answer.is_referral for answer in (ANSWER, REFERRAL, REFERRAL_TO_PORT)] == [False, True, True]


def test_header_names_are_read_in_any_case() -> None:
    assert decode_answer({name.lower(): value for name, value in HEADERS.items()}) == ANSWER


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({}, "there is no X-ISE-PDP"),
        ({"X-ISE-POSTURE_STATUS": "Unknown"}, "there is no X-ISE-PDP"),
        ({"X-ISE-PDP": "a", "X-ISE-POSTURE_PORT": "0"}, "X-ISE-POSTURE_PORT is '0'"),
        ({"X-ISE-PDP": "a", "X-ISE-POSTURE_PORT": "65536"}, "X-ISE-POSTURE_PORT is '65536'"),
        ({"X-ISE-PDP": "a", "X-ISE-GUESTFLOW": "maybe"}, "X-ISE-GUESTFLOW is 'maybe'"),
        ({"X-ISE-PDP": "a", "X-ISE-POSTURE_STATUS": "Fine"}, "X-ISE-POSTURE_STATUS is 'Fine'"),
    ],
)
def test_headers_that_make_no_answer_are_refused(headers: dict[str, str], fault: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_answer(headers)
    assert caught.value.fault == fault


def test_a_session_id_cannot_smuggle_a_header() -> None:
    answer = DiscoveryAnswer(policy_server="psn1.lab.test", session_id="1\r\nSet-Cookie: a")
    assert encode_answer(answer)["X-ISE-SessionId"] == "1??Set-Cookie: a"


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text()))
def test_any_headers_make_an_answer_or_the_documented_error(headers: dict[str, str]) -> None:
    with suppress(MalformedMessageError):
        decode_answer(headers)


REQUEST = DiscoveryRequest(
    macs=("02:00:00:00:10:01", "02:00:00:00:10:01"),
    addresses=("127.0.10.1", "0.0.0.0", "fe80::1"),
    session_id="0a3e949c000002585cf00588",
)


@pytest.mark.parametrize("request_", [REQUEST, DiscoveryRequest()])
def test_a_request_is_its_form_and_back(request_: DiscoveryRequest) -> None:
    assert decode_request(encode_request(request_).encode()) == request_


def test_the_form_of_a_request_is_spelled_as_documented() -> None:
    """posture.md 14, parameter names; duplicates, 0.0.0.0 and IPv6 are seen in a public log (4.3)."""
    assert encode_request(REQUEST) == (
        "mac_list=02%3A00%3A00%3A00%3A10%3A01%2C02%3A00%3A00%3A00%3A10%3A01"
        "&iplist=127.0.10.1%2C0.0.0.0%2Cfe80%3A%3A1&sessionId=0a3e949c000002585cf00588"
    )


def test_a_request_may_say_ip_list_and_spell_macs_in_any_way() -> None:
    data = b"mac_list=0200.0000.1001&ip_list=127.0.10.1&unknown=1"
    assert decode_request(data) == DiscoveryRequest(macs=("02:00:00:00:10:01",), addresses=("127.0.10.1",))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"mac_list=nonsense", "'nonsense' is not a MAC address"),
        (b"iplist=127.0.0.300", "'127.0.0.300' is not an IP address"),
        (b"sessionId=a&sessionId=b", "field 'sessionId' appears twice"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"sessionId=%ff", "it is not UTF-8 text"),
        (b"&".join(b"f%d=1" % number for number in range(65)), "it has more than 64 fields"),
    ],
)
def test_a_form_that_makes_no_request_is_refused(data: bytes, fault: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_request(data)
    assert caught.value.fault == fault


@given(st.binary() | st.text().map(str.encode))
def test_any_octets_make_a_request_or_the_documented_error(data: bytes) -> None:
    with suppress(MalformedMessageError):
        decode_request(data)


def test_the_agent_is_known_by_its_user_agent() -> None:
    identity = AgentIdentity(os="Windows", os_version="10.0.19045", version="5.1.0.0")
    text = render_user_agent(identity)
    assert text == "Mozilla/4.0 (compatible; WINDOWS; 10.0.19045; AnyConnect Posture Agent v.5.1.0.0)"
    assert find_agent(text) == AgentIdentity(os="WINDOWS", os_version="10.0.19045", version="5.1.0.0")


@pytest.mark.parametrize("text", ["", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0", "curl/8.5.0"])
def test_browsers_are_not_the_agent(text: str) -> None:
    assert find_agent(text) is None
