"""What is RabbitMQ's own: its names, and every kind of trouble with a broker that was there."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aio_pika
import pytest
import uvloop

from ldd.link import LinkEvent
from posturelab.clock import LabLoop
from tests.ldd.link_harness import PATIENCE, Inbox, RabbitHarness, hasten, number, start_all, stop_all
from tests.rabbitmq_server import RabbitMqServer

SHORT = timedelta(seconds=2)
"""For a confirmation; much longer than one takes on a busy machine."""


@pytest.fixture
def harness(rabbitmq: RabbitMqServer) -> RabbitHarness:
    return RabbitHarness(rabbitmq)


@pytest.fixture
async def failures() -> list[dict[str, Any]]:
    """What was reported to the loop."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    return contexts


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(monkeypatch)


@pytest.fixture(autouse=True)
def _nothing_is_reported(failures: list[dict[str, Any]]) -> Any:
    yield
    assert failures == []


@asynccontextmanager
async def open_stranger(server: RabbitMqServer) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """Somebody at the broker who is no node."""
    connection = await aio_pika.connect(server.url)
    async with connection, connection.channel() as channel:
        yield channel


async def control(server: RabbitMqServer, *arguments: str) -> str:
    return await asyncio.to_thread(server.control, *arguments)


async def test_names_arguments_and_messages_are_the_documented_ones(
    harness: RabbitHarness, rabbitmq: RabbitMqServer
) -> None:
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    name = f"posturelab.{harness.deployment}"
    await start_all(psn1, mnt1)
    async with open_stranger(rabbitmq) as channel:
        exchange = await channel.declare_exchange(name, "fanout", durable=True)
        own = await channel.declare_queue(exclusive=True)
        await own.bind(exchange)
        psn1.link.publish("session", "a", b'{"id":"a"}')
        async with asyncio.timeout(PATIENCE):
            async with own.iterator() as messages:
                message = await anext(messages)
        await message.ack()
    assert json.loads(message.body) == {
        "schemaVersion": 1,
        "node": "psn1",
        "stream": json.loads(message.body)["stream"],
        "sequence": 1,
        "topic": "session",
        "records": [{"id": "a"}],
    }
    assert message.delivery_mode == aio_pika.DeliveryMode.NOT_PERSISTENT
    assert message.content_type == "application/json"
    queues = json.loads(await control(rabbitmq, "list_queues", "name", "durable", "arguments", "--formatter", "json"))
    found = {queue["name"]: queue for queue in queues}
    assert all(found[f"{name}.{node}"]["durable"] for node in ("psn1", "mnt1", "log.mnt1"))
    await stop_all(psn1, mnt1)


async def test_letters_are_persistent_and_survive_a_broker_that_is_killed(harness: RabbitHarness) -> None:
    psn1 = Inbox(harness.link("psn1"))
    await start_all(psn1)
    for letter in number(50):
        psn1.link.post("mnt1", letter)
    await psn1.link.stop()
    await asyncio.sleep(1.0)  # a broker writes that there is a new queue in its own time, which it does not tell
    await harness.fail()
    await harness.recover()
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(mnt1)
    assert await mnt1.wait_for_letters(50) == list(range(50))
    await stop_all(mnt1)


async def test_a_second_node_of_the_same_name_is_told_and_takes_over_when_the_first_is_gone(
    harness: RabbitHarness,
) -> None:
    first, second = Inbox(harness.link("psn1")), Inbox(harness.link("psn1"))
    await start_all(first)
    await second.link.start()
    reason = await second.wait_for_event(LinkEvent.DOWN)
    assert reason.endswith(
        "another node named psn1 is connected to the broker; labs at one broker need names of their own"
    )
    assert first.kinds == [LinkEvent.UP]
    await stop_all(first)
    await second.wait_until_up()
    await stop_all(second)


async def test_a_mailbox_has_one_receiver_in_a_deployment(harness: RabbitHarness) -> None:
    first = Inbox(harness.link("mnt1"), mailboxes=["mnt"])
    second = Inbox(harness.link("mnt2"), mailboxes=["mnt"])
    await start_all(first)
    await second.link.start()
    assert (await second.wait_for_event(LinkEvent.DOWN)).endswith("another node empties mailbox mnt")
    await stop_all(first, second)


Upset = Callable[[Inbox], Awaitable[None]]
"""Brings trouble about, and sees from the link of the sender how far that has come."""


async def exchange_everything(harness: RabbitHarness, upset: Upset, **settings: Any) -> list[Inbox]:
    """Send throughout a trouble; afterwards every letter is there once and the newest record too."""
    psn1 = Inbox(harness.link("psn1", **settings))
    mnt1 = Inbox(harness.link("mnt1", **settings), mailboxes=["mnt1"])
    await start_all(psn1, mnt1)

    over = asyncio.Event()

    async def send() -> int:
        for item in itertools.count():
            psn1.link.publish("session", "a", str(item).encode())
            psn1.link.post("mnt1", str(item).encode())
            await asyncio.sleep(0.005)
            if over.is_set():
                return item + 1
        raise AssertionError

    sending = asyncio.create_task(send())
    await mnt1.wait_for_letters(5)
    await upset(psn1)
    over.set()
    count = await sending
    assert await mnt1.wait_for_letters(count) == list(range(count))
    await mnt1.wait_for(lambda: mnt1.values[-1] == count - 1)
    await psn1.wait_for_event(LinkEvent.UP, count=2)
    await stop_all(psn1, mnt1)
    assert mnt1.letters == list(range(count))
    return [psn1, mnt1]


async def test_closed_connections_cost_nothing_but_time(harness: RabbitHarness, rabbitmq: RabbitMqServer) -> None:
    async def upset(_: Inbox) -> None:
        await control(rabbitmq, "close_all_connections", "because of a test")

    for inbox in await exchange_everything(harness, upset):
        reason = await inbox.wait_for_event(LinkEvent.DOWN)
        assert reason == (
            f"amqp://127.0.0.1:{rabbitmq.port}: the broker closed the connection: CONNECTION_FORCED - because of a test"
        )
        assert [kind for kind in inbox.kinds if kind is not LinkEvent.MISSED][:2] == [LinkEvent.UP, LinkEvent.DOWN]


async def test_a_broker_that_hangs_costs_nothing_but_time(harness: RabbitHarness, rabbitmq: RabbitMqServer) -> None:
    async def upset(psn1: Inbox) -> None:
        rabbitmq.freeze()
        await psn1.wait_for_event(LinkEvent.DOWN)
        await asyncio.sleep(1.5 * SHORT.total_seconds())  # so that it is tried again in vain
        rabbitmq.thaw()

    psn1, _ = await exchange_everything(harness, upset, confirm_timeout=SHORT, connect_timeout=SHORT)
    reason = await psn1.wait_for_event(LinkEvent.DOWN)
    assert reason.endswith("the broker did not confirm a message within 2 s")
    assert psn1.kinds.count(LinkEvent.UP) == 2


async def test_a_broker_that_hangs_before_a_mailbox_is_declared_is_noticed_as_soon(
    harness: RabbitHarness, rabbitmq: RabbitMqServer
) -> None:
    psn1 = Inbox(harness.link("psn1", confirm_timeout=SHORT))
    await start_all(psn1)
    rabbitmq.freeze()
    psn1.link.post("mnt1", b"1")
    reason = await psn1.wait_for_event(LinkEvent.DOWN)
    rabbitmq.thaw()
    assert reason.endswith("the broker did not declare mailbox mnt1 within 2 s")
    await stop_all(psn1)


async def test_a_broker_short_of_memory_costs_nothing_but_time(
    harness: RabbitHarness, rabbitmq: RabbitMqServer
) -> None:
    async def upset(psn1: Inbox) -> None:
        await control(rabbitmq, "set_vm_memory_high_watermark", "0.000001")
        await psn1.wait_for_event(LinkEvent.DOWN)
        await asyncio.sleep(1.5 * SHORT.total_seconds())  # so that it is tried again in vain
        await control(rabbitmq, "set_vm_memory_high_watermark", "0.4")

    psn1, _ = await exchange_everything(harness, upset, confirm_timeout=SHORT)
    assert psn1.kinds.count(LinkEvent.UP) == 2, "a link that is not served does not say that it is up"


async def test_queues_that_somebody_deletes_are_made_again(harness: RabbitHarness, rabbitmq: RabbitMqServer) -> None:
    psn1 = Inbox(harness.link("psn1"))
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(psn1, mnt1)
    psn1.link.post("mnt1", b"1")
    await mnt1.wait_for_letters(1)
    async with open_stranger(rabbitmq) as channel:
        await channel.queue_delete(f"posturelab.{harness.deployment}.psn1")
        await psn1.wait_for_event(LinkEvent.UP, count=2)
        await channel.queue_delete(f"posturelab.{harness.deployment}.log.mnt1")
    assert await psn1.wait_for_event(LinkEvent.DOWN) == await mnt1.wait_for_event(LinkEvent.DOWN)
    psn1.link.post("mnt1", b"2")
    assert await mnt1.wait_for_letters(2) == [1, 2]
    await stop_all(psn1, mnt1)


async def test_a_mailbox_that_vanishes_under_its_sender_loses_no_letter_of_his(
    harness: RabbitHarness, rabbitmq: RabbitMqServer
) -> None:
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(psn1, mnt1)
    await stop_all(mnt1)
    psn1.link.post("mnt1", b"1")
    mailbox = f"posturelab.{harness.deployment}.log.mnt1"
    async with open_stranger(rabbitmq) as channel:
        queue = await channel.get_queue(mailbox)
        async with asyncio.timeout(PATIENCE), queue.iterator(no_ack=True) as messages:
            await anext(messages)
        await channel.queue_delete(mailbox)
    psn1.link.post("mnt1", b"2")
    assert (await psn1.wait_for_event(LinkEvent.DOWN)).endswith("a queue has disappeared from the broker")
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(mnt1)
    await mnt1.wait_for(lambda: mnt1.deliveries)
    assert [delivery.first for delivery in mnt1.deliveries] == [2]
    await stop_all(psn1, mnt1)


async def test_a_full_mailbox_makes_letters_wait_at_their_sender(
    harness: RabbitHarness, rabbitmq: RabbitMqServer
) -> None:
    psn1 = Inbox(harness.link("psn1"))
    await start_all(psn1)
    await control(rabbitmq, "set_policy", "full", rf"^posturelab\.{harness.deployment}\.log", '{"max-length":3}')
    for letter in number(20):
        psn1.link.post("mnt1", letter)
        await asyncio.sleep(0.02)
    assert psn1.kinds == [LinkEvent.UP]
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(mnt1)
    assert await mnt1.wait_for_letters(20) == list(range(20))
    await control(rabbitmq, "clear_policy", "full")
    await stop_all(psn1, mnt1)


async def test_records_that_nobody_can_read_are_told_of_once_for_each_reason_and_block_nothing(
    harness: RabbitHarness, rabbitmq: RabbitMqServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node of another release writes all day, and to ask the others would bring no record of it back."""
    monkeypatch.setattr("ldd.link_state.UNREADABLE_LIMIT", 3)
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"))
    await start_all(psn1, psn2)
    async with open_stranger(rabbitmq) as channel:
        exchange = await channel.get_exchange(f"posturelab.{harness.deployment}")
        for _ in range(3):
            for body in (b"\xff", *(b'{"schemaVersion":2,"node":"psn%d"}' % item for item in (8, 9, 10))):
                await exchange.publish(aio_pika.Message(body), "")
    psn1.link.publish("session", "a", b"1")
    assert await psn2.wait_for_records(1) == [1]
    newer = "records are thrown away: psn{} writes schema version 2, and this release knows 1"
    assert psn2.events[1:] == [
        (LinkEvent.UNREADABLE, "records are thrown away: it is not JSON"),
        *((LinkEvent.UNREADABLE, newer.format(item)) for item in (8, 9)),
    ]
    await stop_all(psn1, psn2)


async def test_a_gap_in_a_senders_messages_is_told(harness: RabbitHarness, rabbitmq: RabbitMqServer) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"))
    await start_all(psn1, psn2)
    psn1.link.publish("session", "a", b"1")
    await psn2.wait_for_records(1)
    async with open_stranger(rabbitmq) as channel:
        queue = await channel.get_queue(f"posturelab.{harness.deployment}.psn2")
        await queue.unbind(f"posturelab.{harness.deployment}")
        psn1.link.publish("session", "a", b"2")
        await psn1.link.drain()
        await queue.bind(f"posturelab.{harness.deployment}")
    psn1.link.publish("session", "b", b"3")
    assert await psn2.wait_for_records(2) == [1, 3]
    assert await psn2.wait_for_event(LinkEvent.MISSED) == "1 of the messages of psn1 did not arrive"
    await stop_all(psn1, psn2)


@pytest.mark.parametrize("make_loop", [uvloop.new_event_loop, LabLoop, asyncio.SelectorEventLoop])
def test_a_link_works_on_every_loop_that_nodes_use(
    rabbitmq: RabbitMqServer, make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    failures: list[dict[str, Any]] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        harness = RabbitHarness(rabbitmq)

        async def upset(_: Inbox) -> None:
            await control(rabbitmq, "close_all_connections", "because of a test")

        await exchange_everything(harness, upset)

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(work())
    assert failures == []
