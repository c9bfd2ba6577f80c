"""The wire of a connection to a broker is cut in whatever state it is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import pytest
import trustme
import uvloop
from yarl import URL

from ldd.rabbit.connection import _Wire
from posturelab.clock import LabLoop


async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def cut(authority: trustme.CA) -> None:
    trusting, serving = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.configure_trust(trusting)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=serving)
    wire = _Wire(trusting)
    url = URL.build(scheme="amqps", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    reader, writer = await wire.create(url)
    async with asyncio.timeout(30):
        await reader.read()
        writer.close()
        writer.close()
        wire.cut()
        await wire.await_end()
    server.close()


@pytest.mark.parametrize("make_loop", [uvloop.new_event_loop, LabLoop, asyncio.SelectorEventLoop])
def test_a_wire_whose_tls_was_closed_twice_can_be_cut(
    broker_authority: trustme.CA, make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(cut(broker_authority))
