"""Sockets of nodes: exclusive, non-blocking, and an error that names who stands in the way."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from nac.node.binding import RECEIVE_BUFFER, AddressInUseError, bind_tcp, bind_udp

Bind = Callable[[str, int], socket.socket]
BOTH = pytest.mark.parametrize(("bind", "protocol"), [(bind_udp, "udp"), (bind_tcp, "tcp")])

HOLD = """
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
sock = socket.socket(socket.AF_INET, kind)
sock.bind((sys.argv[2], 0))
if kind == socket.SOCK_STREAM:
    sock.listen()
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold() -> Iterator[Callable[[str, str], tuple[int, int]]]:
    """Let another process hold an address; gives its pid and the port."""
    processes: list[subprocess.Popen[str]] = []

    def hold(protocol: str, address: str) -> tuple[int, int]:
        command = [sys.executable, "-c", HOLD, protocol, address]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return process.pid, int(process.stdout.readline())

    yield hold
    for process in processes:
        process.communicate()


@BOTH
def test_socket_does_not_block_and_port_zero_means_any(bind: Bind, protocol: str) -> None:
    with bind("127.0.0.1", 0) as sock:
        assert not sock.getblocking()
        address, port = sock.getsockname()
        assert (address, port > 0) == ("127.0.0.1", True)


def test_datagram_socket_has_room_for_a_pause_of_the_process() -> None:
    with bind_udp("127.0.0.1", 0) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 30)
        limit = other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= min(RECEIVE_BUFFER, limit)


@BOTH
def test_address_in_use_is_an_error_that_names_the_process(bind: Bind, protocol: str) -> None:
    with bind("127.0.0.1", 0) as held:
        if protocol == "tcp":
            held.listen()
        port = held.getsockname()[1]
        with pytest.raises(AddressInUseError) as caught:
            bind("127.0.0.1", port)
    error = caught.value
    assert (error.address, error.port, error.protocol, error.errno) == ("127.0.0.1", port, protocol, errno.EADDRINUSE)
    assert error.holder is not None
    assert error.holder.endswith(f" (pid {os.getpid()})")
    assert str(error) == f"{protocol} 127.0.0.1:{port} is in use by {error.holder}"


@BOTH
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_other_process_is_named_too_also_where_it_holds_every_address(
    hold: Callable[[str, str], tuple[int, int]], bind: Bind, protocol: str, address: str
) -> None:
    pid, port = hold(protocol, address)
    with pytest.raises(AddressInUseError) as caught:
        bind("127.0.0.1", port)
    assert caught.value.holder is not None
    assert caught.value.holder.endswith(f" (pid {pid})")


def test_holder_of_the_same_port_on_another_address_is_not_blamed(
    hold: Callable[[str, str], tuple[int, int]],
) -> None:
    other, port = hold("udp", "127.0.0.2")
    with bind_udp("127.0.0.1", port), pytest.raises(AddressInUseError) as caught:
        bind_udp("127.0.0.1", port)
    assert f"(pid {os.getpid()})" in str(caught.value)
    assert f"(pid {other})" not in str(caught.value)


@BOTH
def test_same_port_on_another_address_is_free(bind: Bind, protocol: str) -> None:
    with bind("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        with bind("127.0.0.2", port) as sock:
            assert sock.getsockname() == ("127.0.0.2", port)


@BOTH
def test_address_that_is_not_ours_is_named(bind: Bind, protocol: str) -> None:
    with pytest.raises(OSError, match=rf"cannot bind {protocol} 192\.0\.2\.1:1812: ") as caught:
        bind("192.0.2.1", 1812)
    assert not isinstance(caught.value, AddressInUseError)


def test_unknown_holder_is_another_program() -> None:
    assert str(AddressInUseError("127.0.0.1", 1812, "udp", None)) == "udp 127.0.0.1:1812 is in use by another program"
