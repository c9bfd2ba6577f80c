"""Heads of HTTP/1 messages: parsed, rendered, and how their bodies end (RFC 9112)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nad_emulator.http_message import (
    NO_BODY,
    Body,
    Ending,
    MalformedHttpError,
    Target,
    parse_chunk_size,
    parse_request,
    parse_response,
    render_answer,
    render_request,
    render_response,
)

GATEWAY = Target("127.0.3.1", 80, "/")


def request(line: str, *fields: str) -> bytes:
    return "\r\n".join([line, *fields, "", ""]).encode()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://www.lab.test/", Target("www.lab.test", 80, "/")),
        ("http://www.lab.test", Target("www.lab.test", 80, "/")),
        ("http://www.lab.test:8080/a/b?c=d", Target("www.lab.test", 8080, "/a/b?c=d")),
        ("http://user@WWW.lab.test/?", Target("www.lab.test", 80, "/")),
        ("/auth/discovery?x=1", Target("127.0.3.1", 80, "/auth/discovery?x=1")),
        ("*", Target("127.0.3.1", 80, "*")),
    ],
)
def test_a_request_goes_where_its_target_says_else_to_the_gateway(target: str, expected: Target) -> None:
    assert parse_request(request(f"GET {target} HTTP/1.1")).find_target(GATEWAY) == expected


@pytest.mark.parametrize(
    "target", ["https://psn1/", "ftp://x/", "http:///x", "http://x:99999/", "www.lab.test", "http://[/"]
)
def test_a_target_the_data_plane_does_not_know_is_malformed(target: str) -> None:
    with pytest.raises(MalformedHttpError):
        parse_request(request(f"GET {target} HTTP/1.1")).find_target(GATEWAY)


def test_connect_names_host_and_port() -> None:
    assert parse_request(request("CONNECT psn1.lab.test:8443 HTTP/1.1")).find_authority() == Target(
        "psn1.lab.test", 8443, "/"
    )


@pytest.mark.parametrize(
    "target", ["psn1.lab.test", "psn1.lab.test:0", "psn1.lab.test:65536", "[::1]:443", ":443", "/"]
)
def test_connect_to_anything_else_is_malformed(target: str) -> None:
    with pytest.raises(MalformedHttpError):
        parse_request(request(f"CONNECT {target} HTTP/1.1")).find_authority()


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"G(T / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
)
def test_what_is_not_a_request_head_is_malformed(head: bytes) -> None:
    with pytest.raises(MalformedHttpError):
        parse_request(head)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([], NO_BODY),
        (["Content-Length: 5"], Body(Ending.LENGTH, 5)),
        (["Content-Length: 5", "content-length: 5"], Body(Ending.LENGTH, 5)),
        (["Transfer-Encoding: chunked"], Body(Ending.CHUNKED)),
        (["Transfer-Encoding: gzip, Chunked"], Body(Ending.CHUNKED)),
    ],
)
def test_the_body_of_a_request_ends_as_its_fields_say(fields: list[str], body: Body) -> None:
    assert parse_request(request("POST / HTTP/1.1", *fields)).body == body


@pytest.mark.parametrize(
    ("method", "status", "fields", "body"),
    [
        ("GET", 200, [], Body(Ending.CLOSE)),
        ("GET", 200, ["Content-Length: 5"], Body(Ending.LENGTH, 5)),
        ("HEAD", 200, ["Content-Length: 5"], NO_BODY),
        ("GET", 204, [], NO_BODY),
        ("GET", 304, ["Content-Length: 5"], NO_BODY),
        ("GET", 100, [], NO_BODY),
    ],
)
def test_the_body_of_a_response_depends_on_method_and_status(
    method: str, status: int, fields: list[str], body: Body
) -> None:
    assert parse_response(request(f"HTTP/1.1 {status} X", *fields)).find_body(method) == body


@pytest.mark.parametrize("line", ["HTTP/2 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 OK", "200"])
def test_what_is_not_a_status_line_is_malformed(line: str) -> None:
    with pytest.raises(MalformedHttpError):
        parse_response(request(line))


@pytest.mark.parametrize(
    ("version", "fields", "expected"),
    [
        ("HTTP/1.1", [], True),
        ("HTTP/1.1", ["Connection: close"], False),
        ("HTTP/1.1", ["Proxy-Connection: Close"], False),
        ("HTTP/1.0", [], False),
        ("HTTP/1.0", ["Connection: keep-alive"], True),
        ("HTTP/1.0", ["Proxy-Connection: keep-alive"], True),
    ],
)
def test_a_connection_stays_as_version_and_fields_say(version: str, fields: list[str], *, expected: bool) -> None:
    assert parse_request(request(f"GET / {version}", *fields)).keeps_alive is expected


def test_a_request_goes_on_in_origin_form_without_what_was_for_the_proxy() -> None:
    head = parse_request(
        request(
            "POST http://www.lab.test/a HTTP/1.1",
            "Host: elsewhere",
            "Connection: keep-alive, X-Hop",
            "X-Hop: 1",
            "Keep-Alive: timeout=5",
            "Proxy-Connection: keep-alive",
            "Proxy-Authorization: Basic eA==",
            "TE: trailers",
            "Upgrade: websocket",
            "Transfer-Encoding: chunked",
            "X-End: 2",
        )
    )
    assert render_request(head, head.find_target(GATEWAY)) == request(
        "POST /a HTTP/1.1", "Host: www.lab.test", "Transfer-Encoding: chunked", "X-End: 2", "Connection: close"
    )


def test_the_host_field_names_a_port_other_than_80() -> None:
    head = parse_request(request("GET http://www.lab.test:8080/ HTTP/1.0"))
    assert b"\r\nHost: www.lab.test:8080\r\n" in render_request(head, head.find_target(GATEWAY))


def test_a_response_says_to_the_client_whether_the_connection_stays() -> None:
    head = parse_response(request("HTTP/1.0 404 Not Found", "Connection: close", "Content-Length: 0", "X-A: b:c"))
    assert render_response(head, keeps_alive=True) == request(
        "HTTP/1.1 404 Not Found", "Content-Length: 0", "X-A: b:c", "Connection: keep-alive"
    )


def test_an_answer_of_the_switch_is_whole() -> None:
    assert render_answer(302, "Page Moved", [("Location", "https://x/")]) == request(
        "HTTP/1.1 302 Page Moved", "Location: https://x/", "Content-Length: 0", "Connection: close"
    )


@pytest.mark.parametrize(("line", "size"), [(b"0\r\n", 0), (b"1aF\r\n", 431), (b"10;name=value\r\n", 16)])
def test_a_chunk_size_is_hexadecimal_with_extensions_ignored(line: bytes, size: int) -> None:
    assert parse_chunk_size(line) == size


@pytest.mark.parametrize("line", [b"\r\n", b"-1\r\n", b"0x10\r\n", b"g\r\n", b"1" * 20 + b"\r\n"])
def test_another_chunk_size_is_malformed(line: bytes) -> None:
    with pytest.raises(MalformedHttpError):
        parse_chunk_size(line)


@given(st.one_of(st.binary(max_size=200), st.text("GETHP/1.0: \r\nhttp:\x00é", max_size=100).map(str.encode)))
def test_any_octets_are_a_head_or_the_documented_error(data: bytes) -> None:
    for parse in (parse_request, parse_response):
        try:
            head = parse(data + b"\r\n\r\n")
        except MalformedHttpError:
            continue
        _ = head.keeps_alive, head.list_end_to_end()


@given(st.text(max_size=40).filter(lambda text: " " not in text and "\r" not in text and "\n" not in text))
def test_any_target_is_found_or_the_documented_error(target: str) -> None:
    try:
        head = parse_request(request(f"GET {target} HTTP/1.1"))
        found = head.find_target(GATEWAY)
    except MalformedHttpError:
        return
    assert parse_request(render_request(head, found)).find_target(GATEWAY).path == found.path
