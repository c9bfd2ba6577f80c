"""Sessions on an access port, from plug to unplug, on virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from nad_emulator.access_port import NoSessionError
from radius import attribute
from radius.packet import Attribute, Code, integer, text

if TYPE_CHECKING:
    from tests.nad_emulator.conftest import Bench

PORT = "GigabitEthernet1/0/1"
ACCEPT = (Code.ACCESS_ACCEPT, [])
REJECT = (Code.ACCESS_REJECT, [])


def timers(seconds: int, action: int) -> list[Attribute]:
    return [(attribute.SESSION_TIMEOUT, integer(seconds)), (attribute.TERMINATION_ACTION, integer(action))]


async def test_an_endpoint_that_is_plugged_in_gets_what_the_server_says(bench: Bench) -> None:
    bench.add_server(bench.serve(bench.redirected))
    switch = await bench.start_switch()
    assert switch.access(PORT).link == "down"
    await bench.plug(switch)
    view = switch.access(PORT)
    assert (view.link, view.status, view.summary, view.method) == ("up", "Authorized", "redirect", "mab")
    assert view.session_id.startswith("7F00030100000001")
    assert (view.mac, view.address, view.server) == ("02:00:00:00:10:01", "127.0.10.1", "127.0.1.1")
    assert view.dacl == "#ACSACL#-IP-POSTURE-PENDING-65b4f5cb"
    assert view.redirect_acl == "ACL-POSTURE-REDIRECT"
    assert view.redirect_url == bench.redirect_url


async def test_a_new_link_is_a_new_session_with_a_new_id(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    first = switch.access(PORT)
    await switch.cable(PORT).unplug()
    assert switch.access(PORT).summary == "closed"
    await bench.plug(switch)
    second = switch.access(PORT)
    assert (first.session_id[:16], second.session_id[:16]) == ("7F00030100000001", "7F00030100000002")
    assert (first.acct_session_id, second.acct_session_id) == ("00000001", "00000002")


async def test_another_endpoint_on_the_cable_ends_the_session_before(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    await bench.plug(switch, mac="02:00:00:00:10:99")
    assert switch.access(PORT).mac == "02:00:00:00:10:99"
    assert [record.reason for record in bench.list_records("session-ended")] == ["the link went down"]


async def test_a_reject_keeps_the_port_closed_until_the_restart_timer(bench: Bench) -> None:
    server = bench.add_server(bench.serve(REJECT, ACCEPT))
    switch = await bench.start_switch()
    await bench.plug(switch, event="unauthorized")
    held = switch.access(PORT)
    assert (held.status, held.summary) == ("Unauthorized", "closed")
    assert server.list_requests(Code.ACCOUNTING_REQUEST) == []
    record = await bench.wait_for("authorized")
    assert (record.at - bench.began_at).total_seconds() == 60
    assert switch.access(PORT).session_id == held.session_id


async def test_a_port_no_server_speaks_for_stays_closed_and_asks_again(bench: Bench) -> None:
    server = bench.add_server(lambda _: None)
    switch = await bench.start_switch()
    await bench.plug(switch, event="unauthorized")
    waiting = switch.access(PORT)
    assert (waiting.status, waiting.summary) == ("Waiting for a server", "closed")
    server.script = lambda _: ACCEPT
    record = await bench.wait_for("authorized")
    assert (record.at - bench.began_at).total_seconds() == 20 + 60
    assert switch.access(PORT).session_id == waiting.session_id


async def test_session_timeout_with_radius_request_reauthenticates_the_same_session(bench: Bench) -> None:
    state = (attribute.STATE, text("ReauthSession:1"))
    server = bench.add_server(lambda _: (Code.ACCESS_ACCEPT, [state, *timers(3600, 1)]))
    switch = await bench.start_switch()
    await bench.plug(switch)
    first = switch.access(PORT)
    record = await bench.wait_for("authorized")
    assert (record.at - bench.began_at).total_seconds() == 3600
    second = switch.access(PORT)
    assert (second.session_id, second.acct_session_id) == (first.session_id, first.acct_session_id)
    states = [packet.octets(attribute.STATE) for packet in server.list_authentications()]
    assert states == [None, b"ReauthSession:1"]


async def test_session_timeout_with_default_action_ends_the_session(bench: Bench) -> None:
    server = bench.add_server(bench.serve((Code.ACCESS_ACCEPT, timers(3600, 0)), ACCEPT))
    switch = await bench.start_switch()
    await bench.plug(switch)
    first = switch.access(PORT).session_id
    await bench.wait_for("accounting-stop")
    [stop] = server.list_requests(Code.ACCOUNTING_REQUEST, attribute.ACCT_STOP)
    assert stop.integer(attribute.ACCT_TERMINATE_CAUSE) == 5
    assert switch.access(PORT).session_id != first


async def test_access_stays_while_a_reauthentication_waits_for_a_server(bench: Bench) -> None:
    server = bench.add_server(lambda _: (Code.ACCESS_ACCEPT, timers(60, 1)))
    switch = await bench.start_switch()
    await bench.plug(switch)
    server.script = lambda _: None
    await asyncio.sleep(70)
    view = switch.access(PORT)
    assert (view.status, view.summary) == ("Reauthenticating", "open")
    await bench.wait_for("unauthorized")
    assert switch.access(PORT).summary == "closed"


async def test_a_reject_at_reauthentication_closes_the_port_and_stops_accounting(bench: Bench) -> None:
    server = bench.add_server(bench.serve((Code.ACCESS_ACCEPT, timers(60, 1)), REJECT, ACCEPT))
    switch = await bench.start_switch()
    await bench.plug(switch)
    await bench.wait_for("accounting-stop")
    [stop] = server.list_requests(Code.ACCOUNTING_REQUEST, attribute.ACCT_STOP)
    assert stop.integer(attribute.ACCT_TERMINATE_CAUSE) == 20
    assert switch.access(PORT).summary == "closed"
    await bench.wait_for("accounting-start")
    assert switch.access(PORT).acct_session_id == "00000002"


async def test_unplugging_in_the_middle_of_an_authentication_leaves_nothing_behind(bench: Bench) -> None:
    server = bench.add_server(lambda _: None)
    switch = await bench.start_switch()
    await bench.plug(switch, event="authentication-started")
    await asyncio.sleep(7)
    await switch.cable(PORT).unplug()
    await asyncio.sleep(600)
    assert len(server.requests) == 2
    assert switch.access(PORT).status == ""


async def test_a_port_that_is_shut_stays_down_until_it_is_allowed_again(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    switch.shut(PORT)
    assert switch.access(PORT).link == "administratively down"
    await asyncio.sleep(3600)
    assert switch.access(PORT).session_id == ""
    switch.no_shut(PORT)
    await bench.wait_for("authorized")
    assert switch.access(PORT).session_id.startswith("7F00030100000002")


async def test_the_other_end_of_the_cable_is_told_when_the_port_goes_down_and_comes_up(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    cable = switch.cable(PORT)
    links: list[bool] = []

    async def note() -> None:
        links.append(cable.is_up)

    cable.watch(note)
    await bench.plug(switch)
    assert links == [], "what the endpoint does itself is no news"
    switch.shut(PORT)
    await asyncio.sleep(1)
    assert links == [False]
    switch.no_shut(PORT)
    await asyncio.sleep(1)
    assert links == [False, True]
    switch.shut(PORT)
    await asyncio.sleep(1)
    await cable.unplug()
    await cable.plug("02:00:00:00:10:01", "127.0.10.1")
    assert not cable.is_up, "a plug brings no link to a port that is shut"


async def test_the_switch_authenticates_again_under_the_same_id(bench: Bench) -> None:
    server = bench.add_server(lambda _: (Code.ACCESS_ACCEPT, [(attribute.STATE, b"ReauthSession:1")]))
    switch = await bench.start_switch()
    await bench.plug(switch)
    before = switch.access(PORT)
    switch.reauthenticate(PORT)
    await bench.wait_for("authorized")
    after = switch.access(PORT)
    assert (after.session_id, after.acct_session_id) == (before.session_id, before.acct_session_id)
    assert server.list_authentications()[1].octets(attribute.STATE) == b"ReauthSession:1"
    assert bench.list_records("authentication-started")[1].reason == "the switch authenticates the session again"


async def test_a_reauthentication_goes_to_the_next_server_when_the_first_is_silent(bench: Bench) -> None:
    first = bench.add_server()
    bench.add_server(host="127.0.1.2")
    switch = await bench.start_switch()
    await bench.plug(switch)
    session_id = switch.access(PORT).session_id
    first.script = lambda _: None
    switch.reauthenticate(PORT)
    await bench.wait_for("authorized")
    view = switch.access(PORT)
    assert (view.server, view.session_id) == ("127.0.1.2", session_id)


async def test_a_session_goes_on_under_a_new_id_and_the_old_one_is_stopped(bench: Bench) -> None:
    """Number 10 of posture.md 11: two ids, the same MAC, the same server."""
    server = bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    first = switch.access(PORT)
    switch.change_session_id(PORT)
    await bench.wait_for("accounting-start")
    second = switch.access(PORT)
    assert (first.session_id[:16], second.session_id[:16]) == ("7F00030100000001", "7F00030100000002")
    assert (second.link, second.mac, second.server) == ("up", first.mac, first.server)
    [stop] = server.list_requests(Code.ACCOUNTING_REQUEST, attribute.ACCT_STOP)
    assert stop.text(attribute.ACCT_SESSION_ID) == first.acct_session_id
    [ended] = bench.list_records("session-ended")
    assert ended.reason == "the switch authenticates again under a new session id"


async def test_a_new_id_without_a_stop_leaves_the_old_one_open_for_ever(bench: Bench) -> None:
    server = bench.add_server(lambda _: (Code.ACCESS_ACCEPT, [(attribute.ACCT_INTERIM_INTERVAL, integer(300))]))
    switch = await bench.start_switch()
    await bench.plug(switch)
    first = switch.access(PORT).acct_session_id
    switch.change_session_id(PORT, sends_stop=False)
    await asyncio.sleep(3601)
    await bench.wait_after(switch.cable(PORT).unplug(), "accounting-stop")
    told = [packet.text(attribute.ACCT_SESSION_ID) for packet in server.list_requests(Code.ACCOUNTING_REQUEST)]
    assert told.count(first) == 1
    assert len(server.list_requests(Code.ACCOUNTING_REQUEST, attribute.ACCT_STOP)) == 1
    assert bench.list_records("session-ended")[0].reason.endswith("and sends no stop for the old one")


@pytest.mark.parametrize("has_power", [True, False])
async def test_without_a_session_nothing_can_be_authenticated_again(bench: Bench, *, has_power: bool) -> None:
    switch = await bench.start_switch()
    if not has_power:
        await switch.stop()
    for act in (switch.reauthenticate, switch.change_session_id):
        with pytest.raises(NoSessionError, match=f"{PORT} has no session"):
            act(PORT)
