"""The switch as a whole: its ports, its power, its cables."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from nac.node.binding import AddressInUseError
from nad_emulator.acl import AclSyntaxError
from nad_emulator.config import AccessPortConfig
from nad_emulator.switch import Switch
from radius.packet import Code

if TYPE_CHECKING:
    from tests.nad_emulator.conftest import Bench

PORT = "GigabitEthernet1/0/1"
OTHER_PORT = "GigabitEthernet1/0/2"


async def test_a_running_switch_names_its_ports(bench: Bench) -> None:
    switch = await bench.start_switch()
    assert (switch.name, switch.kind, switch.address) == ("switch1", "switch", "127.0.3.1")
    assert list(switch.ports) == ["coa", "coa-rfc5176", f"proxy {PORT}", f"proxy {OTHER_PORT}"]
    assert all(switch.ports.values())
    assert switch.cable(PORT).gateway == "127.0.3.1"
    assert switch.cable(PORT).proxy_url == f"http://127.0.3.1:{switch.ports[f'proxy {PORT}']}"


async def test_starting_and_stopping_twice_does_nothing_more(bench: Bench) -> None:
    switch = await bench.start_switch()
    ports = switch.ports
    await switch.start()
    assert switch.ports == ports
    await switch.stop()
    await switch.stop()
    assert switch.ports == {}


async def test_a_port_in_use_is_named_and_nothing_is_left_open(bench: Bench) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.3.1", 0))
        occupied.listen()
        port = occupied.getsockname()[1]
        ports = (AccessPortConfig(name=PORT), AccessPortConfig(name=OTHER_PORT, proxy_port=port))
        switch = Switch(bench.build_config(ports=ports), bench.runtime)
        with pytest.raises(AddressInUseError, match=f"tcp 127.0.3.1:{port} is in use"):
            await switch.start()
    assert switch.ports == {}
    await switch.start()
    await switch.stop()


async def test_an_access_list_that_is_none_is_named_before_anything_starts(bench: Bench) -> None:
    config = bench.build_config(access_lists={"ACL-X": ("permit tcp any any eq",)})
    with pytest.raises(AclSyntaxError, match="access list ACL-X, line 1"):
        Switch(config, bench.runtime)


async def test_a_power_cut_tells_nobody(bench: Bench) -> None:
    server = bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    heard = len(server.requests)
    await switch.stop()
    await asyncio.sleep(3600)
    assert len(server.requests) == heard
    assert switch.access(PORT).summary == "closed"


async def test_what_is_plugged_in_begins_a_new_session_when_the_power_comes_back(bench: Bench) -> None:
    server = bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    first, url = switch.access(PORT).session_id, switch.cable(PORT).proxy_url
    await switch.stop()
    await bench.wait_after(switch.start(), "accounting-start")
    assert switch.access(PORT).session_id != first
    assert switch.cable(PORT).proxy_url == url
    assert len(server.list_requests(Code.ACCOUNTING_REQUEST)) == 2


async def test_whoever_is_plugged_in_loses_the_link_with_the_power_and_has_it_again(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    cable, links = switch.cable(PORT), list[bool]()

    async def note() -> None:
        links.append(cable.is_up)

    cable.watch(note)
    switch.cable(OTHER_PORT).watch(note)  # nothing is plugged in there, so nobody hears of it
    await bench.plug(switch)
    await switch.stop()
    await switch.stop()
    assert links == [False]
    assert not cable.is_up
    await switch.start()
    await switch.start()
    assert links == [False, True]
    assert not bench.list_records("session-ended")


async def test_power_ends_what_keeps_a_port_down(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    switch.shut(PORT)
    assert not switch.cable(PORT).is_up
    await switch.stop()
    await bench.wait_after(switch.start(), "accounting-start")
    assert switch.cable(PORT).is_up


async def test_a_cable_that_is_plugged_into_a_switch_without_power_waits_for_it(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    cable = switch.cable(PORT)
    await switch.stop()
    await cable.plug("02:00:00:00:10:01", "127.0.10.1")
    assert not cable.is_up
    await bench.wait_after(switch.start(), "accounting-start")
    assert cable.is_up


async def test_unplugging_a_switch_without_power_is_not_forgotten(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    await switch.stop()
    await switch.cable(PORT).unplug()
    await switch.start()
    assert switch.access(PORT).link == "down"


async def test_a_mac_that_is_none_cannot_be_plugged_in(bench: Bench) -> None:
    switch = await bench.start_switch()
    with pytest.raises(ValueError, match="is not a MAC address"):
        await switch.cable(PORT).plug("laptop1", "127.0.10.1")


async def test_ports_do_not_disturb_each_other(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    await bench.plug(switch)
    await bench.plug(switch, port=OTHER_PORT, mac="02:00:00:00:10:02")
    await switch.cable(PORT).unplug()
    assert (switch.access(PORT).link, switch.access(OTHER_PORT).link) == ("down", "up")
    assert switch.access(OTHER_PORT).session_id[8:16] == "00000002"


async def test_an_unknown_port_is_an_error(bench: Bench) -> None:
    switch = await bench.start_switch()
    for ask in (
        switch.cable,
        switch.access,
        switch.shut,
        switch.no_shut,
        switch.reauthenticate,
        switch.change_session_id,
    ):
        with pytest.raises(KeyError):
            ask("GigabitEthernet9/9/9")
