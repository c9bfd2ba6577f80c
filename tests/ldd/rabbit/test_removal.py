"""Queues that are removed from a broker, and a broker where that is not possible."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ldd.broker_settings import BrokerSettings
from ldd.link import LinkEvent
from ldd.rabbit.removal import NodesConnectedError, remove_queues
from ldd.rabbit.trouble import SessionLostError
from tests.ldd.link_harness import Inbox, RabbitHarness, hasten, start_all, stop_all
from tests.rabbitmq_server import RabbitMqServer, find_free_ports


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(monkeypatch)


async def leave_letter(harness: RabbitHarness, letter: bytes) -> None:
    psn1 = Inbox(harness.link("psn1"))
    await start_all(psn1)
    psn1.link.post("mnt1", letter)
    await stop_all(psn1)


async def test_what_waits_for_these_nodes_is_gone_and_nothing_else(rabbitmq: RabbitMqServer) -> None:
    here, elsewhere = RabbitHarness(rabbitmq), RabbitHarness(rabbitmq)
    for harness in (here, elsewhere):
        await leave_letter(harness, b"1")
    settings = BrokerSettings(urls=(rabbitmq.url,))
    for _ in range(2):  # the second time there is nothing to remove
        await remove_queues(settings, deployment=here.deployment, nodes=["psn1", "mnt1"])
    names = rabbitmq.control("list_queues", "name")
    assert here.deployment not in names
    assert f"posturelab.{elsewhere.deployment}.log.mnt1" in names
    await leave_letter(here, b"2")
    for harness, letter in ((here, 2), (elsewhere, 1)):
        mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
        await start_all(mnt1)
        assert await mnt1.wait_for_letters(1) == [letter]
        await stop_all(mnt1)


async def test_nothing_is_removed_while_nodes_are_connected_and_they_go_on(rabbitmq: RabbitMqServer) -> None:
    harness = RabbitHarness(rabbitmq)
    await leave_letter(harness, b"1")
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"), mailboxes=["psn2"])
    await start_all(psn1, psn2)
    settings = BrokerSettings(urls=(rabbitmq.url, rabbitmq.url))
    before = rabbitmq.control("list_queues", "name", "messages")
    with pytest.raises(NodesConnectedError) as caught:
        await remove_queues(settings, deployment=harness.deployment, nodes=["mnt1", "psn1", "psn2", "psn3"])
    assert caught.value.nodes == ("psn1", "psn2")
    assert rabbitmq.control("list_queues", "name", "messages") == before
    assert psn1.kinds == psn2.kinds == [LinkEvent.UP]
    await stop_all(psn1, psn2)
    await remove_queues(settings, deployment=harness.deployment, nodes=["mnt1", "psn1", "psn2", "psn3"])
    assert harness.deployment not in rabbitmq.control("list_queues", "name")


async def test_a_node_that_connects_meanwhile_keeps_its_queue(
    rabbitmq: RabbitMqServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def overlook(*_: object) -> bool:
        return False

    monkeypatch.setattr("ldd.rabbit.removal._is_used", overlook)
    harness = RabbitHarness(rabbitmq)
    psn1 = Inbox(harness.link("psn1"))
    await start_all(psn1)
    with pytest.raises(NodesConnectedError, match="nodes are connected to the broker: psn1"):
        await remove_queues(BrokerSettings(urls=(rabbitmq.url,)), deployment=harness.deployment, nodes=["psn1"])
    assert f"posturelab.{harness.deployment}.psn1" in rabbitmq.control("list_queues", "name")
    assert psn1.kinds == [LinkEvent.UP]
    await stop_all(psn1)


async def test_every_broker_is_tried_and_silence_has_a_bound(rabbitmq: RabbitMqServer) -> None:
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    (free,) = find_free_ports(1)
    urls = tuple(f"amqp://guest:guest@127.0.0.1:{number}" for number in (port, free))
    patience = timedelta(seconds=0.5)
    with pytest.raises(SessionLostError) as caught:
        await remove_queues(BrokerSettings(urls=urls, connect_timeout=patience), deployment="a", nodes=["psn1"])
    silence = f"amqp://127.0.0.1:{port}: the broker does not answer"
    absence = f"amqp://127.0.0.1:{free}: the broker cannot be reached: Connection refused"
    assert str(caught.value) == f"{silence}; {absence}"
    settings = BrokerSettings(urls=(urls[1], rabbitmq.url))
    await remove_queues(settings, deployment="a", nodes=["psn1"])
    for writer in writers:
        writer.close()
    silent.close()
