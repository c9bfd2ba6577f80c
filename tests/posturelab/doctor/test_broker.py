"""The doctor at a real RabbitMQ: what lets it in, what refuses its login, and what is not there."""

from __future__ import annotations

import asyncio

from ldd.broker_settings import BrokerSettings
from posturelab.doctor.broker import ask_broker
from tests.rabbitmq_server import RabbitMqServer


def test_a_refused_login_is_told_from_a_broker_that_is_away(rabbitmq: RabbitMqServer) -> None:
    urls = (rabbitmq.url, rabbitmq.url.replace("guest@", "another@"), "amqp://guest:guest@127.0.0.1:9/")
    open_one, refusing, away = asyncio.run(ask_broker(BrokerSettings(urls=urls)))
    assert (open_one.reason, open_one.is_refusal) == ("", False)
    assert (refusing.reason, refusing.is_refusal) == ("the broker does not accept user and password", True)
    assert (away.reason, away.is_refusal) == ("the broker cannot be reached: Connection refused", False)
