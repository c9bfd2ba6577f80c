"""CoA and Disconnect over the wire: the answer first, then what was asked for (aaa-mnt 2.2, 2.6)."""

from __future__ import annotations

import asyncio
import random
import socket
from typing import TYPE_CHECKING

import pytest

from radius import attribute
from radius.authenticator import encode_request
from radius.client import NoResponseError
from radius.dynamic_authorization import ErrorCause
from radius.packet import Attribute, Code, Packet, integer, text
from radius.secret import Secret

if TYPE_CHECKING:
    from tests.nad_emulator.conftest import Bench, ScriptedServer

PORT = "GigabitEthernet1/0/1"
OTHER_PORT = "GigabitEthernet1/0/2"
CALLING: Attribute = (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01")


def command(word: str) -> Attribute:
    return attribute.CISCO_AVPAIR, text(f"subscriber:command={word}")


def kind(word: str) -> Attribute:
    return attribute.CISCO_AVPAIR, text(f"subscriber:reauthenticate-type={word}")


def find_cause(reply: Packet) -> int | None:
    return reply.integer(attribute.ERROR_CAUSE)


def find_stop(server: ScriptedServer) -> int | None:
    [stop] = server.list_requests(Code.ACCOUNTING_REQUEST, attribute.ACCT_STOP)
    return stop.integer(attribute.ACCT_TERMINATE_CAUSE)


@pytest.mark.parametrize("port", ["coa", "coa-rfc5176"])
@pytest.mark.parametrize("kinds", [[], [kind("last")], [kind("rerun")]])
async def test_reauthenticate_is_acknowledged_before_it_ends_and_keeps_the_session(
    bench: Bench, port: str, kinds: list[Attribute]
) -> None:
    server = bench.add_server(bench.serve(bench.redirected, bench.open))
    switch = await bench.start_switch()
    await bench.plug(switch)
    before = switch.access(PORT)
    script, server.script = server.script, lambda _: None
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, command("reauthenticate"), *kinds, port=port)
    assert (reply.code, find_cause(reply)) == (Code.COA_ACK, None)
    await asyncio.sleep(1)
    assert (switch.access(PORT).status, switch.access(PORT).summary) == ("Reauthenticating", "redirect")
    server.script = script
    await bench.wait_for("authorized")
    after = switch.access(PORT)
    assert (after.session_id, after.acct_session_id, after.summary) == (
        before.session_id,
        before.acct_session_id,
        "open",
    )


async def test_bounce_ends_the_session_and_takes_the_link_down_for_ten_seconds(bench: Bench) -> None:
    server = bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    first = switch.access(PORT).session_id
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, command("bounce-host-port"))
    assert reply.code == Code.COA_ACK
    ended = await bench.wait_for("accounting-stop")
    assert switch.access(PORT).link == "bouncing"
    assert find_stop(server) == 21
    begun = await bench.wait_for("session-started")
    assert (begun.at - ended.at).total_seconds() == pytest.approx(10)
    assert switch.access(PORT).session_id != first


async def test_disable_takes_the_port_down_for_good(bench: Bench) -> None:
    server = bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, command("disable-host-port"))
    assert reply.code == Code.COA_ACK
    await bench.wait_for("accounting-stop")
    await asyncio.sleep(3600)
    assert switch.access(PORT).link == "administratively down"
    assert find_stop(server) == 22


async def test_disconnect_ends_the_session_and_the_next_frame_begins_another(bench: Bench) -> None:
    server = bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    first = switch.access(PORT).session_id
    reply = await bench.ask(switch, Code.DISCONNECT_REQUEST, CALLING)
    assert reply.code == Code.DISCONNECT_ACK
    assert reply.integer(attribute.ACCT_TERMINATE_CAUSE) == 6
    assert find_cause(reply) is None
    await bench.wait_for("accounting-stop")
    assert find_stop(server) == 6
    assert switch.access(PORT).session_id != first


async def test_201_residual_session_context_removed_where_the_session_had_no_access(bench: Bench) -> None:
    bench.add_server(bench.serve((Code.ACCESS_REJECT, [])))
    switch = await bench.start_switch()
    await bench.plug(switch, event="unauthorized")
    reply = await bench.ask(switch, Code.DISCONNECT_REQUEST, CALLING)
    assert reply.code == Code.DISCONNECT_ACK
    assert find_cause(reply) == ErrorCause.RESIDUAL_SESSION_CONTEXT_REMOVED


async def test_session_query_tells_about_the_session(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, command("session-query"))
    view = switch.access(PORT)
    assert reply.code == Code.COA_ACK
    assert reply.text(attribute.USER_NAME) == "020000001001"
    assert reply.text(attribute.NAS_PORT_ID) == PORT
    assert reply.integer(attribute.NAS_PORT) == 50101
    assert reply.address(attribute.FRAMED_IP_ADDRESS) == "127.0.10.1"
    assert reply.text(attribute.ACCT_SESSION_ID) == view.acct_session_id
    assert f"audit-session-id={view.session_id}" in reply.list_text(attribute.CISCO_AVPAIR)


async def test_507_request_initiated_then_an_access_request_to_authorize_only(bench: Bench) -> None:
    server = bench.add_server(bench.serve(bench.redirected, bench.open))
    switch = await bench.start_switch()
    await bench.plug(switch)
    service = (attribute.SERVICE_TYPE, integer(attribute.SERVICE_AUTHORIZE_ONLY))
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, service, (attribute.STATE, b"s1"))
    assert (reply.code, find_cause(reply)) == (Code.COA_NAK, ErrorCause.REQUEST_INITIATED)
    assert reply.octets(attribute.STATE) == b"s1"
    await bench.wait_for("authorized")
    request = server.list_authentications()[-1]
    assert request.integer(attribute.SERVICE_TYPE) == attribute.SERVICE_AUTHORIZE_ONLY
    assert request.octets(attribute.STATE) == b"s1"
    assert switch.access(PORT).summary == "open"


@pytest.mark.parametrize(
    ("code", "attributes", "cause"),
    [
        (Code.COA_REQUEST, [command("reauthenticate"), CALLING, (attribute.FRAMED_MTU, integer(1500))], 401),
        (Code.COA_REQUEST, [command("reauthenticate")], 402),
        (Code.COA_REQUEST, [command("reauthenticate"), CALLING, (attribute.NAS_IDENTIFIER, b"switch2")], 403),
        (Code.COA_REQUEST, [kind("last"), CALLING], 404),
        (Code.COA_REQUEST, [CALLING, (attribute.SERVICE_TYPE, integer(10))], 405),
        (Code.COA_REQUEST, [command("reauthenticate"), CALLING, (attribute.ACCT_SESSION_ID, b"000000FF")], 407),
        (Code.COA_REQUEST, [command("reauthenticate"), (attribute.ACCT_SESSION_ID, b"000000FF")], 503),
        (Code.DISCONNECT_REQUEST, [CALLING, (attribute.STATE, b"s")], 401),
        (Code.DISCONNECT_REQUEST, [(attribute.ACCT_SESSION_ID, b"000000FF")], 503),
    ],
)
async def test_a_refusal_is_a_nak_with_its_error_cause_and_changes_nothing(
    bench: Bench, code: Code, attributes: list[Attribute], cause: int
) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    before = switch.access(PORT)
    reply = await bench.ask(switch, code, *attributes)
    assert reply.code == (Code.COA_NAK if code == Code.COA_REQUEST else Code.DISCONNECT_NAK)
    assert find_cause(reply) == cause
    assert switch.access(PORT) == before
    assert bench.list_records("coa-refused")[-1].facts["error_cause"] == cause


async def test_501_where_the_switch_is_told_to_ignore_a_bounce(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch(ignore_bounce=True)
    await bench.plug(switch)
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, command("bounce-host-port"))
    assert find_cause(reply) == ErrorCause.ADMINISTRATIVELY_PROHIBITED
    assert switch.access(PORT).link == "up"


async def test_504_where_dynamic_authorization_is_off(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch(dynamic_authorization=False)
    await bench.plug(switch)
    reply = await bench.ask(switch, Code.DISCONNECT_REQUEST, CALLING)
    assert find_cause(reply) == ErrorCause.SESSION_CONTEXT_NOT_REMOVABLE


async def test_506_while_an_authentication_is_running(bench: Bench) -> None:
    bench.add_server(lambda _: None)
    switch = await bench.start_switch()
    await bench.plug(switch, event="authentication-started")
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, command("reauthenticate"))
    assert find_cause(reply) == ErrorCause.RESOURCES_UNAVAILABLE


async def test_508_where_one_mac_is_on_two_ports(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    await bench.plug(switch, port=OTHER_PORT)
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, command("reauthenticate"))
    assert find_cause(reply) == ErrorCause.MULTIPLE_SESSION_SELECTION_UNSUPPORTED
    both = [CALLING, (attribute.NAS_PORT_ID, OTHER_PORT.encode())]
    assert (await bench.ask(switch, Code.COA_REQUEST, *both, command("session-query"))).code == Code.COA_ACK


async def test_a_stale_request_is_met_with_silence_and_a_reason(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    stamp = (attribute.EVENT_TIMESTAMP, integer(int(bench.began_at.timestamp()) - 301))
    with pytest.raises(NoResponseError):
        await bench.ask(switch, Code.COA_REQUEST, CALLING, command("reauthenticate"), stamp)
    [record] = bench.list_records("coa-ignored")
    assert "Event-Timestamp" in record.reason


@pytest.mark.parametrize("ahead", [0, 299])
async def test_a_replay_is_never_carried_out_again_while_its_timestamp_is_current(bench: Bench, ahead: int) -> None:
    """RFC 5176 section 2.3. A sender's clock may be ahead, which makes its requests current for longer."""
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    stamp = (attribute.EVENT_TIMESTAMP, integer(int(bench.began_at.timestamp()) + ahead))
    request = encode_request(Code.COA_REQUEST, 7, [CALLING, command("session-query"), stamp], Secret("testing123"))
    loop = asyncio.get_running_loop()
    replies = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.bind(("127.0.1.1", 0))
        for pause in (0, 31, 209, 40, ahead):
            await asyncio.sleep(pause)
            sender.sendto(request, (switch.address, switch.ports["coa"]))
            replies.append(await loop.sock_recv(sender, 4096))
        await asyncio.sleep(1200)
        sender.sendto(request, (switch.address, switch.ports["coa"]))
        await bench.wait_for("coa-ignored")
    assert len(set(replies)) == 1
    assert len(bench.list_records("coa-acknowledged")) == 1


async def test_an_unknown_client_is_dropped(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch(dynamic_author_clients=())
    await bench.plug(switch)
    with pytest.raises(NoResponseError):
        await bench.ask(switch, Code.COA_REQUEST, CALLING, command("reauthenticate"))
    assert bench.list_records("radius-drop")[0].facts["drop"] == "unknown-client"


async def test_a_session_held_after_a_reject_can_be_reauthenticated_at_once(bench: Bench) -> None:
    bench.add_server(bench.serve((Code.ACCESS_REJECT, []), bench.open))
    switch = await bench.start_switch()
    await bench.plug(switch, event="unauthorized")
    await bench.ask(switch, Code.COA_REQUEST, CALLING, command("reauthenticate"))
    record = await bench.wait_for("authorized")
    assert (record.at - bench.began_at).total_seconds() < 1


async def test_damaged_datagrams_do_not_disturb_the_server(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    chance, secret = random.Random(7), Secret("testing123")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.1.1", 0))
        for number in range(1000):
            code = chance.choice([Code.COA_REQUEST, Code.DISCONNECT_REQUEST])
            attributes = [(chance.choice([26, 31, 44, 55, 6, 8]), chance.randbytes(chance.randrange(8)))]
            data = bytearray(encode_request(code, number & 255, attributes, secret))
            if number % 2:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            sender.sendto(data, (switch.address, switch.ports["coa"]))
            if number % 50 == 0:
                await asyncio.sleep(0.1)
    reply = await bench.ask(switch, Code.COA_REQUEST, CALLING, command("session-query"))
    assert reply.code == Code.COA_ACK
