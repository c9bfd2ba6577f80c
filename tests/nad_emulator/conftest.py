"""A switch on virtual time, RADIUS servers that answer as a test scripts them, and a web server behind it.

All sockets are real and on loopback; the servers speak RADIUS with the room's own codec.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

import pytest

from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime
from nad_emulator.config import AaaServer, AccessPortConfig, SwitchConfig
from nad_emulator.switch import Switch
from posturelab.clock import LabClock, LabLoop
from radius import attribute
from radius.authenticator import encode_reply, verify_request
from radius.client import Peer, RadiusClient
from radius.client_table import Client
from radius.packet import Attribute, Code, Packet, decode, encode_attributes, text
from radius.retransmission import Retransmission
from radius.secret import Secret

SECRET = Secret("testing123")
PORT = "GigabitEthernet1/0/1"
OTHER_PORT = "GigabitEthernet1/0/2"
MAC = "02:00:00:00:10:01"
ADDRESS = "127.0.10.1"
SWITCH = "127.0.3.1"

PERMIT_ALL = "#ACSACL#-IP-PERMIT-ALL-65b4f5cb"
PENDING = "#ACSACL#-IP-POSTURE-PENDING-65b4f5cb"
REDIRECT_URL = "https://psn1.lab.test:8443/portal/gateway?sessionId=1&portal=2&action=cpp&token=3"
LISTS = {
    PERMIT_ALL: ["permit ip any any"],
    "#ACSACL#-IP-DENY-ALL-65b4f5cb": ["deny ip any any"],
    PENDING: ["permit tcp any host 127.0.1.1 eq 8443", "permit tcp any any eq www", "deny ip any any"],
}

Answer = tuple[int, list[Attribute]]
Script = Callable[[Packet], Answer | None]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on virtual time, except with programs outside the process."""
    if item.path.name == "test_foreign_clients.py":
        return {"live": LabLoop}
    return {"virtual": lambda: LabLoop(virtual=True)}


def avpair(value: str) -> Attribute:
    return attribute.CISCO_AVPAIR, text(value)


def accept(*attributes: Attribute) -> Answer:
    """Accept a session, with these attributes."""
    return Code.ACCESS_ACCEPT, list(attributes)


def find_dacl(packet: Packet) -> str | None:
    """Find the name of the list that a request wants to download."""
    name = packet.text(attribute.USER_NAME) or ""
    return name if name.startswith("#ACSACL#") else None


def serve(*answers: Answer) -> Script:
    """Script these answers to the authentications in turn, the last for ever, and all of `LISTS` for download."""
    rest = list(answers)

    def answer(packet: Packet) -> Answer:
        name = find_dacl(packet)
        if name is not None:
            return accept(*(avpair(f"ip:inacl#{number}={line}") for number, line in enumerate(LISTS[name], 1)))
        return rest.pop(0) if len(rest) > 1 else rest[0]

    return answer


OPEN = accept(avpair(f"ACS:CiscoSecure-Defined-ACL={PERMIT_ALL}"))
REDIRECTED = accept(
    avpair("url-redirect-acl=ACL-POSTURE-REDIRECT"),
    avpair(f"url-redirect={REDIRECT_URL}"),
    avpair(f"ACS:CiscoSecure-Defined-ACL={PENDING}"),
)


class ScriptedServer:
    """A RADIUS server with both ports on one address. `script` answers; None is silence."""

    def __init__(self, host: str, script: Script | None = None) -> None:
        self.host = host
        self.script: Script = script or (lambda _: accept())
        self.requests: list[Packet] = []
        self.answers_accounting = True
        self._sockets = [self._open(), self._open()]

    def _open(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((self.host, 0))
        asyncio.get_running_loop().add_reader(sock, self._read, sock)
        return sock

    @property
    def config(self) -> AaaServer:
        auth, acct = (sock.getsockname()[1] for sock in self._sockets)
        return AaaServer(name=self.host, host=self.host, secret=SECRET, auth_port=auth, acct_port=acct)

    def list_authentications(self) -> list[Packet]:
        """List the Access-Requests that were not downloads."""
        return [packet for packet in self.list_requests(Code.ACCESS_REQUEST) if find_dacl(packet) is None]

    def list_requests(self, code: Code, status: int | None = None) -> list[Packet]:
        return [
            packet
            for packet in self.requests
            if packet.code == code and status in {None, packet.integer(attribute.ACCT_STATUS_TYPE)}
        ]

    def _read(self, sock: socket.socket) -> None:
        data, source = sock.recvfrom(4096)
        packet = decode(data)
        assert verify_request(data, packet, SECRET) is None
        assert attribute.MESSAGE_AUTHENTICATOR in packet.index
        self.requests.append(packet)
        answer: Answer | None
        if packet.code == Code.ACCOUNTING_REQUEST:
            answer = (Code.ACCOUNTING_RESPONSE, []) if self.answers_accounting else None
        else:
            answer = self.script(packet)
        if answer is not None:
            sock.sendto(encode_reply(packet, answer[0], encode_attributes(answer[1]), SECRET), source)

    def close(self) -> None:
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()


@dataclass(kw_only=True)
class Bench:
    """One switch with what surrounds it. Nothing listens before a test asks for it."""

    journal: Journal
    runtime: Runtime
    servers: list[ScriptedServer] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    closers: list[Callable[[], object]] = field(default_factory=list)
    port: str = PORT
    open: Answer = OPEN
    redirected: Answer = REDIRECTED
    redirect_url: str = REDIRECT_URL
    http_port: int = 8080
    """Where a test's web server listens."""
    serve = staticmethod(serve)

    def __post_init__(self) -> None:
        self.began_at = self.runtime.clock.now()

    def add_closer(self, close: Callable[[], object]) -> None:
        self.closers.append(close)

    def add_server(self, script: Script | None = None, *, host: str = "127.0.1.1") -> ScriptedServer:
        server = ScriptedServer(host, script)
        self.servers.append(server)
        return server

    def build_config(self, **settings: Any) -> SwitchConfig:
        defaults: dict[str, Any] = {
            "name": "switch1",
            "address": SWITCH,
            "fqdn": "switch1.lab.test",
            "servers": tuple(server.config for server in self.servers),
            "ports": (AccessPortConfig(name=PORT), AccessPortConfig(name=OTHER_PORT)),
            "access_lists": {"ACL-POSTURE-REDIRECT": ("deny tcp any host 127.0.1.1", "permit tcp any any eq www")},
            "hosts": {"www.lab.test": "127.0.4.1", "psn1.lab.test": "127.0.1.1", "enroll.cisco.com": "127.0.4.1"},
            "coa_port": 0,
            "coa_rfc_port": 0,
            "dynamic_author_clients": (Client(name="any", network=IPv4Network("0.0.0.0/0"), secret=SECRET),),
        }
        return SwitchConfig(**{**defaults, **settings})

    async def start_switch(self, **settings: Any) -> Switch:
        switch = Switch(self.build_config(**settings), self.runtime)
        self.switches.append(switch)
        await switch.start()
        return switch

    async def plug(self, switch: Switch, *, event: str = "accounting-start", port: str = PORT, mac: str = MAC) -> None:
        """Plug an endpoint in and wait until the switch has come so far."""
        await self.wait_after(switch.cable(port).plug(mac, ADDRESS), event)

    async def wait_after(self, action: Coroutine[Any, Any, None] | None, event: str) -> JournalRecord:
        """Wait for the next journal record of a kind, while `action` (if any) runs."""
        found: asyncio.Future[JournalRecord] = asyncio.get_running_loop().create_future()

        def listen(record: JournalRecord) -> None:
            if record.event == event and not found.done():
                found.set_result(record)

        end = self.journal.listen(listen)
        try:
            if action is not None:
                await action
            async with asyncio.timeout(timedelta(days=30).total_seconds()):
                return await found
        finally:
            end()

    async def wait_for(self, event: str) -> JournalRecord:
        return await self.wait_after(None, event)

    async def ask(
        self, switch: Switch, code: Code, *attributes: Attribute, port: str = "coa", retransmits: int = 0
    ) -> Packet:
        """Send a CoA- or Disconnect-Request as a PSN does."""
        client = RadiusClient(host="127.0.1.1", random=random.Random(2), observe=lambda *_: None)
        try:
            peer = Peer(host=SWITCH, port=switch.ports[port], secret=SECRET)
            schedule = Retransmission.every(timedelta(seconds=1), retransmits)
            return await client.exchange(peer, code, list(attributes), retransmission=schedule)
        finally:
            client.close()

    def list_records(self, event: str) -> list[JournalRecord]:
        return [record for record in self.journal if record.event == event]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    loop = asyncio.get_running_loop()
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    clock = LabClock(loop)
    journal = Journal(clock)
    runtime = Runtime(node="switch1", clock=clock, random=random.Random(1), journal=journal)
    bench = Bench(journal=journal, runtime=runtime)
    yield bench
    for switch in bench.switches:
        await switch.stop()
    for close in bench.closers:
        close()
    for server in bench.servers:
        server.close()
    await asyncio.sleep(0)
    assert not failures
