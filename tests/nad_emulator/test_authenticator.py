"""The Access-Request of wired MAB, attribute by attribute (aaa-mnt 1.2), and what comes of each kind of answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nad_emulator.access_session import AccessSession
from nad_emulator.acl import parse_acl
from nad_emulator.authenticator import Accepted, AuthenticationRequest, Authenticator, Refused, Unanswered
from nad_emulator.config import AccessPortConfig
from nad_emulator.fail_over import FailOverClient
from radius import attribute
from radius.packet import Attribute, Code, text
from radius.secret import Secret

if TYPE_CHECKING:
    from tests.nad_emulator.conftest import Bench, Script

MAB = AuthenticationRequest(reason="a test")
DACL = "#ACSACL#-IP-PERMIT-ALL-65b4f5cb"


def avpair(value: str) -> Attribute:
    return attribute.CISCO_AVPAIR, text(value)


def build(bench: Bench, script: Script, **settings: object) -> tuple[Authenticator, AccessSession]:
    bench.add_server(script)
    config = bench.build_config(ports=(AccessPortConfig(name="GigabitEthernet1/0/15", vlan=20),), **settings)
    client = FailOverClient(config, bench.runtime)
    bench.add_closer(client.close)
    lists = {name: parse_acl(name, lines) for name, lines in config.access_lists.items()}
    session = AccessSession(
        session_id="7F000301000000010002E185",
        interface_id=268435457,
        port=config.ports[0],
        mac="02:00:00:00:AB:01",
        address="127.0.10.1",
    )
    return Authenticator(config=config, client=client, access_lists=lists, runtime=bench.runtime), session


async def test_a_mab_request_carries_what_a_switch_sends(bench: Bench) -> None:
    authenticator, session = build(bench, bench.serve((Code.ACCESS_ACCEPT, [])))
    await authenticator.authenticate(session, MAB)
    [request] = bench.servers[0].requests
    hidden = request.index[attribute.USER_PASSWORD]
    assert Secret("testing123").reveal_password(hidden, request.authenticator) == b"02000000ab01"
    shown = [pair for pair in request.attributes if pair[0] not in {80, attribute.USER_PASSWORD}]
    assert shown == [
        (attribute.USER_NAME, b"02000000ab01"),
        (attribute.SERVICE_TYPE, b"\0\0\0\x0a"),
        avpair("service-type=Call Check"),
        (attribute.FRAMED_MTU, b"\0\0\x05\xdc"),
        (attribute.CALLED_STATION_ID, b"02-7F-00-03-01-01"),
        (attribute.CALLING_STATION_ID, b"02-00-00-00-AB-01"),
        (attribute.EAP_KEY_NAME, b""),
        avpair("audit-session-id=7F000301000000010002E185"),
        avpair("method=mab"),
        avpair("client-iif-id=268435457"),
        avpair("vlan-id=20"),
        (attribute.NAS_IP_ADDRESS, b"\x7f\0\x03\x01"),
        (attribute.NAS_PORT_ID, b"GigabitEthernet1/0/15"),
        (attribute.NAS_PORT_TYPE, b"\0\0\0\x0f"),
        (attribute.NAS_PORT, (50115).to_bytes(4)),
        (attribute.FRAMED_IP_ADDRESS, b"\x7f\0\x0a\x01"),
    ]


async def test_framed_ip_address_can_be_left_out(bench: Bench) -> None:
    script = bench.serve((Code.ACCESS_ACCEPT, []))
    authenticator, session = build(bench, script, framed_ip_in_access_request=False)
    await authenticator.authenticate(session, MAB)
    assert attribute.FRAMED_IP_ADDRESS not in bench.servers[0].requests[0].index


async def test_the_state_of_a_reauthentication_goes_back(bench: Bench) -> None:
    authenticator, session = build(bench, bench.serve((Code.ACCESS_ACCEPT, [])))
    await authenticator.authenticate(session, AuthenticationRequest(reason="a test", state=b"ReauthSession:1"))
    assert bench.servers[0].requests[0].octets(attribute.STATE) == b"ReauthSession:1"


async def test_an_authorize_only_request_has_state_and_no_password(bench: Bench) -> None:
    authenticator, session = build(bench, bench.serve((Code.ACCESS_ACCEPT, [])))
    wanted = AuthenticationRequest(reason="a test", state=b"s", authorize_only=True)
    await authenticator.authenticate(session, wanted)
    [request] = bench.servers[0].requests
    assert request.integer(attribute.SERVICE_TYPE) == attribute.SERVICE_AUTHORIZE_ONLY
    assert request.octets(attribute.STATE) == b"s"
    assert attribute.USER_PASSWORD not in request.index


async def test_an_accept_is_complete_only_with_its_dacl(bench: Bench) -> None:
    answer = (Code.ACCESS_ACCEPT, [avpair(f"ACS:CiscoSecure-Defined-ACL={DACL}")])
    authenticator, session = build(bench, bench.serve(answer))
    outcome = await authenticator.authenticate(session, MAB)
    assert isinstance(outcome, Accepted)
    assert outcome.authorization.dacl == DACL
    assert outcome.enforcement.filter is not None
    assert outcome.enforcement.filter.name == DACL


async def test_the_dacl_comes_from_the_server_that_accepted(bench: Bench) -> None:
    silent = bench.add_server(lambda _: None, host="127.0.1.2")
    answer = (Code.ACCESS_ACCEPT, [avpair(f"ACS:CiscoSecure-Defined-ACL={DACL}")])
    authenticator, session = build(bench, bench.serve(answer))
    assert isinstance(await authenticator.authenticate(session, MAB), Accepted)
    assert len(silent.requests) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((Code.ACCESS_REJECT, []), "127.0.1.1 has sent Access-Reject"),
        ((Code.ACCESS_REJECT, [(attribute.REPLY_MESSAGE, b"go away")]), "go away"),
        ((Code.ACCESS_CHALLENGE, [(attribute.STATE, b"x")]), "127.0.1.1 has sent an Access-Challenge"),
        ((Code.ACCESS_ACCEPT, [(attribute.FILTER_ID, b"ACL-GUEST.in")]), "the switch has no access list ACL-GUEST"),
    ],
)
async def test_a_session_is_refused_for_a_reason(
    bench: Bench, answer: tuple[int, list[Attribute]], reason: str
) -> None:
    authenticator, session = build(bench, bench.serve(answer))
    outcome = await authenticator.authenticate(session, MAB)
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith(reason)


async def test_a_dacl_that_cannot_be_had_fails_the_authorization(bench: Bench) -> None:
    def answer(packet: object) -> tuple[int, list[Attribute]]:
        first = len(bench.servers[0].requests) == 1
        return (Code.ACCESS_ACCEPT, [avpair(f"ACS:CiscoSecure-Defined-ACL={DACL}")]) if first else (3, [])

    authenticator, session = build(bench, answer)
    assert await authenticator.authenticate(session, MAB) == Refused(f"dACL {DACL}: the server rejects the download")


async def test_silence_is_not_a_refusal(bench: Bench) -> None:
    authenticator, session = build(bench, lambda _: None)
    assert await authenticator.authenticate(session, MAB) == Unanswered("no answer from 127.0.1.1")


async def test_a_redirect_acl_the_switch_does_not_have_is_told_to_the_journal(bench: Bench) -> None:
    pairs = [avpair("url-redirect=https://psn1/"), avpair("url-redirect-acl=ACL-POSTURE-REDIRCT")]
    authenticator, session = build(bench, bench.serve((Code.ACCESS_ACCEPT, pairs)))
    assert isinstance(await authenticator.authenticate(session, MAB), Accepted)
    [record] = bench.list_records("redirect-acl-missing")
    assert "ACL-POSTURE-REDIRCT" in record.reason
