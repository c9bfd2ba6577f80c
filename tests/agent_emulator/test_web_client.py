"""The agent's HTTP against strange proxies: an answer within bounds, or the one documented error."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from agent_emulator.web_client import MAXIMUM_BODY, UnreachableError, WebClient

SOON = timedelta(milliseconds=50)
LONG = timedelta(seconds=5)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


@asynccontextmanager
async def client_behind(answer: bytes, *, closes: bool = True) -> AsyncIterator[WebClient]:
    """Open a client whose proxy says the same to everybody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if not closes:
                await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with WebClient(proxy_url=proxy_url, tls=ssl.create_default_context(), user_agent="agent") as client:
        yield client
    server.close()
    await asyncio.sleep(0)


async def test_a_redirect_is_not_followed() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://psn1.lab.test/\r\nContent-Length: 0\r\n\r\n"
    async with client_behind(answer) as client:
        response = await client.get("http://enroll.cisco.com/", timeout=LONG)
    assert (response.status, response.headers["Location"]) == (302, "https://psn1.lab.test/")


async def test_a_long_body_is_cut() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: Text/XML; charset=utf-8\r\n\r\n" + b"a" * (MAXIMUM_BODY + 1000)
    async with client_behind(answer) as client:
        response = await client.get("http://enroll.cisco.com/", timeout=LONG)
    assert len(response.body) == MAXIMUM_BODY
    assert response.content_type == "text/xml"


@pytest.mark.parametrize(
    ("url", "answer", "why"),
    [
        ("http://enroll.cisco.com/", b"", "the connection was closed without an answer"),
        ("https://psn1.lab.test/", b"", "the connection was closed without an answer"),
        ("https://psn1.lab.test/", b"HTTP/1.1 502 No Such Host\r\n\r\n", "the network answered 502 No Such Host"),
        ("https://psn1.lab.test/", b"HTTP/1.1 200 OK\r\n\r\nnot TLS at all", "no TLS connection could be made"),
        ("https://[", b"", "InvalidUrlClientError"),
    ],
)
async def test_what_goes_wrong_is_named(url: str, answer: bytes, why: str) -> None:
    async with client_behind(answer) as client:
        with pytest.raises(UnreachableError) as caught:
            await client.get(url, timeout=LONG)
    assert caught.value.why == why


async def test_a_request_without_an_answer_is_not_repeated() -> None:
    """A server that stays silent is asked once: what it writes down has to be what the agent has done."""
    requests = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with WebClient(proxy_url=proxy_url, tls=ssl.create_default_context(), user_agent="agent") as client:
        with pytest.raises(UnreachableError, match="closed without an answer"):
            await client.get("http://enroll.cisco.com/", timeout=LONG)
    server.close()
    assert len(requests) == 1


async def test_silence_ends_at_the_timeout() -> None:
    async with client_behind(b"", closes=False) as client:
        with pytest.raises(UnreachableError, match=r"no answer within 0\.05 s"):
            await client.get("http://enroll.cisco.com/", timeout=SOON)


async def test_no_network_is_named() -> None:
    tls = ssl.create_default_context()
    async with WebClient(proxy_url="http://127.0.0.1:1", tls=tls, user_agent="agent") as client:
        with pytest.raises(UnreachableError, match="the network is not there"):
            await client.get("http://enroll.cisco.com/", timeout=LONG)


async def test_any_octets_are_an_answer_or_the_documented_error() -> None:
    chance = random.Random(11)
    for _ in range(50):
        octets = chance.choice([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n"]) + chance.randbytes(60)
        async with client_behind(octets) as client:
            for url in ("http://enroll.cisco.com/", "https://psn1.lab.test/"):
                try:
                    await client.get(url, timeout=LONG)
                except UnreachableError as error:
                    assert error.url == url  # noqa: PT017
