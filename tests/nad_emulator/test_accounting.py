"""Accounting of a session over real sockets, on virtual time (aaa-mnt 1.9)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from nad_emulator.access_port import NoSessionError, UnknownServerError
from nad_emulator.accounting import StrayRecord
from radius import attribute
from radius.packet import Code, Packet, integer

if TYPE_CHECKING:
    from tests.nad_emulator.conftest import Bench, ScriptedServer

CLASS = (attribute.CLASS, b"CACS:7F000301000000010002E185:psn1/1/1")


def list_accounting(server: ScriptedServer) -> list[Packet]:
    return server.list_requests(Code.ACCOUNTING_REQUEST)


def list_statuses(server: ScriptedServer) -> list[int | None]:
    return [packet.integer(attribute.ACCT_STATUS_TYPE) for packet in list_accounting(server)]


async def test_a_start_says_who_where_and_by_which_authorization(bench: Bench) -> None:
    user = (attribute.USER_NAME, b"02-00-00-00-10-01")
    server = bench.add_server(lambda _: (Code.ACCESS_ACCEPT, [user, CLASS, (attribute.CLASS, b"second")]))
    switch = await bench.start_switch()
    await bench.plug(switch)
    [start] = list_accounting(server)
    session_id = switch.access(bench.port).session_id
    assert start.integer(attribute.ACCT_STATUS_TYPE) == attribute.ACCT_START
    assert start.text(attribute.ACCT_SESSION_ID) == "00000001"
    assert start.text(attribute.USER_NAME) == "02-00-00-00-10-01"
    assert start.list_octets(attribute.CLASS) == [CLASS[1], b"second"]
    assert start.address(attribute.FRAMED_IP_ADDRESS) == "127.0.10.1"
    assert start.text(attribute.CALLING_STATION_ID) == "02-00-00-00-10-01"
    assert start.text(attribute.CALLED_STATION_ID) == "02-7F-00-03-01-01"
    assert start.address(attribute.NAS_IP_ADDRESS) == "127.0.3.1"
    assert start.text(attribute.NAS_IDENTIFIER) == "switch1"
    assert start.integer(attribute.NAS_PORT) == 50101
    assert start.text(attribute.NAS_PORT_ID) == bench.port
    assert start.integer(attribute.NAS_PORT_TYPE) == attribute.NAS_PORT_TYPE_ETHERNET
    assert start.integer(attribute.SERVICE_TYPE) == attribute.SERVICE_CALL_CHECK
    assert start.integer(attribute.ACCT_AUTHENTIC) == attribute.ACCT_AUTHENTIC_RADIUS
    assert start.integer(attribute.EVENT_TIMESTAMP) == int(bench.began_at.timestamp())
    assert start.integer(attribute.ACCT_DELAY_TIME) == 0
    assert attribute.ACCT_SESSION_TIME not in start.index
    pairs = start.list_text(attribute.CISCO_AVPAIR)
    assert pairs[:2] == [f"audit-session-id={session_id}", "method=mab"]
    assert "connect-progress=Auth Open" in pairs


async def test_a_stop_says_how_long_how_much_and_why(bench: Bench) -> None:
    server = bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    await asyncio.sleep(90)
    session = switch.cable(bench.port).port.session
    session.input_octets, session.output_octets = 1461, (1 << 32) + 5
    await bench.wait_after(switch.cable(bench.port).unplug(), "accounting-stop")
    stop = list_accounting(server)[-1]
    assert stop.integer(attribute.ACCT_STATUS_TYPE) == attribute.ACCT_STOP
    assert stop.text(attribute.ACCT_SESSION_ID) == "00000001"
    assert stop.integer(attribute.ACCT_SESSION_TIME) == 90
    assert stop.integer(attribute.ACCT_TERMINATE_CAUSE) == 2
    assert stop.integer(attribute.ACCT_INPUT_OCTETS) == 1461
    assert stop.integer(attribute.ACCT_INPUT_PACKETS) == 2
    assert stop.integer(attribute.ACCT_OUTPUT_OCTETS) == 5
    assert stop.integer(attribute.ACCT_OUTPUT_GIGAWORDS) == 1


async def test_interims_come_periodically_until_the_stop(bench: Bench) -> None:
    server = bench.add_server()
    switch = await bench.start_switch(interim_interval=timedelta(minutes=10))
    await bench.plug(switch)
    await asyncio.sleep(3599)
    await bench.wait_after(switch.cable(bench.port).unplug(), "accounting-stop")
    await asyncio.sleep(3600)
    assert list_statuses(server) == [1, 3, 3, 3, 3, 3, 2]
    times = [packet.integer(attribute.ACCT_SESSION_TIME) for packet in list_accounting(server)]
    assert times == [None, 600, 1200, 1800, 2400, 3000, 3599]


async def test_the_servers_interim_interval_counts_where_none_is_configured(bench: Bench) -> None:
    server = bench.add_server(lambda _: (Code.ACCESS_ACCEPT, [(attribute.ACCT_INTERIM_INTERVAL, integer(300))]))
    switch = await bench.start_switch()
    await bench.plug(switch)
    await asyncio.sleep(601)
    assert list_statuses(server) == [1, 3, 3]


async def test_without_any_interval_there_are_no_interims(bench: Bench) -> None:
    server = bench.add_server()
    await bench.plug(await bench.start_switch())
    await asyncio.sleep(timedelta(days=5).total_seconds())
    assert list_statuses(server) == [1]


async def test_a_switch_without_accounting_sends_none(bench: Bench) -> None:
    server = bench.add_server()
    switch = await bench.start_switch(accounting=False)
    await bench.plug(switch, event="authorized")
    await bench.wait_after(switch.cable(bench.port).unplug(), "session-ended")
    await asyncio.sleep(60)
    assert list_statuses(server) == []


async def test_a_reauthentication_with_another_class_is_reported_at_once(bench: Bench) -> None:
    timers = [(attribute.SESSION_TIMEOUT, integer(60)), (attribute.TERMINATION_ACTION, integer(1))]
    answers = [(Code.ACCESS_ACCEPT, [CLASS, *timers]), (Code.ACCESS_ACCEPT, [(attribute.CLASS, b"new")])]
    server = bench.add_server(bench.serve(*answers))
    await bench.plug(await bench.start_switch())
    await bench.wait_for("accounting-interim")
    assert list_statuses(server) == [1, 3]
    assert list_accounting(server)[-1].list_octets(attribute.CLASS) == [b"new"]


async def test_without_update_newinfo_or_news_a_reauthentication_is_not_reported(bench: Bench) -> None:
    timers = [(attribute.SESSION_TIMEOUT, integer(60)), (attribute.TERMINATION_ACTION, integer(1))]
    server = bench.add_server(lambda _: (Code.ACCESS_ACCEPT, [CLASS, *timers]))
    await bench.plug(await bench.start_switch())
    await asyncio.sleep(601)
    assert list_statuses(server) == [1]
    assert len(server.list_authentications()) == 11


async def test_records_keep_their_order_and_their_time_while_servers_are_silent(bench: Bench) -> None:
    server = bench.add_server()
    server.answers_accounting = False
    switch = await bench.start_switch()
    await bench.plug(switch, event="authorized")
    await asyncio.sleep(3)
    await switch.cable(bench.port).unplug()
    await asyncio.sleep(15)
    server.answers_accounting = True
    await bench.wait_for("accounting-stop")
    assert list_statuses(server) == [1, 1, 1, 1, 2]
    stop = list_accounting(server)[-1]
    assert stop.integer(attribute.ACCT_DELAY_TIME) == 17
    assert stop.integer(attribute.EVENT_TIMESTAMP) == int(bench.began_at.timestamp()) + 3


async def test_a_record_that_no_server_takes_is_lost_with_a_reason(bench: Bench) -> None:
    bench.add_server().answers_accounting = False
    switch = await bench.start_switch()
    await bench.plug(switch, event="accounting-lost")
    [lost] = bench.list_records("accounting-lost")
    assert lost.reason == "accounting-start was not delivered: no answer from 127.0.1.1"


async def test_one_interim_can_be_misdirected_and_the_stop_goes_its_usual_way(bench: Bench) -> None:
    """The phantom's beginning (posture.md 2.4)."""
    usual, other = bench.add_server(), bench.add_server(host="127.0.1.2")
    switch = await bench.start_switch()
    await bench.plug(switch)
    await asyncio.sleep(60)
    switch.misdirect(bench.port, StrayRecord.INTERIM, server="127.0.1.2")
    interim = await bench.wait_for("accounting-interim")
    await bench.wait_after(switch.cable(bench.port).unplug(), "accounting-stop")
    assert (list_statuses(usual), list_statuses(other)) == ([1, 2], [3])
    assert interim.reason == "an interim out of turn; misdirected to 127.0.1.2"
    assert interim.facts["server"] == "127.0.1.2"
    assert list_accounting(other)[0].integer(attribute.ACCT_SESSION_TIME) == 60


async def test_the_stop_can_be_misdirected_and_only_that_of_this_session(bench: Bench) -> None:
    """The stale session's beginning (posture.md 2.4)."""
    usual, other = bench.add_server(), bench.add_server(host="127.0.1.2")
    switch = await bench.start_switch()
    await bench.plug(switch)
    switch.misdirect(bench.port, StrayRecord.STOP, server="127.0.1.2")
    stop = await bench.wait_after(switch.cable(bench.port).unplug(), "accounting-stop")
    await bench.plug(switch)
    await bench.wait_after(switch.cable(bench.port).unplug(), "accounting-stop")
    assert (list_statuses(usual), list_statuses(other)) == ([1, 1, 2], [2])
    assert stop.reason == "the link went down; misdirected to 127.0.1.2"


async def test_a_misdirected_record_that_is_not_taken_is_lost_although_another_server_lives(bench: Bench) -> None:
    usual, other = bench.add_server(), bench.add_server(host="127.0.1.2")
    other.answers_accounting = False
    switch = await bench.start_switch()
    await bench.plug(switch)
    switch.misdirect(bench.port, StrayRecord.INTERIM, server="127.0.1.2")
    lost = await bench.wait_for("accounting-lost")
    assert lost.reason == "accounting-interim was not delivered: no answer from 127.0.1.2"
    assert list_statuses(usual) == [1]
    assert [record.reason for record in bench.list_records("server-silent")] == ["127.0.1.2 has not answered"]


async def test_only_a_session_with_accounting_and_a_known_server_can_be_misdirected(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    with pytest.raises(NoSessionError, match=f"{bench.port} has no session whose accounting has begun"):
        switch.misdirect(bench.port, StrayRecord.STOP, server="127.0.1.1")
    await bench.plug(switch)
    with pytest.raises(UnknownServerError, match="switch1 has no RADIUS server named psn9"):
        switch.misdirect(bench.port, StrayRecord.STOP, server="psn9")
