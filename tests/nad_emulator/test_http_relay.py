"""A tunnel that breaks ends both of its connections and raises nothing, wherever it breaks."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from nad_emulator.http_relay import Stream, relay_both_ways

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Side:
    """One side of a tunnel: the stream the relay is given, and the peer's socket at its other end."""

    def __init__(self, stream: Stream, writer: asyncio.StreamWriter, peer: socket.socket) -> None:
        self.stream = stream
        self.writer = writer
        self.peer = peer

    def reset(self) -> None:
        """Let the peer vanish, as a process does that is killed with unread data."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        self.peer.close()


async def open_side() -> Side:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        peer, _ = listener.accept()
    peer.setblocking(False)
    return Side(Stream(reader, writer, note=lambda *_: None), writer, peer)


@pytest.fixture
async def sides() -> AsyncIterator[tuple[Side, Side]]:
    """Two sides; what the loop is told of fails the test."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    both = await open_side(), await open_side()
    yield both
    for side in both:
        side.stream.abort()
        side.peer.close()
    await asyncio.sleep(0.01)
    assert failures == []


async def run(left: Side, right: Side) -> None:
    async with asyncio.timeout(5):
        await relay_both_ways(left.stream, right.stream)


@pytest.mark.parametrize("broken", [0, 1])
async def test_a_reset_while_nothing_moves_ends_both_connections(sides: tuple[Side, Side], broken: int) -> None:
    tunnel = asyncio.create_task(run(*sides))
    await asyncio.sleep(0.01)
    sides[broken].reset()
    await tunnel
    assert all(side.writer.is_closing() for side in sides)


async def test_a_reset_in_the_middle_of_much_data_ends_both_connections(sides: tuple[Side, Side]) -> None:
    left, right = sides
    tunnel = asyncio.create_task(run(left, right))
    sender = asyncio.create_task(asyncio.get_running_loop().sock_sendall(left.peer, bytes(64 << 20)))
    await asyncio.get_running_loop().sock_recv(right.peer, 1 << 16)
    right.reset()
    await tunnel
    assert all(side.writer.is_closing() for side in sides)
    with pytest.raises(ConnectionError):
        await sender


async def test_a_reset_that_the_end_of_the_other_side_meets_at_shutdown_ends_both_connections(
    sides: tuple[Side, Side],
) -> None:
    """Shutdown of a connection that has gone raises ENOTCONN."""
    left, right = sides
    left.peer.shutdown(socket.SHUT_WR)
    assert await left.stream.read() == b""
    right.reset()
    await run(left, right)
    assert all(side.writer.is_closing() for side in sides)


async def test_a_reset_after_one_side_has_finished_ends_both_connections(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.peer.shutdown(socket.SHUT_WR)
    tunnel = asyncio.create_task(run(left, right))
    assert await asyncio.get_running_loop().sock_recv(right.peer, 1) == b""
    left.reset()
    right.peer.send(b"too late")
    await tunnel
    assert all(side.writer.is_closing() for side in sides)


async def test_what_is_written_has_left_before_the_connection_is_finished(sides: tuple[Side, Side]) -> None:
    """Else the loop would shut the socket down later, where nobody catches what that raises."""
    left, _ = sides
    with suppress(TimeoutError):
        while True:  # until nothing more fits into what the peer does not read
            async with asyncio.timeout(0.1):
                await left.stream.write(bytes(32 << 10))
            assert left.writer.transport.get_write_buffer_size() == 0
