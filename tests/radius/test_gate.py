"""The gate of a server and of a client: what its keeper is asked, and that what comes late meets no closed socket."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from radius.client import NoResponseError, Peer, RadiusClient
from radius.gate import Gate
from radius.packet import Code
from radius.retransmission import Retransmission
from radius.server import Address, Reply
from tests.radius.conftest import SECRET, OpenDesk

PATIENTLY = Retransmission.every(timedelta(seconds=10), 0)
BRIEFLY = Retransmission.every(timedelta(milliseconds=50), 0)


class Keeper:
    """Keeps every datagram, with its ends, until a test lets it pass."""

    def __init__(self) -> None:
        self.kept: asyncio.Queue[tuple[Address, Address, Callable[[], None]]] = asyncio.Queue()

    def __call__(self, source: Address, destination: Address, pass_on: Callable[[], None]) -> None:
        self.kept.put_nowait((source, destination, pass_on))


def build_client(gate: Gate) -> RadiusClient:
    return RadiusClient(host="127.0.0.1", random=random.Random(1), observe=lambda *_: None, gate=gate)


@pytest.mark.parametrize("door", ["entering", "leaving"])
async def test_a_server_s_keeper_is_told_both_ends_and_decides_when(open_desk: OpenDesk, door: str) -> None:
    desk = open_desk({Code.ACCESS_REQUEST: lambda _: Reply(Code.ACCESS_ACCEPT)})
    keeper = Keeper()
    setattr(desk.server.gate, door, keeper)
    client = build_client(Gate())
    peer = Peer(host="127.0.0.1", port=desk.port, secret=SECRET)
    asking = asyncio.ensure_future(client.exchange(peer, Code.ACCESS_REQUEST, [], retransmission=PATIENTLY))
    *ends, pass_on = await keeper.kept.get()
    assert ends[door == "entering"] == ("127.0.0.1", desk.port)
    assert not asking.done()
    pass_on()
    assert (await asking).code == Code.ACCESS_ACCEPT
    client.close()


@pytest.mark.parametrize("door", ["entering", "leaving"])
async def test_a_client_s_keeper_may_lose_what_it_keeps(open_desk: OpenDesk, door: str) -> None:
    desk = open_desk({Code.ACCESS_REQUEST: lambda _: Reply(Code.ACCESS_ACCEPT)})
    gate, keeper = Gate(), Keeper()
    setattr(gate, door, keeper)
    client = build_client(gate)
    peer = Peer(host="127.0.0.1", port=desk.port, secret=SECRET)
    with pytest.raises(NoResponseError):
        await client.exchange(peer, Code.ACCESS_REQUEST, [], retransmission=BRIEFLY)
    client.close()
    *ends, pass_on = keeper.kept.get_nowait()
    assert ends[door == "leaving"] == ("127.0.0.1", desk.port)
    pass_on()


@pytest.mark.parametrize("door", ["entering", "leaving"])
async def test_what_passes_after_a_server_has_stopped_is_lost(open_desk: OpenDesk, door: str) -> None:
    desk = open_desk({Code.ACCESS_REQUEST: lambda _: Reply(Code.ACCESS_ACCEPT)})
    keeper = Keeper()
    setattr(desk.server.gate, door, keeper)
    client = build_client(Gate())
    peer = Peer(host="127.0.0.1", port=desk.port, secret=SECRET)
    with pytest.raises(NoResponseError):
        await client.exchange(peer, Code.ACCESS_REQUEST, [], retransmission=BRIEFLY)
    client.close()
    await desk.server.stop()
    keeper.kept.get_nowait()[2]()
    assert not desk.drops
