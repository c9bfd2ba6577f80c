"""The cable between two processes: who sees which link, and who comes back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from nac.cable import Cable
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nad_emulator.switch import Switch
from posturelab import assembly
from posturelab.clock import LabClock, LabLoop
from posturelab.control.server import ControlServer
from posturelab.control.switch import SwitchControl
from posturelab.remote_cable import RemoteCable
from posturelab.topology.model import ControlEntry, Topology
from tests.posturelab.conftest import BLOCK

PORT = "GigabitEthernet1/0/1"
ADDRESS = f"127.{BLOCK}.3.1"
MAC = "02:00:00:00:10:01"
LAPTOP = f"127.{BLOCK}.10.1"
NODE_PORT = 8601
PLACE = f"{PORT} by http://{ADDRESS}:{NODE_PORT}"


class Jack:
    """The node control of a switch, that goes and comes again, and an endpoint's end of a cable."""

    def __init__(self, topology: Topology) -> None:
        self.clock = LabClock(asyncio.get_running_loop())
        self.journal = Journal(self.clock)
        self._topology = topology
        self._server: ControlServer | None = None
        self.links: list[bool] = []
        self.cable = self.make_cable()
        self.cable.watch(self._note)

    def make_cable(self, *, token: str = "key", port: str = PORT) -> RemoteCable:
        control = f"http://{ADDRESS}:{NODE_PORT}"
        return RemoteCable(control, port, gateway=ADDRESS, token=token, observe=self.journal.writer("laptop1"))

    async def _note(self) -> None:
        self.links.append(self.cable.is_up)

    async def start(self) -> None:
        """Begin as a switch does that knows nothing of earlier cables."""
        runtime = Runtime(node="switch1", clock=self.clock, random=random.Random(1), journal=self.journal)
        self.switch = Switch(assembly.build_switch_config(self._topology, "switch1"), runtime)
        await self.switch.start()
        settings = ControlEntry(address=ADDRESS, port=NODE_PORT, token="key")
        routes = SwitchControl(self.switch).list_routes()
        self._server = ControlServer(settings, routes=routes, observe=self.journal.writer("switch1"))
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self.switch.stop()
            await self._server.stop()

    async def post(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        url = f"http://{ADDRESS}:{NODE_PORT}/ports/{path}"
        headers = {"Authorization": "Bearer key"}
        async with aiohttp.ClientSession() as session, session.post(url, json=body or {}, headers=headers) as response:
            return response.status, await response.json()

    def list_reasons(self, event: str) -> list[str]:
        return [record.reason for record in self.journal if record.event == event]


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it is the other end that changes
            await asyncio.sleep(0.1)


@pytest_asyncio.fixture
async def jack(campus: Topology) -> AsyncIterator[Jack]:
    jack = Jack(campus)
    await jack.start()
    yield jack
    await jack.cable.unplug()
    await jack.stop()


async def test_a_cable_is_in_until_it_is_pulled_out(jack: Jack) -> None:
    cable: Cable = jack.cable
    assert not cable.is_up
    await cable.plug(MAC, LAPTOP)
    assert cable.is_up
    assert cable.gateway == ADDRESS
    assert cable.proxy_url == jack.switch.cable(PORT).proxy_url
    view = jack.switch.access(PORT)
    assert (view.link, view.mac, view.address) == ("up", MAC, LAPTOP)
    await cable.unplug()
    assert not cable.is_up
    await asyncio.sleep(1)
    assert jack.switch.access(PORT).link == "down"
    assert jack.links == [], "what one does oneself is no news"
    assert jack.list_reasons("link-up") == [f"the cable is in {PLACE}"]


async def test_a_switch_that_comes_again_has_the_cable_again(jack: Jack) -> None:
    await jack.cable.plug(MAC, LAPTOP)
    await jack.stop()
    await wait_until(lambda: not jack.cable.is_up)
    await asyncio.sleep(10)
    await jack.start()
    await wait_until(lambda: jack.cable.is_up)
    assert jack.switch.access(PORT).link == "up"
    assert jack.links == [False, True]
    assert jack.list_reasons("link-down") == [
        f"{PLACE} is down",
        f"{PLACE} is there no more",
        f"{PLACE} does not answer: Connection refused",
    ]


async def test_a_switch_that_hangs_is_told_apart_from_one_that_is_gone(jack: Jack) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LabLoop)
    await jack.cable.plug(MAC, LAPTOP)
    loop.halt([ADDRESS])
    await wait_until(lambda: not jack.cable.is_up)
    assert jack.list_reasons("link-down") == [f"{PLACE} does not answer any more"]
    await asyncio.sleep(30)
    loop.halt([])
    await wait_until(lambda: jack.cable.is_up)
    assert jack.links == [False, True]
    assert jack.switch.access(PORT).mac == MAC


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x83\x00", "breaks the connection off: WebSocketError"),
        (b"\x81\x02[]", "answers as no switch does"),
        (b"\x81\x01x", "answers as no switch does"),
        (b"\x88\x00", "is there no more"),
    ],
    ids=["a frame of an unknown kind", "another message", "no JSON", "a farewell"],
)
async def test_a_switch_that_says_something_else_is_told_as_that(jack: Jack, data: bytes, reason: str) -> None:
    async def speak(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert request.transport is not None
        request.transport.write(data)
        await socket.receive()
        return socket

    await jack.stop()
    settings = ControlEntry(address=ADDRESS, port=NODE_PORT, token="key")
    routes = [web.get("/ports/{port:.+}/cable", speak)]
    stranger = ControlServer(settings, routes=routes, observe=jack.journal.writer("switch1"))
    await stranger.start()
    await jack.cable.plug(MAC, LAPTOP)
    await stranger.stop()
    assert not jack.cable.is_up
    assert jack.list_reasons("link-down")[0] == f"{PLACE} {reason}"


async def test_a_port_that_goes_down_and_comes_up_is_seen_at_the_other_end(jack: Jack) -> None:
    await jack.cable.plug(MAC, LAPTOP)
    jack.switch.shut(PORT)
    await wait_until(lambda: not jack.cable.is_up)
    jack.switch.no_shut(PORT)
    await wait_until(lambda: jack.cable.is_up)
    assert jack.links == [False, True]
    assert jack.list_reasons("link-down") == [f"{PLACE} is down"]
    jack.switch.shut(PORT)
    await wait_until(lambda: not jack.cable.is_up)
    await jack.cable.unplug()
    await asyncio.sleep(1)
    await jack.cable.plug(MAC, LAPTOP)
    assert not jack.cable.is_up


async def test_a_switch_without_power_is_waited_for(jack: Jack) -> None:
    await jack.stop()
    await jack.cable.plug(MAC, LAPTOP)
    assert not jack.cable.is_up
    assert jack.links == []
    await jack.start()
    await wait_until(lambda: jack.cable.is_up)
    assert jack.links == [True]


async def test_power_is_cut_without_a_word_about_the_cables(jack: Jack) -> None:
    await jack.cable.plug(MAC, LAPTOP)
    await jack.stop()
    assert jack.list_reasons("session-ended") == []


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"token": "wrong"}, "it asks for a token that is another"),
        ({"port": "GigabitEthernet1/0/9"}, "it has no such port"),
    ],
)
async def test_what_the_switch_does_not_let_in_is_told_why(jack: Jack, settings: dict[str, str], reason: str) -> None:
    cable = jack.make_cable(**settings)
    await cable.plug(MAC, LAPTOP)
    assert not cable.is_up
    place = PLACE.replace(PORT, settings.get("port", PORT))
    assert jack.list_reasons("link-down") == [f"{place} refuses the cable: {reason}"]
    await asyncio.sleep(10)
    assert len(jack.list_reasons("link-down")) == 1, "a reason is told once"
    await cable.unplug()


async def test_a_port_has_one_cable(jack: Jack) -> None:
    await jack.cable.plug(MAC, LAPTOP)
    other = jack.make_cable()
    await other.plug("02:00:00:00:10:02", f"127.{BLOCK}.10.2")
    assert jack.list_reasons("link-down") == [f"{PLACE} refuses the cable: another cable is in there"]
    sentence = f"the cable of {MAC} is in {PORT}; its endpoint must pull it out"
    assert await jack.post(f"{PORT}/unplug") == (409, {"error": sentence})
    await jack.cable.unplug()
    await wait_until(lambda: other.is_up)
    assert jack.switch.access(PORT).mac == "02:00:00:00:10:02"
    await other.unplug()


async def test_an_endpoint_that_dies_has_lost_its_link(jack: Jack) -> None:
    url = f"http://{ADDRESS}:{NODE_PORT}/ports/{PORT}/cable"
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as session:
        socket = await session.ws_connect(url, params={"mac": MAC, "address": LAPTOP})
        await socket.receive_json()
        assert jack.switch.access(PORT).link == "up"
    await wait_until(lambda: jack.switch.access(PORT).link == "down")


@pytest.mark.parametrize("port", [PORT, PORT.replace("/", "%2F")])
async def test_anything_can_be_plugged_in_by_a_request(jack: Jack, port: str) -> None:
    status, view = await jack.post(f"{port}/plug", {"mac": MAC, "address": LAPTOP})
    assert (status, view["port"], view["link"], view["mac"]) == (200, PORT, "up", MAC)
    status, view = await jack.post(f"{port}/unplug")
    assert (status, view["link"], view["mac"]) == (200, "down", "")


async def test_a_port_authenticates_again_and_renumbers_when_it_is_asked_to(jack: Jack) -> None:
    _, plugged = await jack.post(f"{PORT}/plug", {"mac": MAC, "address": LAPTOP})
    status, view = await jack.post(f"{PORT}/reauthenticate")
    assert (status, view["session_id"]) == (200, plugged["session_id"])
    status, view = await jack.post(f"{PORT}/new-session-id", {"stop": False})
    assert status == 200
    assert view["session_id"] not in ("", plugged["session_id"])


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("Gi1/0/1/plug", None, 404, f"no access port of switch1 is called 'Gi1/0/1'; there are: {PORT}, "),
        (f"{PORT}/plug", {"mac": "x", "address": LAPTOP}, 400, "'x' is not a MAC address"),
        (f"{PORT}/plug", {"mac": MAC, "address": "x"}, 400, "'x' is not an IPv4 address"),
        (f"{PORT}/plug", None, 400, "the body must be like "),
        (f"{PORT}/reauthenticate", None, 409, f"{PORT} has no session"),
        (f"{PORT}/new-session-id", None, 409, f"{PORT} has no session"),
        (f"{PORT}/misdirect", {"send": "stop", "to": "psn1"}, 409, f"{PORT} has no session whose accounting has begun"),
        (f"{PORT}/misdirect", {"send": "stop", "to": "psn9"}, 409, "switch1 has no RADIUS server named psn9"),
        (f"{PORT}/misdirect", {"send": "start", "to": "psn1"}, 400, "send is interim or stop, not 'start'"),
    ],
)
async def test_what_a_port_cannot_do_is_said_in_one_sentence(
    jack: Jack, path: str, body: dict[str, Any] | None, status: int, sentence: str
) -> None:
    answered, told = await jack.post(path, body)
    assert answered == status
    assert told["error"].startswith(sentence)


async def test_what_is_no_websocket_leaves_the_port_as_it_was(jack: Jack) -> None:
    url = f"http://{ADDRESS}:{NODE_PORT}/ports/{PORT}/cable"
    query = {"mac": MAC, "address": LAPTOP}
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as session:
        async with session.get(url, params=query) as response:
            assert response.status == 400
        assert (await jack.post(f"{PORT}/plug", {"mac": MAC, "address": LAPTOP}))[0] == 200, "nobody holds it"
        async with session.get(url, params=query) as response:
            assert response.status == 409
    assert jack.switch.access(PORT).link == "up"


async def test_a_cable_that_a_request_plugged_in_is_not_replaced(jack: Jack) -> None:
    await jack.post(f"{PORT}/plug", {"mac": "02:00:00:00:10:02", "address": f"127.{BLOCK}.10.2"})
    await jack.cable.plug(MAC, LAPTOP)
    assert jack.list_reasons("link-down") == [f"{PLACE} refuses the cable: another cable is in there"]
    assert jack.switch.access(PORT).mac == "02:00:00:00:10:02"
    await jack.post(f"{PORT}/unplug")
    await wait_until(lambda: jack.cable.is_up)
    assert jack.switch.access(PORT).mac == MAC
