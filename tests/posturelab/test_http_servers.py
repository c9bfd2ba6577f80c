"""What holds for every HTTP server of a lab: it opens all its ports or none, and leaves them when it stops."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from aiohttp import web

from mnt.config import MntConfig
from mnt.rest_answers import RestAnswers
from mnt.rest_api import RestApi
from mnt.session_directory import SessionDirectory
from nac.node.binding import AddressInUseError, bind_tcp
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from posturelab.control.server import ControlServer
from posturelab.topology.model import ControlEntry
from posturelab.website import Website, WebsiteConfig
from psn.coa.message import ProxyCoa
from psn.coa.order import CoaOutcome
from psn.config import PsnConfig, PsnPorts
from psn.internode.server import InternodeServer
from psn.portal.server import PosturePortal
from psn.posture.policy import PostureSettings
from psn.session_cache import SessionCache
from tests.psn.noted_results import NotedResults

ADDRESS = "127.0.0.1"


class Server(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def make_runtime() -> Runtime:
    clock = StandingClock()
    return Runtime(node="node1", clock=clock, random=random.Random(1), journal=Journal(clock))


def make_tls() -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.verify_mode = ssl.CERT_REQUIRED
    return tls


def make_portal(port: int) -> Server:
    config = PsnConfig(
        name="psn1",
        fqdn="psn1.lab.test",
        address=ADDRESS,
        ports=PsnPorts(portal=0, posture=port),
        posture=PostureSettings(),
        tls=make_tls(),
    )
    return PosturePortal(config, make_runtime(), sessions=SessionCache(), sink=NotedResults())


def make_internode_server(port: int) -> Server:
    async def refuse(_: ProxyCoa) -> CoaOutcome:
        raise AssertionError

    return InternodeServer(make_runtime(), address=ADDRESS, port=port, tls=make_tls(), on_coa=refuse)


def make_rest_api(port: int) -> Server:
    config = MntConfig(name="mnt1", address=ADDRESS, api_port=port)
    return RestApi(config, make_runtime(), RestAnswers(SessionDirectory()), tls=make_tls())


def make_control_server(port: int) -> Server:
    return ControlServer(ControlEntry(address=ADDRESS, port=port), routes=[], observe=lambda *_: None)


def make_website(port: int) -> Server:
    return Website(WebsiteConfig(name="web1", address=ADDRESS, http_port=port), make_runtime())


Maker = Callable[[int], Server]
"""Makes a server of which one port is given, 0 for any."""

pytestmark = pytest.mark.parametrize(
    "make", [make_portal, make_internode_server, make_rest_api, make_control_server, make_website]
)


def list_sockets() -> set[str]:
    """List the open sockets of this process."""
    links = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.add(str(descriptor.readlink()))
        except FileNotFoundError:  # the one by which the folder was read
            continue
    return {link for link in links if link.startswith("socket:")}


def find_free_port() -> int:
    with bind_tcp(ADDRESS, 0) as sock:
        port: int = sock.getsockname()[1]
    return port


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((ADDRESS, port)) == 0


async def test_stopped_server_has_left_its_port_and_starts_again(make: Maker) -> None:
    port = find_free_port()
    before = list_sockets()
    server = make(port)
    for _ in range(2):
        await server.start()
        assert is_open(port)
        await server.stop()
        await server.stop()
        assert not is_open(port)
    assert list_sockets() == before


async def test_port_in_use_is_named_and_nothing_is_left_open(make: Maker) -> None:
    with bind_tcp(ADDRESS, 0) as taken:
        taken.listen()
        before = list_sockets()
        port: int = taken.getsockname()[1]
        server = make(port)
        with pytest.raises(AddressInUseError) as caught:
            await server.start()
        assert caught.value.port == port
        assert list_sockets() == before
        await server.stop()


async def test_start_that_fails_after_binding_leaves_nothing_open(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: web.AppRunner) -> None:
        raise RuntimeError("too early")

    monkeypatch.setattr(web.AppRunner, "setup", fail)
    before = list_sockets()
    server = make(0)
    # while the error is held, its traceback keeps what was forgotten from being closed by chance
    with pytest.raises(RuntimeError, match="too early") as caught:
        await server.start()
    assert list_sockets() == before, caught.value
    await server.stop()
