"""Moving the octets of HTTP between two connections: heads, bodies, tunnels.

Every octet that passes is counted and renews the patience of the conversation; the patience itself is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nad_emulator.http_message import Body, Ending, MalformedHttpError, parse_chunk_size

_PIECE = 65_536
CLOSING_ERRORS = (OSError, asyncio.IncompleteReadError, MalformedHttpError)
"""What ends a conversation from the outside: the peer went away, or stopped in the middle, or talks nonsense."""


class HeadTooLongError(Exception):
    """A head does not end within the limit."""


class Stream:
    """One TCP connection. `note` is told the octets read and written."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, note: Callable[[int, int], None]
    ) -> None:
        """Take an open connection over."""
        self._reader = reader
        self._writer = writer
        self._note = note
        # a writer that waits until all is out makes `finish` shut down at once, here, not later in a turn of the loop
        writer.transport.set_write_buffer_limits(high=0)

    async def read_head(self) -> bytes:
        """Read up to a blank line; empty where the peer has closed. Raises `HeadTooLongError`."""
        try:
            data = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise HeadTooLongError from None
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return b""
        self._note(len(data), 0)
        return data

    async def read(self, limit: int = _PIECE) -> bytes:
        """Read what there is, at most `limit` octets; empty at the end."""
        data = await self._reader.read(min(limit, _PIECE))
        self._note(len(data), 0)
        return data

    async def read_line(self) -> bytes:
        """Read a line; raises `IncompleteReadError` at the end and `MalformedHttpError` for an endless one."""
        try:
            data = await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError:
            raise MalformedHttpError("a line of the body does not end") from None
        self._note(len(data), 0)
        return data

    async def write(self, data: bytes) -> None:
        """Write, and wait until the peer has room for all of it."""
        self._writer.write(data)
        await self._writer.drain()
        self._note(0, len(data))

    def finish(self) -> None:
        """Say that nothing more will be written; reading goes on. Raises `OSError` where the peer has gone."""
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()

    async def close(self) -> None:
        """Close once everything written is out. Raises `OSError` where the peer was faster."""
        self._writer.close()
        await self._writer.wait_closed()

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()


async def relay_body(body: Body, source: Stream, sink: Stream) -> None:
    """Relay a body as it is. Raises one of `CLOSING_ERRORS` where it breaks off."""
    match body.ending:
        case Ending.LENGTH:
            await _relay_octets(body.length, source, sink)
        case Ending.CHUNKED:
            await _relay_chunks(source, sink)
        case Ending.CLOSE:
            while data := await source.read():
                await sink.write(data)


async def relay_both_ways(left: Stream, right: Stream) -> None:
    """Relay a tunnel until both sides have finished; one finished side leaves the other open."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_relay_one_way(left, right))
        group.create_task(_relay_one_way(right, left))


async def _relay_one_way(source: Stream, sink: Stream) -> None:
    """Relay one direction of a tunnel; where it breaks, both connections end and so does the other direction."""
    try:
        while data := await source.read():
            await sink.write(data)
        sink.finish()
    except OSError:
        source.abort()
        sink.abort()


async def _relay_octets(count: int, source: Stream, sink: Stream) -> None:
    while count:
        data = await source.read(count)
        if not data:
            raise asyncio.IncompleteReadError(b"", count)
        await sink.write(data)
        count -= len(data)


async def _relay_chunks(source: Stream, sink: Stream) -> None:
    """Relay chunks with their size lines, then the trailer up to its blank line."""
    while True:
        line = await source.read_line()
        size = parse_chunk_size(line)
        await sink.write(line)
        if not size:
            break
        await _relay_octets(size + 2, source, sink)
    while line != b"\r\n":
        line = await source.read_line()
        await sink.write(line)
