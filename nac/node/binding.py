"""Binding the sockets of nodes: exclusive, non-blocking, with an error that says who has the port if that is known."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

RECEIVE_BUFFER = 4 << 20
"""Octets; the kernel's default holds some 250 small datagrams, which one pause of the process overflows."""

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
            raise AddressInUseError(address, port, protocol, find_holder(address, port, protocol)) from None
        raise OSError(error.errno, f"cannot bind {protocol} {address}:{port}: {error.strerror}") from None
    return sock


def has_address(address: str) -> bool:
    """Tell whether this machine has an address."""
    try:
        bind_udp(address, 0).close()
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def find_holder(address: str, port: int, protocol: str) -> str | None:
    """Find which process holds an address, as ``name (pid 42)``; None where this machine or our rights do not tell."""
    inodes = _list_inodes(address, port, protocol)
    for process in Path("/proc").iterdir() if inodes else ():
        if process.name.isdecimal() and not inodes.isdisjoint(_list_links(process)):
            with suppress(OSError):  # ended meanwhile
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None


def _list_inodes(address: str, port: int, protocol: str) -> set[str]:
    """List the sockets that stand in the way of an address, spelled as the links in /proc/PID/fd."""
    # The tables print addresses as the machine's own words, hence byte-reversed on the usual ones.
    wanted = {f"{int.from_bytes(IPv4Address(host).packed, sys.byteorder):08X}" for host in (address, "0.0.0.0")}
    found = set()
    for line in _read_lines(Path("/proc/net") / protocol):
        columns = line.split()
        host, _, number = columns[1].partition(":")
        if number == f"{port:04X}" and (host in wanted or address == "0.0.0.0"):
            found.add(f"socket:[{columns[9]}]")
    return found


def _read_lines(table: Path) -> list[str]:
    """Read a table without its head; a machine without such tables has no lines."""
    try:
        return table.read_text().splitlines()[1:]
    except OSError:
        return []


def _list_links(process: Path) -> set[str]:
    """List what the descriptors of a process lead to, as far as our rights reach."""
    links = set()
    try:
        for link in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile; reading the folder itself takes a descriptor
                links.add(str(link.readlink()))
    except OSError:
        return set()
    return links
