"""A device as far as CoA is concerned: one port that answers by a script."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv4Network

from radius import attribute
from radius.authenticator import encode_reply, verify_request
from radius.client_table import Client
from radius.packet import Packet, decode, encode_attributes, integer
from tests.psn.deployment import SECRET

Script = Callable[[Packet], bytes | None]


class Nad:
    """A device with a dynamic authorization port. `script` answers a request; None is silence."""

    def __init__(self) -> None:
        self.requests: list[Packet] = []
        self.sources: list[str] = []
        self.script: Script = self.acknowledge
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("127.0.3.1", 0))
        asyncio.get_running_loop().add_reader(self.sock, self._read)

    @property
    def client(self) -> Client:
        port = self.sock.getsockname()[1]
        return Client(name="switch1", network=IPv4Network("127.0.3.1/32"), secret=SECRET, coa_port=port)

    @staticmethod
    def acknowledge(packet: Packet) -> bytes:
        return encode_reply(packet, packet.code + 1, b"", SECRET)

    @staticmethod
    def refuse(cause: int | None) -> Script:
        causes = [] if cause is None else [(attribute.ERROR_CAUSE, integer(cause))]
        return lambda packet: encode_reply(packet, packet.code + 2, encode_attributes(causes), SECRET)

    def _read(self) -> None:
        data, source = self.sock.recvfrom(4096)
        packet = decode(data)
        assert verify_request(data, packet, SECRET) is None
        self.requests.append(packet)
        self.sources.append(source[0])
        reply = self.script(packet)
        if reply is not None:
            self.sock.sendto(reply, source)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock)
        self.sock.close()
