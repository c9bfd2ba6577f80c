"""Binding the sockets of nodes: exclusive, non-blocking, with an error that says who has the port if that is known."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

RECEIVE_BUFFER = 4 << 20
"""Octets; the kernel's default holds some 250 small datagrams, which one pause of the process overflows."""

_TABLES = {"udp": ("/proc/net/udp",), "tcp": ("/proc/net/tcp",)}
_PROTOCOL_NUMBERS = {"udp": socket.IPPROTO_UDP, "tcp": socket.IPPROTO_TCP}


class AddressInUseError(OSError):
    """Another process has the address; `holder` names it where the machine tells."""

    def __init__(self, address: str, port: int, protocol: str, holder: str | None) -> None:
        by = f" by {holder}" if holder else " by another program"
        super().__init__(errno.EADDRINUSE, f"{protocol} {address}:{port} is in use{by}")
        self.address = address
        self.port = port
        self.protocol = protocol
        self.holder = holder

    def __str__(self) -> str:
        return str(self.strerror)


def bind_udp(address: str, port: int) -> socket.socket:
    """Bind a datagram socket; port 0 means any. Raises `AddressInUseError` or `OSError` that names address and port."""
    return _bind(socket.SOCK_DGRAM, "udp", address, port)


def bind_tcp(address: str, port: int) -> socket.socket:
    """Bind a stream socket, not yet listening; port 0 means any. Raises as `bind_udp` does."""
    return _bind(socket.SOCK_STREAM, "tcp", address, port)


def _bind(kind: int, protocol: str, address: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it loopback TCP stalls 40 ms at a time
    sock = socket.socket(socket.AF_INET, kind, _PROTOCOL_NUMBERS[protocol])
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUseError(address, port, protocol, find_holder(port, protocol)) from None
        raise OSError(error.errno, f"cannot bind {protocol} {address}:{port}: {error.strerror}") from None
    return sock


def find_holder(port: int, protocol: str) -> str | None:
    """Find which process holds a port, as ``name (pid 42)``; None where this machine or our rights do not tell."""
    inodes = _list_inodes(port, protocol)
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            links = {str(link.readlink()) for link in (process / "fd").iterdir()}
            if inodes & links:
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue
    return None


def _list_inodes(port: int, protocol: str) -> set[str]:
    """List the sockets that a port belongs to, spelled as the links in /proc/PID/fd."""
    found = set()
    for table in _TABLES[protocol]:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[1].endswith(f":{port:04X}"):
                found.add(f"socket:[{columns[9]}]")
    return found
