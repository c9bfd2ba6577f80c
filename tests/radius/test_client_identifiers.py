"""Identifiers: least recently used first, never shared by two open requests, on as many source ports as it takes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from radius import client
from radius.client import RadiusClient
from radius.packet import Code, Packet
from radius.retransmission import Retransmission

if TYPE_CHECKING:
    from tests.radius.conftest import FakeServer

PATIENT = Retransmission.every(timedelta(seconds=60), 0)


async def test_identifiers_are_taken_least_recently_used_first(radius_client: RadiusClient, server: FakeServer) -> None:
    server.answer = server.reply(Code.ACCOUNTING_RESPONSE)
    for _ in range(258):
        await radius_client.exchange(server.peer, Code.ACCOUNTING_REQUEST, [], retransmission=PATIENT)
    assert server.identifiers == [*range(256), 0, 1]
    assert len({source for _, source in server.received}) == 1


async def test_identifiers_are_counted_for_each_server(
    radius_client: RadiusClient, server: FakeServer, other_server: FakeServer
) -> None:
    for asked in (server, other_server):
        asked.answer = asked.reply(Code.ACCOUNTING_RESPONSE)
        await radius_client.exchange(asked.peer, Code.ACCOUNTING_REQUEST, [], retransmission=PATIENT)
    assert server.identifiers == other_server.identifiers == [0]
    assert server.received[0][1] == other_server.received[0][1]


async def test_another_source_port_opens_when_256_requests_are_out(
    radius_client: RadiusClient, server: FakeServer
) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(radius_client.exchange(server.peer, Code.ACCOUNTING_REQUEST, [], retransmission=PATIENT))
            for _ in range(300)
        ]
        await server.wait_received(300)
        for data, source in server.received:
            server.sock.sendto(server.reply(Code.ACCOUNTING_RESPONSE)(data)[0], source)
    assert all(task.result().code == Code.ACCOUNTING_RESPONSE for task in tasks)
    by_port: dict[tuple[str, int], list[int]] = {}
    for data, source in server.received:
        by_port.setdefault(source, []).append(data[1])
    assert sorted(len(identifiers) for identifiers in by_port.values()) == [44, 256]
    assert all(len(set(identifiers)) == len(identifiers) for identifiers in by_port.values())


async def test_requests_wait_in_line_when_all_source_ports_are_full(
    radius_client: RadiusClient, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAXIMUM_SOURCE_PORTS", 1)

    def ask() -> asyncio.Task[Packet]:
        return asyncio.ensure_future(
            radius_client.exchange(server.peer, Code.ACCOUNTING_REQUEST, [], retransmission=PATIENT)
        )

    tasks = [ask() for _ in range(256)]
    await server.wait_received(256)
    late = ask()
    await asyncio.sleep(0)
    server.answer = server.reply(Code.ACCOUNTING_RESPONSE)
    data, source = server.received[41]
    server.sock.sendto(server.reply(Code.ACCOUNTING_RESPONSE)(data)[0], source)
    await late
    assert server.identifiers[256:] == [data[1]]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_cancellation_frees_the_identifier(
    radius_client: RadiusClient, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAXIMUM_SOURCE_PORTS", 1)
    tasks = [
        asyncio.ensure_future(radius_client.exchange(server.peer, Code.ACCOUNTING_REQUEST, [], retransmission=PATIENT))
        for _ in range(256)
    ]
    await server.wait_received(256)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    server.answer = server.reply(Code.ACCOUNTING_RESPONSE)
    await radius_client.exchange(server.peer, Code.ACCOUNTING_REQUEST, [], retransmission=PATIENT)
    assert len(server.received) == 257
