"""The data plane of an access port over real sockets: drops, redirects, relays, tunnels, and their bounds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from nad_emulator.http_message import HEAD_LIMIT
from radius import attribute
from radius.packet import Code, text

if TYPE_CHECKING:
    from nad_emulator.switch import Switch
    from tests.nad_emulator.conftest import Bench

PORT = "GigabitEthernet1/0/1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class WebServer:
    """A web server behind the switch: keeps the head of every request and answers what it is told."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.peers: list[str] = []
        self.answer: bytes = HELLO
        self.handle: Handler = self._answer
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.4.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.append(writer.get_extra_info("peername")[0])
        try:
            await self.handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()
        else:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


@pytest.fixture
async def web(bench: Bench) -> WebServer:
    web = WebServer()
    bench.http_port = await web.start()
    bench.add_closer(web.close)
    return web


class Browser:
    """A client on the cable, octet by octet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, *lines: str, body: bytes = b"") -> bytes:
        """Send one request and read the head of its response."""
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        return await self.reader.readuntil(b"\r\n\r\n")

    async def ask_to_the_end(self, *lines: str, body: bytes = b"") -> bytes:
        """Send one request and read until the connection closes."""
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        return await self.reader.read()


async def connect(bench: Bench, switch: Switch) -> Browser:
    reader, writer = await asyncio.open_connection("127.0.3.1", switch.ports[f"proxy {PORT}"])
    bench.add_closer(writer.close)
    return Browser(reader, writer)


async def browse(
    bench: Bench, answer: tuple[int, list[tuple[int, bytes]]] | None = None, **settings: object
) -> Browser:
    """Plug an endpoint in, under this authorization, and sit down at its browser."""
    bench.add_server(bench.serve(answer or bench.open))
    switch = await bench.start_switch(http_port=bench.http_port, **settings)
    await bench.plug(switch)
    return await connect(bench, switch)


async def test_a_request_is_forwarded_from_the_endpoints_own_address(bench: Bench, web: WebServer) -> None:
    browser = await browse(bench)
    head = await browser.ask("GET http://www.lab.test/a?b HTTP/1.1", "Host: www.lab.test", "Proxy-Connection: x")
    assert head == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"
    assert await browser.reader.readexactly(5) == b"hello"
    assert web.peers == ["127.0.10.1"]
    assert web.heads == [b"GET /a?b HTTP/1.1\r\nHost: www.lab.test\r\nConnection: close\r\n\r\n"]
    [record] = bench.list_records("http-forwarded")
    assert record.facts["request"] == "GET www.lab.test:80/a"
    assert record.facts["session_id"]


async def test_a_switch_that_lacks_the_endpoints_address_uses_its_own(bench: Bench, web: WebServer) -> None:
    bench.add_server(bench.serve(bench.open))
    switch = await bench.start_switch(http_port=bench.http_port)
    await bench.wait_after(switch.cable(PORT).plug("02:00:00:00:10:01", "192.0.2.10"), "accounting-start")
    for _ in range(2):
        browser = await connect(bench, switch)
        assert (await browser.ask("GET http://www.lab.test/ HTTP/1.1", "Host: x")).startswith(b"HTTP/1.1 200 OK\r\n")
    assert web.peers == ["127.0.3.1"] * 2
    [record] = bench.list_records("http-source-changed")
    assert record.reason == "connections go onward from 127.0.3.1: this machine does not have 192.0.2.10"
    assert record.facts["access_port"] == PORT


async def test_a_port_without_session_drops_without_an_answer(bench: Bench) -> None:
    bench.add_server()
    switch = await bench.start_switch()
    browser = await connect(bench, switch)
    assert await browser.ask_to_the_end("GET http://www.lab.test/ HTTP/1.1") == b""
    [record] = bench.list_records("http-dropped")
    assert record.reason == "the port is not authorized"


async def test_what_the_dacl_denies_is_dropped_without_an_answer(bench: Bench) -> None:
    browser = await browse(bench, bench.redirected)
    assert await browser.ask_to_the_end("CONNECT psn1.lab.test:8905 HTTP/1.1") == b""
    [record] = bench.list_records("http-dropped")
    assert record.facts["line"] == "30 deny ip any any"


@pytest.mark.parametrize(
    "target", ["http://www.lab.test/", "http://enroll.cisco.com/auth/discovery", "/auth/discovery"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_what_the_redirect_acl_permits_is_answered_by_the_switch(
    bench: Bench, web: WebServer, method: str, target: str
) -> None:
    browser = await browse(bench, bench.redirected)
    answer = await browser.ask_to_the_end(f"{method} {target} HTTP/1.1", "Host: x", "Content-Length: 3", body=b"abc")
    assert answer.startswith(b"HTTP/1.1 302 Page Moved\r\n")
    assert f"\r\nLocation: {bench.redirect_url}\r\n".encode() in answer
    assert web.peers == []


async def test_a_tunnel_to_port_80_is_redirected_inside(bench: Bench) -> None:
    browser = await browse(bench, bench.redirected)
    assert b" 200 " in await browser.ask("CONNECT www.lab.test:80 HTTP/1.1")
    answer = await browser.ask_to_the_end("GET / HTTP/1.1", "Host: www.lab.test")
    assert f"\r\nLocation: {bench.redirect_url}\r\n".encode() in answer


async def test_the_gateway_refuses_what_is_not_redirected(bench: Bench) -> None:
    browser = await browse(bench)
    assert await browser.ask_to_the_end("GET /auth/discovery HTTP/1.1", "Host: 127.0.3.1") == b""
    assert len(bench.list_records("http-refused")) == 1


@pytest.mark.parametrize("request_line", ["GET http://www.example.com/ HTTP/1.1", "CONNECT 192.0.2.1:443 HTTP/1.1"])
async def test_an_unknown_host_is_told_as_a_proxy_tells_it(bench: Bench, request_line: str) -> None:
    browser = await browse(bench)
    answer = await browser.ask_to_the_end(request_line)
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert len(bench.list_records("http-unknown-destination")) == 1


async def test_a_host_that_does_not_answer_is_told_as_a_proxy_tells_it(bench: Bench, web: WebServer) -> None:
    web.close()
    browser = await browse(bench)
    answer = await browser.ask_to_the_end("GET http://www.lab.test/ HTTP/1.1")
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    [record] = bench.list_records("http-onward-failed")
    assert record.reason == "www.lab.test:80 does not answer: Connection refused"


async def test_one_connection_carries_many_requests(bench: Bench, web: WebServer) -> None:
    browser = await browse(bench)
    for number in range(3):
        await browser.ask(f"GET http://www.lab.test/{number} HTTP/1.1", "Host: www.lab.test")
        assert await browser.reader.readexactly(5) == b"hello"
    assert [head.split(b" ")[1] for head in web.heads] == [b"/0", b"/1", b"/2"]


@pytest.mark.parametrize(
    "lines", [["GET http://www.lab.test/ HTTP/1.1", "Connection: close"], ["GET http://www.lab.test/ HTTP/1.0"]]
)
async def test_a_client_that_wants_to_close_gets_its_close(bench: Bench, web: WebServer, lines: list[str]) -> None:
    browser = await browse(bench)
    answer = await browser.ask_to_the_end(*lines)
    assert answer.endswith(b"Connection: close\r\n\r\nhello")


async def test_a_chunked_response_goes_through_as_it_is(bench: Bench, web: WebServer) -> None:
    chunks = b"5;x=y\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n"
    web.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    browser = await browse(bench)
    head = await browser.ask("GET http://www.lab.test/ HTTP/1.1")
    assert b"Transfer-Encoding: chunked\r\nConnection: keep-alive" in head
    assert await browser.reader.readexactly(len(chunks)) == chunks
    assert b" 200 " in await browser.ask("GET http://www.lab.test/ HTTP/1.1")


async def test_a_response_that_ends_with_its_connection_ends_the_clients_too(bench: Bench, web: WebServer) -> None:
    web.answer = b"HTTP/1.0 200 OK\r\n\r\nhello"
    browser = await browse(bench)
    assert (await browser.ask_to_the_end("GET http://www.lab.test/ HTTP/1.1")).endswith(b"close\r\n\r\nhello")


async def test_the_response_to_head_has_no_body(bench: Bench, web: WebServer) -> None:
    web.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    browser = await browse(bench)
    for _ in range(2):
        assert b"Content-Length: 5\r\nConnection: keep-alive" in await browser.ask("HEAD http://www.lab.test/ HTTP/1.1")


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("Content-Length: 3000000", bytes(3_000_000)),
        ("Transfer-Encoding: chunked", b"2DC6C0\r\n%b\r\n0\r\n\r\n" % bytes(3_000_000)),
    ],
)
async def test_big_bodies_go_both_ways(bench: Bench, web: WebServer, field: str, body: bytes) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{field}\r\n\r\n".encode() + await reader.readexactly(len(body)))
        await writer.drain()

    web.handle = echo
    browser = await browse(bench)
    await browser.ask("POST http://www.lab.test/ HTTP/1.1", field, body=body)
    assert await browser.reader.readexactly(len(body)) == body
    session = bench.switches[0].cable(PORT).port.session
    assert min(session.input_octets, session.output_octets) > len(body)


async def test_an_interim_response_reaches_the_client_before_its_body(bench: Bench, web: WebServer) -> None:
    async def expect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.write(HELLO)

    web.handle = expect
    browser = await browse(bench)
    lines = ["POST http://www.lab.test/ HTTP/1.1", "Content-Length: 4", "Expect: 100-continue"]
    assert await browser.ask(*lines) == b"HTTP/1.1 100 Continue\r\n\r\n"
    browser.writer.write(b"body")
    assert b"200 OK" in await browser.reader.readuntil(b"\r\n\r\n")


async def test_an_answer_before_the_end_of_the_body_ends_the_connection(bench: Bench, web: WebServer) -> None:
    web.answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    browser = await browse(bench)
    answer = await browser.ask_to_the_end("POST http://www.lab.test/ HTTP/1.1", "Content-Length: 10", body=b"123")
    assert answer.startswith(b"HTTP/1.1 413 Too Large\r\n")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + bytes(HEAD_LIMIT)])
async def test_a_server_that_does_not_speak_http_ends_the_connection(
    bench: Bench, web: WebServer, answer: bytes
) -> None:
    web.answer = answer
    browser = await browse(bench)
    assert await browser.ask_to_the_end("GET http://www.lab.test/ HTTP/1.1") == b""


async def test_a_tunnel_carries_octets_and_half_closes(bench: Bench, web: WebServer) -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.read()
        writer.write(b"you said " + said)

    web.handle = answer_at_the_end
    browser = await browse(bench)
    head = await browser.ask(f"CONNECT www.lab.test:{bench.http_port} HTTP/1.1", body=b"early ")
    assert head == b"HTTP/1.1 200 Connection established\r\n\r\n"
    browser.writer.write(b"and late")
    browser.writer.write_eof()
    assert await browser.reader.read() == b"you said early and late"
    assert web.peers == ["127.0.10.1"]


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET https://psn1.lab.test/ HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT psn1.lab.test HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + bytes(HEAD_LIMIT) + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + bytes(3 * HEAD_LIMIT), 431),
    ],
)
async def test_what_is_not_a_request_is_answered_with_its_fault(bench: Bench, octets: bytes, status: int) -> None:
    browser = await browse(bench)
    browser.writer.write(octets)
    assert (await browser.reader.read()).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    ("octets", "seconds"),
    [
        (b"", 60),
        (b"GET http://www.lab.test/ HTTP/1.1\r\n", 60),
        (b"POST http://www.lab.test/ HTTP/1.1\r\nContent-Length: 9\r\n\r\n123", 300),
    ],
)
async def test_nobody_is_waited_for_without_bound(bench: Bench, web: WebServer, octets: bytes, seconds: float) -> None:
    async def read_body(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"9\r\n\r\n")
        await reader.readexactly(9)

    web.handle = read_body
    browser = await browse(bench)
    browser.writer.write(octets)
    began_at = asyncio.get_running_loop().time()
    assert await browser.reader.read() == b""
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(seconds)


async def test_a_slow_server_is_waited_for_while_it_goes_on(bench: Bench, web: WebServer) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        for octet in b"hello":
            await asyncio.sleep(200)
            writer.write(bytes((octet,)))

    web.handle = drip
    browser = await browse(bench)
    await browser.ask("GET http://www.lab.test/ HTTP/1.1")
    assert await browser.reader.readexactly(5) == b"hello"


async def test_an_open_connection_is_broken_off_where_the_new_access_denies_it(bench: Bench, web: WebServer) -> None:
    deny = (
        Code.ACCESS_ACCEPT,
        [(attribute.CISCO_AVPAIR, text("ACS:CiscoSecure-Defined-ACL=#ACSACL#-IP-DENY-ALL-65b4f5cb"))],
    )
    bench.add_server(bench.serve(bench.open, deny))
    switch = await bench.start_switch()
    await bench.plug(switch)
    browser = await connect(bench, switch)
    await browser.ask(f"CONNECT www.lab.test:{bench.http_port} HTTP/1.1")
    calling = (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01")
    reauthenticate = (attribute.CISCO_AVPAIR, text("subscriber:command=reauthenticate"))
    await bench.ask(switch, Code.COA_REQUEST, calling, reauthenticate)
    assert await browser.reader.read() == b""
    [record] = bench.list_records("http-broken-off")
    assert "#ACSACL#-IP-DENY-ALL-65b4f5cb" in record.reason


async def test_an_open_connection_goes_on_where_the_new_access_permits_it(bench: Bench, web: WebServer) -> None:
    bench.add_server(bench.serve(bench.open))
    switch = await bench.start_switch()
    await bench.plug(switch)
    browser = await connect(bench, switch)
    await browser.ask(f"CONNECT www.lab.test:{bench.http_port} HTTP/1.1")
    calling = (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01")
    reauthenticate = (attribute.CISCO_AVPAIR, text("subscriber:command=reauthenticate"))
    await bench.ask(switch, Code.COA_REQUEST, calling, reauthenticate)
    await bench.wait_for("authorized")
    browser.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await browser.reader.readexactly(len(HELLO)) == HELLO


async def test_unplugging_breaks_everything_off(bench: Bench, web: WebServer) -> None:
    browser = await browse(bench)
    await browser.ask(f"CONNECT www.lab.test:{bench.http_port} HTTP/1.1")
    await bench.switches[0].cable(PORT).unplug()
    assert await browser.reader.read() == b""


async def test_octets_of_both_directions_are_counted(bench: Bench, web: WebServer) -> None:
    browser = await browse(bench)
    request = b"GET http://www.lab.test/ HTTP/1.1\r\n\r\n"
    browser.writer.write(request)
    head = await browser.reader.readuntil(b"\r\n\r\n")
    await browser.reader.readexactly(5)
    session = bench.switches[0].cable(PORT).port.session
    assert (session.input_octets, session.output_octets) == (len(request), len(head) + 5)


async def test_damaged_requests_do_not_disturb_the_port(bench: Bench, web: WebServer) -> None:
    browser = await browse(bench)
    switch, chance = bench.switches[0], random.Random(7)
    requests = [
        b"POST http://www.lab.test/ HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"POST http://www.lab.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        f"CONNECT www.lab.test:{bench.http_port} HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n".encode(),
    ]
    for _ in range(200):
        damaged = bytearray(chance.choice(requests))
        for _ in range(chance.randrange(4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        other = await connect(bench, switch)
        other.writer.write(damaged[: chance.randrange(len(damaged) + 1)])
        other.writer.write_eof()
        await other.reader.read()
    assert b" 200 " in await browser.ask("GET http://www.lab.test/ HTTP/1.1")
