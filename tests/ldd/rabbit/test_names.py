"""What a deployment that does not last leaves at a real broker: nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import aio_pika
import pytest

from ldd.rabbit.names import BrokerNames
from tests.rabbitmq_server import RabbitMqServer

PATIENCE = 30.0

EXPIRY = 2
"""Seconds after which a queue that nobody uses goes; to declare and to bind it take less, on a busy machine too."""

PAUSE = 2 * EXPIRY
"""Between two looks: asking for a queue counts as using it, so who asks more often than it expires keeps it."""

Declare = Callable[[aio_pika.abc.AbstractChannel], Awaitable[object]]


async def is_there(server: RabbitMqServer, declare: Declare) -> bool:
    """Ask for something that is there or not; a wrong question costs the channel."""
    async with await aio_pika.connect(server.url) as connection:
        channel = await connection.channel()
        try:
            await declare(channel)
        except aio_pika.exceptions.ChannelNotFoundEntity:
            return False
    return True


@pytest.mark.parametrize("is_lasting", [True, False])
async def test_queues_and_exchange_of_a_passing_deployment_go_by_themselves(
    rabbitmq: RabbitMqServer, monkeypatch: pytest.MonkeyPatch, *, is_lasting: bool
) -> None:
    monkeypatch.setattr("ldd.rabbit.names.PASSING_EXPIRY", EXPIRY * 1000)
    names = BrokerNames(f"passing-{is_lasting}", "psn1", is_lasting=is_lasting)
    async with await aio_pika.connect(rabbitmq.url) as connection:
        channel = await connection.channel()
        await names.declare_exchange(channel)
        queue = await names.declare_queue(channel)
        await names.declare_mailbox(channel, "mnt1")
    questions: list[Declare] = [
        lambda channel: channel.get_exchange(names.exchange),
        lambda channel: channel.get_queue(queue.name),
        lambda channel: channel.get_queue(names.name_mailbox("mnt1")),
    ]
    deadline = time.monotonic() + PATIENCE
    while not is_lasting and any([await is_there(rabbitmq, question) for question in questions]):
        assert time.monotonic() < deadline
        await asyncio.sleep(PAUSE)
    assert [await is_there(rabbitmq, question) for question in questions] == [is_lasting] * 3
