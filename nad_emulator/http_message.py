"""The heads of HTTP/1 messages: parsing, rendering, and how a body ends.

Knows no sockets. What a proxy must not pass on (hop-by-hop fields) is removed here; bodies go through untouched, so
Transfer-Encoding stays. Source: RFC 9110 section 7.6, RFC 9112 sections 2 to 6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from urllib.parse import urlsplit

HEAD_LIMIT = 65_536
"""Octets of a head; a longer one is answered 431."""

Field = tuple[str, str]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(r"HTTP/1\.[01]")
_AUTHORITY = re.compile(r"(?P<host>[0-9A-Za-z._-]+):(?P<port>[0-9]{1,5})")
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "upgrade"}
)


class MalformedHttpError(ValueError):
    """The octets are not an HTTP/1 head; `fault` says why in a few words."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"malformed HTTP message: {fault}")
        self.fault = fault


class Ending(Enum):
    """How the end of a body is known."""

    NONE = "no body"
    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "until close"


class Body(NamedTuple):
    """The shape of a body that follows a head."""

    ending: Ending
    length: int = 0


NO_BODY = Body(Ending.NONE)


class Target(NamedTuple):
    """Where a request goes: host, port, and what is asked there in origin form."""

    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What requests and responses have in common. `version` is ``HTTP/1.0`` or ``HTTP/1.1``."""

    version: str
    fields: tuple[Field, ...]

    def list_values(self, name: str) -> list[str]:
        """List the comma-separated values of a field in lower case."""
        values = [value for found, value in self.fields if found.lower() == name]
        return [part.strip().lower() for value in values for part in value.split(",") if part.strip()]

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may carry another message."""
        options = {*self.list_values("connection"), *self.list_values("proxy-connection")}
        return "close" not in options and (self.version == "HTTP/1.1" or "keep-alive" in options)

    def list_end_to_end(self) -> list[Field]:
        """List the fields that may go on, without those of this connection alone."""
        dropped = _HOP_BY_HOP | set(self.list_values("connection"))
        return [field for field in self.fields if field[0].lower() not in dropped]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead(Head):
    """A request line and its fields."""

    method: str
    target: str

    def find_target(self, default: Target) -> Target:
        """Find where the request goes; one in origin form goes to `default`'s host. Raises `MalformedHttpError`."""
        if self.target.startswith("/") or self.target == "*":
            return default._replace(path=self.target)
        try:
            parts = urlsplit(self.target)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise MalformedHttpError(f"target {self.target!r}") from None
        if parts.scheme != "http" or not host:
            raise MalformedHttpError(f"target {self.target!r} is neither a path nor an http URL")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(host, 80 if port is None else port, path)

    def find_authority(self) -> Target:
        """Find where a CONNECT goes. Raises `MalformedHttpError`."""
        found = _AUTHORITY.fullmatch(self.target)
        if found is None or not 0 < int(found["port"]) < 65_536:
            raise MalformedHttpError(f"{self.target!r} is not host:port")
        return Target(found["host"], int(found["port"]), "/")

    @property
    def body(self) -> Body:
        """The body that follows."""
        return _find_body(self, Body(Ending.NONE))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseHead(Head):
    """A status line and its fields."""

    status: int
    reason: str

    def find_body(self, method: str) -> Body:
        """Find the body that follows in answer to a method."""
        if method == "HEAD" or self.status in {204, 304} or self.status < 200:
            return NO_BODY
        return _find_body(self, Body(Ending.CLOSE))


def parse_request(data: bytes) -> RequestHead:
    """Parse the head of a request, blank line included. Raises `MalformedHttpError`."""
    line, fields = _parse_head(data)
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not parts[1] or not _VERSION.fullmatch(parts[2]):
        raise MalformedHttpError(f"request line {line[:80]!r}")
    head = RequestHead(method=parts[0], target=parts[1], version=parts[2], fields=fields)
    _ = head.body
    return head


def parse_response(data: bytes) -> ResponseHead:
    """Parse the head of a response, blank line included. Raises `MalformedHttpError`."""
    line, fields = _parse_head(data)
    version, _, rest = line.partition(" ")
    status, _, reason = rest.partition(" ")
    if not _VERSION.fullmatch(version) or not re.fullmatch(r"[1-9][0-9]{2}", status):
        raise MalformedHttpError(f"status line {line[:80]!r}")
    head = ResponseHead(version=version, status=int(status), reason=reason, fields=fields)
    head.find_body("GET")
    return head


def render_request(head: RequestHead, target: Target) -> bytes:
    """Render a request for the host itself: origin form, its Host, one request to a connection."""
    authority = target.host if target.port == 80 else f"{target.host}:{target.port}"
    fields = [field for field in head.list_end_to_end() if field[0].lower() != "host"]
    return _render(
        f"{head.method} {target.path} {head.version}", [("Host", authority), *fields, ("Connection", "close")]
    )


def render_response(head: ResponseHead, *, keeps_alive: bool) -> bytes:
    """Render a response for the client, whose connection stays or closes."""
    connection = ("Connection", "keep-alive" if keeps_alive else "close")
    return _render(f"HTTP/1.1 {head.status} {head.reason}", [*head.list_end_to_end(), connection])


def render_answer(status: int, reason: str, fields: list[Field], text: str = "") -> bytes:
    """Render a whole response of the switch's own that ends the connection."""
    body = text.encode()
    own = [*fields, ("Content-Length", str(len(body))), ("Connection", "close")]
    return _render(f"HTTP/1.1 {status} {reason}", own) + body


def parse_chunk_size(line: bytes) -> int:
    """Parse the line before a chunk, its extensions ignored. Raises `MalformedHttpError`."""
    digits = line.split(b";")[0].strip()
    if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", digits):
        raise MalformedHttpError(f"chunk size {line[:40]!r}")
    return int(digits, 16)


def _render(line: str, fields: list[Field]) -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _parse_head(data: bytes) -> tuple[str, tuple[Field, ...]]:
    """Split a head into its first line and its fields; an empty line before it is skipped (RFC 9112 section 2.2)."""
    first, *lines = data.decode("latin-1").removeprefix("\r\n").removesuffix("\r\n\r\n").split("\r\n")
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or "\0" in value or "\n" in value or "\r" in value:
            raise MalformedHttpError(f"field line {line[:80]!r}")
        fields.append((name, value.strip(" \t")))
    return first, tuple(fields)


def _find_body(head: Head, otherwise: Body) -> Body:
    """Find how a body ends by the fields of its head (RFC 9112 section 6.3)."""
    codings = head.list_values("transfer-encoding")
    lengths = set(head.list_values("content-length"))
    if codings:
        if codings[-1] != "chunked" or lengths:
            raise MalformedHttpError("Transfer-Encoding does not end a body that Content-Length ends")
        return Body(Ending.CHUNKED)
    if not lengths:
        return otherwise
    if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,18}", length := lengths.pop()):
        raise MalformedHttpError("Content-Length is not one number")
    return Body(Ending.LENGTH, int(length))
