"""The program under test: asks a RADIUS server whether a device may come in, and a second one where that is mute."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary
from pyrad.packet import AccessAccept, AccessRequest

DICTIONARY = """
ATTRIBUTE User-Name 1 string
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE Service-Type 6 integer
ATTRIBUTE Calling-Station-Id 31 string
VENDOR Cisco 9
BEGIN-VENDOR Cisco
ATTRIBUTE Cisco-AVPair 1 string
END-VENDOR Cisco
"""
CALL_CHECK = 10


class NoServerError(TimeoutError):
    """No server has answered."""


@dataclass(frozen=True)
class Admission:
    """What a server says of a device, and which one it was."""

    is_admitted: bool
    is_redirected: bool
    server: str


class Gatekeeper:
    """Asks servers, given by address and port, in their order."""

    def __init__(
        self, servers: Sequence[tuple[str, int]], secret: str, *, timeout: float = 1.0, tries: int = 2
    ) -> None:
        self._dictionary = Dictionary(io.StringIO(DICTIONARY))
        self._servers = servers
        self._secret = secret.encode()
        self._timeout = timeout
        self._tries = tries

    def admit(self, mac: str) -> Admission:
        """Ask about a device; raises `NoServerError`."""
        for address, port in self._servers:
            try:
                return self._ask(address, port, mac)
            except Timeout:
                continue
        raise NoServerError

    def _ask(self, address: str, port: int, mac: str) -> Admission:
        client = Client(address, authport=port, secret=self._secret, dict=self._dictionary)
        client.timeout, client.retries = self._timeout, self._tries
        request = client.CreateAuthPacket(code=AccessRequest, User_Name=mac.replace(":", ""))
        request["Service-Type"] = CALL_CHECK
        request["Calling-Station-Id"] = mac.replace(":", "-")
        request["NAS-IP-Address"] = "127.0.0.1"
        request.add_message_authenticator()
        reply = client.SendPacket(request)
        pairs = reply.get("Cisco-AVPair", [])
        return Admission(
            is_admitted=reply.code == AccessAccept,
            is_redirected=any(pair.startswith("url-redirect=") for pair in pairs),
            server=address,
        )
