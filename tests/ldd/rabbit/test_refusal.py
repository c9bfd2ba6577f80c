"""What keeps a link to RabbitMQ from coming up, and how it is told: settings, passwords, certificates, silence."""

from __future__ import annotations

import asyncio
import secrets
from itertools import pairwise
from pathlib import Path

import aio_pika
import pytest
import trustme

from ldd.link import LinkEvent
from posturelab.link_watch import LinkWatch
from tests.ldd.link_harness import Inbox, RabbitHarness, hasten, start_all, stop_all
from tests.rabbitmq_server import RabbitMqServer, find_free_ports


@pytest.fixture
def harness(rabbitmq: RabbitMqServer) -> RabbitHarness:
    return RabbitHarness(rabbitmq)


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(monkeypatch)


async def test_a_queue_with_other_settings_is_named(harness: RabbitHarness, rabbitmq: RabbitMqServer) -> None:
    async with await aio_pika.connect(rabbitmq.url) as connection, connection.channel() as channel:
        await channel.declare_queue(f"posturelab.{harness.deployment}.psn1", durable=True)
    psn1 = Inbox(harness.link("psn1"))
    await psn1.link.start()
    reason = await psn1.wait_for_event(LinkEvent.DOWN)
    assert "the broker has a queue or exchange of this name with other settings: PRECONDITION_FAILED" in reason
    assert f"posturelab.{harness.deployment}.psn1" in reason
    await stop_all(psn1)


async def test_a_wrong_password_is_told_and_never_shown(harness: RabbitHarness, rabbitmq: RabbitMqServer) -> None:
    password = secrets.token_hex(8)
    psn1 = Inbox(harness.link("psn1", urls=(rabbitmq.url.replace("guest:guest", f"guest:{password}"),)))
    await psn1.link.start()
    reason = await psn1.wait_for_event(LinkEvent.DOWN)
    assert reason == f"amqp://127.0.0.1:{rabbitmq.port}: the broker does not accept user and password"
    await stop_all(psn1)


async def test_a_broker_that_comes_and_refuses_the_login_is_a_new_reason(
    harness: RabbitHarness, rabbitmq: RabbitMqServer
) -> None:
    psn1 = Inbox(harness.link("psn1", urls=(rabbitmq.url.replace("guest:guest", "guest:wrong"),)))
    watch = LinkWatch(psn1.link)
    place = f"amqp://127.0.0.1:{rabbitmq.port}"
    await harness.fail()
    await psn1.link.start()
    await psn1.wait_for_event(LinkEvent.DOWN)
    assert watch.reason == f"{place}: the broker cannot be reached: Connection refused"
    await harness.recover()
    await psn1.wait_for(lambda: watch.reason == f"{place}: the broker does not accept user and password")
    assert all(first != second for first, second in pairwise(psn1.events)), "each reason is told once"
    await stop_all(psn1)


async def test_an_unknown_virtual_host_is_told(harness: RabbitHarness, rabbitmq: RabbitMqServer) -> None:
    psn1 = Inbox(harness.link("psn1", urls=(f"{rabbitmq.url}nowhere",)))
    await psn1.link.start()
    reason = await psn1.wait_for_event(LinkEvent.DOWN)
    sentence = "the broker does not know the virtual host or does not let this user in, or it is not a broker"
    assert reason == f"amqp://127.0.0.1:{rabbitmq.port}/nowhere: {sentence}"
    await stop_all(psn1)


async def test_several_brokers_are_tried_in_turn(harness: RabbitHarness, rabbitmq: RabbitMqServer) -> None:
    (free,) = find_free_ports(1)
    nowhere = f"amqp://guest:guest@127.0.0.1:{free}"
    psn1 = Inbox(harness.link("psn1", urls=(nowhere, rabbitmq.url)))
    await start_all(psn1)
    assert psn1.events == [(LinkEvent.UP, f"connected to amqp://127.0.0.1:{rabbitmq.port}")]
    await stop_all(psn1)
    psn1 = Inbox(harness.link("psn1", urls=(nowhere, nowhere)))
    await psn1.link.start()
    refused = f"amqp://127.0.0.1:{free}: the broker cannot be reached: Connection refused"
    assert await psn1.wait_for_event(LinkEvent.DOWN) == f"{refused}; {refused}"
    await stop_all(psn1)


def write_client(authority: trustme.CA, folder: Path) -> dict[str, Path]:
    issued = authority.issue_cert("psn1.lab.test")
    files = {name: folder / f"{name}.pem" for name in ("ca_path", "certificate_path", "key_path")}
    authority.cert_pem.write_to_path(files["ca_path"])
    issued.private_key_pem.write_to_path(files["key_path"])
    for part in issued.cert_chain_pems:
        part.write_to_path(files["certificate_path"], append=True)
    return files


async def test_both_sides_of_tls_show_certificates(
    harness: RabbitHarness, rabbitmq: RabbitMqServer, broker_authority: trustme.CA, tmp_path: Path
) -> None:
    files = write_client(broker_authority, tmp_path)
    psn1 = Inbox(harness.link("psn1", urls=(rabbitmq.tls_url,), **files))
    psn2 = Inbox(harness.link("psn2", urls=(rabbitmq.tls_url,), **files))
    await start_all(psn1, psn2)
    psn1.link.publish("session", "a", b"1")
    assert await psn2.wait_for_records(1) == [1]
    await stop_all(psn1, psn2)


async def test_a_broker_with_a_strange_certificate_is_not_talked_to(
    harness: RabbitHarness, rabbitmq: RabbitMqServer, tmp_path: Path
) -> None:
    files = write_client(trustme.CA(), tmp_path)
    psn1 = Inbox(harness.link("psn1", urls=(rabbitmq.tls_url,), **files))
    await psn1.link.start()
    reason = await psn1.wait_for_event(LinkEvent.DOWN)
    assert "the broker's certificate is not accepted: " in reason
    await stop_all(psn1)


async def test_a_node_without_a_certificate_is_told_that_tls_failed(
    harness: RabbitHarness, rabbitmq: RabbitMqServer, broker_authority: trustme.CA, tmp_path: Path
) -> None:
    files = write_client(broker_authority, tmp_path)
    psn1 = Inbox(harness.link("psn1", urls=(rabbitmq.tls_url,), ca_path=files["ca_path"]))
    await psn1.link.start()
    reason = await psn1.wait_for_event(LinkEvent.DOWN)
    assert "TLS with the broker failed: " in reason
    await stop_all(psn1)


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
async def test_a_link_stops_while_it_connects_to_somebody_who_says_nothing(scheme: str) -> None:
    accepted = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        accepted.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = RabbitHarness.make_link("psn1", urls=(f"{scheme}://guest:guest@127.0.0.1:{port}",))
    inbox = Inbox(link)
    await link.start()
    async with asyncio.timeout(30):
        await accepted.wait()
        await link.stop()
    assert inbox.events == []
    for writer in writers:
        writer.close()
    server.close()
