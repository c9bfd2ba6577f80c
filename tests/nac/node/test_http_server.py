"""What peers are told of what they did wrong, over real sockets; and that our own mistakes are not put down to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web

from nac.node.http_log import build_http_log
from nac.node.http_server import RefusedError, build_guard, build_stamp, read_body

LONGEST_BODY = 100


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Server:
    """A server that reads bodies; its paths end in what it does with them."""

    def __init__(self) -> None:
        self.mistakes: list[dict[str, Any]] = []
        application = web.Application(client_max_size=LONGEST_BODY, middlewares=[build_guard(self.refuse)])
        application.on_response_prepare.append(build_stamp(Clock()))
        application.router.add_post("/read", self.read)
        application.router.add_post("/dawdle", self.dawdle)
        application.router.add_post("/refuse", self.refuse_body)
        logger = build_http_log(lambda *_: None, event="refused")
        self.runner = web.AppRunner(application, access_log=None, logger=logger, shutdown_timeout=0.01)

    @staticmethod
    def refuse(_: web.Request, status: HTTPStatus, reason: str) -> web.Response:
        return web.Response(status=status, text=f"refused: {reason}")

    @staticmethod
    async def read(request: web.Request) -> web.Response:
        return web.Response(body=await read_body(request, within=timedelta(milliseconds=50)))

    @staticmethod
    async def dawdle(_: web.Request) -> web.Response:
        raise TimeoutError

    @staticmethod
    async def refuse_body(_: web.Request) -> web.Response:
        raise RefusedError(HTTPStatus.CONFLICT, "not now")

    async def ask(self, request: str) -> tuple[str, str]:
        """Send a request as it is, without an end; the first line of the answer, and its last."""
        reader, writer = await asyncio.open_connection(*self.runner.addresses[0])
        writer.write(request.replace("\n", "\r\n").encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        answer += (await reader.read(1000)).decode()
        writer.close()
        return answer.partition("\r\n")[0], answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: server.mistakes.append(context))
    await server.runner.setup()
    await web.TCPSite(server.runner, "127.0.0.1", 0).start()
    yield server
    await server.runner.cleanup()


@pytest.mark.parametrize(
    ("request_text", "line", "reason"),
    [
        ("POST /read HTTP/1.1\nHost: a\nContent-Length: 2\n\nab", "HTTP/1.1 200 OK", "ab"),
        (
            "POST /read HTTP/1.1\nHost: a\nContent-Length: 2\n\na",
            "HTTP/1.1 408 Request Timeout",
            "refused: the body did not arrive within 0.05 seconds",
        ),
        (
            f"POST /read HTTP/1.1\nHost: a\nContent-Length: 101\n\n{'a' * 101}",
            "HTTP/1.1 413 Request Entity Too Large",
            "refused: the body exceeds 100 octets",
        ),
        (
            "POST /read HTTP/1.1\nHost: a\nContent-Encoding: gzip\nContent-Length: 4\n\nabcd",
            "HTTP/1.1 400 Bad Request",
            "refused: the body is not as its headers announce",
        ),
        ("POST /refuse HTTP/1.1\nHost: a\n\n", "HTTP/1.1 409 Conflict", "refused: not now"),
        (
            "GET /read HTTP/1.1\nHost: a\n\n",
            "HTTP/1.1 405 Method Not Allowed",
            "refused: GET /read: Method Not Allowed",
        ),
        ("POST /nowhere HTTP/1.1\nHost: a\n\n", "HTTP/1.1 404 Not Found", "refused: POST /nowhere: Not Found"),
    ],
)
async def test_request_is_answered(server: Server, request_text: str, line: str, reason: str) -> None:
    first_line, answer = await server.ask(request_text)
    assert first_line == line
    assert answer.endswith(f"\r\n\r\n{reason}")
    assert "Date: Mon, 05 Jan 2026 08:00:00 GMT\r\n" in answer
    assert "Cache-Control: no-store\r\n" in answer
    assert server.mistakes == []


async def test_timeout_that_is_not_the_bodys_is_our_mistake(server: Server) -> None:
    line, _ = await server.ask("POST /dawdle HTTP/1.1\nHost: a\n\n")
    assert line == "HTTP/1.1 504 Gateway Timeout"
    assert [mistake["message"] for mistake in server.mistakes] == ["Error handling request from 127.0.0.1"]
