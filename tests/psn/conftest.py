"""A policy service node in this process: its parts without its ports, or the whole on ports of the machine's choice.

Syslog always goes through a real socket: a datagram sent over loopback has arrived when `send` returns.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from typing import Any

import pytest
import trustme
from aiohttp import encode_basic_auth, web

from ldd.directory import RadiusSessionDirectory
from nac.journal import Journal, JournalRecord
from nac.posture import PostureStatus
from nac.runtime import Runtime
from nac.syslog import Segment, SyslogRecord, parse_record, parse_segment
from psn.accept import build_templates
from psn.access import AccessService
from psn.accounting import AccountingService
from psn.audit import Audit
from psn.config import (
    AuthorizationProfile,
    AuthorizationRule,
    Condition,
    Dacl,
    InternodeTls,
    KnownEndpoint,
    LogTarget,
    MntApi,
    PsnConfig,
    PsnPorts,
    Redirect,
    User,
)
from psn.endpoint_store import EndpointStore
from psn.node import PolicyServiceNode
from psn.posture_policy import PostureSettings
from psn.session import Session
from psn.session_cache import SessionCache
from psn.session_identity import SessionIdentity
from psn.syslog_sender import SyslogSender
from radius import attribute
from radius.authenticator import encode_reply, encode_request, verify_request
from radius.client_table import Client
from radius.dictionary import Dictionary, load
from radius.packet import Attribute, Code, Packet, decode, encode_attributes, integer, text
from radius.secret import Secret
from radius.server import Reply, Request

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SECRET = Secret("testing123")
SWITCH = Client(name="switch1", network=IPv4Network("127.0.0.0/8"), secret=SECRET, groups=("Location#Vienna",))
MAC = "02:00:00:00:10:01"
SESSION_ID = "7F000301000000010000ABCD"
PORTAL_ID = "0ce17ad0-6d90-11e5-978e-005056bf2f0a"

RULES = (("Compliant", "Compliant"), ("NonCompliant", "NonCompliant"), ("Posture pending", "Unknown"))
LINES = {"Compliant": "permit ip any any", "NonCompliant": "deny ip any any", "Unknown": "permit udp any any eq domain"}
NAMES = {"Compliant": "Full-Access", "NonCompliant": "Quarantine", "Unknown": "Posture-Redirect"}
REDIRECT = Redirect(acl="ACL-POSTURE-REDIRECT", portal=PORTAL_ID)
POLICY = tuple(
    AuthorizationRule(name=rule, profile=NAMES[status], conditions=(Condition(attribute="posture", values=(status,)),))
    for rule, status in RULES
)
PROFILES = tuple(
    AuthorizationProfile(name=name, dacl=name, redirect=REDIRECT if status == "Unknown" else None)
    for status, name in NAMES.items()
)
DACLS = tuple(Dacl(name=NAMES[status], lines=(line,), version=0x65B4F5CB) for status, line in LINES.items())
USERS = (
    User(name="alice", password="lab-alice", groups=("Employees",)),
    User(name="bob", password="lab-bob", groups=("Contractors",)),
    User(name="eve", password="lab-eve", enabled=False),
)


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant

    def advance(self, **by: float) -> None:
        self.instant += timedelta(**by)


class Collector:
    """The receiving end of syslog."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("127.0.0.1", 0))

    def make_target(self, *, maximum_length: int = 8192) -> LogTarget:
        return LogTarget(name="mnt1", host="127.0.0.1", port=self.sock.getsockname()[1], maximum_length=maximum_length)

    def list_datagrams(self) -> list[bytes]:
        datagrams = []
        while True:
            try:
                datagrams.append(self.sock.recv(65_535))
            except BlockingIOError:
                return datagrams

    def list_records(self) -> list[SyslogRecord]:
        """List the records that have arrived since the last call."""
        whole: dict[int, list[Segment]] = defaultdict(list)
        for data in self.list_datagrams():
            segment = parse_segment(data)
            whole[segment.message_id].append(segment)
        return [
            parse_record(host=first.host, category=first.category, text="".join(part.payload for part in segments))
            for segments in whole.values()
            for first in segments[:1]
        ]


class Bench:
    """The parts of one node, wired as `psn.node` does, with requests that go through the codec but not the network."""

    def __init__(self, dictionary: Dictionary, collector: Collector, **changes: Any) -> None:
        self.clock = HandClock()
        self.collector = collector
        self.dictionary = dictionary
        self.journal = Journal(self.clock)
        self.runtime = Runtime(node="psn1", clock=self.clock, random=random.Random(1), journal=self.journal)
        self.config = make_config(collector, **changes)
        self.sessions = SessionCache(limit=self.config.session_limit, preference=self.config.preference)
        self.rsd = RadiusSessionDirectory()
        self.endpoints = EndpointStore(self.runtime)
        self.sender = SyslogSender(
            host="psn1", address="127.0.0.1", targets=self.config.log_targets, observe=self.runtime.observe
        )
        self.audit = Audit(config=self.config, runtime=self.runtime, sender=self.sender, dictionary=dictionary)
        identity = SessionIdentity(name="psn1", address="127.0.0.1", random=self.runtime.random)
        self.access = AccessService(
            config=self.config,
            runtime=self.runtime,
            sessions=self.sessions,
            endpoints=self.endpoints,
            audit=self.audit,
            identity=identity,
            templates=build_templates(self.config, dictionary, 8443),
            dictionary=dictionary,
            directory=self.rsd,
        )
        self.accounting = AccountingService(
            runtime=self.runtime,
            sessions=self.sessions,
            audit=self.audit,
            identity=identity,
            phantom_on_start=self.config.phantom_on_start,
        )
        self._filler = 0

    def make_request(
        self, *attributes: Attribute, code: int = Code.ACCESS_REQUEST, sign: bool = True, secret: Secret = SECRET
    ) -> Request:
        """Make a verified request of switch1; `secret` is the one that the device believes in."""
        self._filler = self._filler % 255 + 1
        data = encode_request(code, 1, list(attributes), secret, bytes((self._filler,)) * 16, sign=sign)
        packet = decode(data)
        assert not sign or verify_request(data, packet, secret) is None
        return Request(packet, SWITCH, ("127.0.3.1", 1645), ("127.0.1.1", 1812))

    def ask(self, *attributes: Attribute, sign: bool = True, secret: Secret = SECRET) -> Packet | None:
        """Send an Access-Request and decode the reply."""
        request = self.make_request(*attributes, sign=sign, secret=secret)
        return self._decode(request, self.access.handle(request))

    def account(self, status: int, *attributes: Attribute) -> Packet | None:
        """Send an Accounting-Request and decode the reply."""
        pair = (attribute.ACCT_STATUS_TYPE, integer(status))
        request = self.make_request(pair, *attributes, code=Code.ACCOUNTING_REQUEST)
        return self._decode(request, self.accounting.handle(request))

    @staticmethod
    def _decode(request: Request, reply: Reply | None) -> Packet | None:
        if reply is None:
            return None
        return decode(encode_reply(request.packet, reply.code, reply.attributes, request.client.secret))

    @staticmethod
    def avpair(value: str) -> Attribute:
        return attribute.CISCO_AVPAIR, text(value)

    def mab(self, mac: str = MAC, session_id: str | None = SESSION_ID) -> list[Attribute]:
        """List what a switch sends for MAB (aaa-mnt.md 1.2)."""
        user = text(mac.replace(":", "").lower())
        pairs = ["service-type=Call Check", *([f"audit-session-id={session_id}"] if session_id else []), "method=mab"]
        return [
            (attribute.USER_NAME, user),
            (attribute.USER_PASSWORD, user),
            (attribute.SERVICE_TYPE, integer(attribute.SERVICE_CALL_CHECK)),
            (attribute.CALLING_STATION_ID, text(mac.replace(":", "-"))),
            (attribute.NAS_IP_ADDRESS, bytes((127, 0, 3, 1))),
            (attribute.NAS_PORT_ID, b"GigabitEthernet1/0/1"),
            (attribute.NAS_PORT_TYPE, integer(attribute.NAS_PORT_TYPE_ETHERNET)),
            *(self.avpair(pair) for pair in pairs),
        ]

    def pap(self, user: str, password: str, *, session_id: str | None = SESSION_ID) -> list[Attribute]:
        session = [self.avpair(f"audit-session-id={session_id}")] if session_id else []
        return [(attribute.USER_NAME, text(user)), (attribute.USER_PASSWORD, text(password)), *session]

    def authenticate(self, mac: str = MAC, session_id: str = SESSION_ID) -> Session:
        """Let an endpoint pass, and give its session."""
        assert self.ask(*self.mab(mac, session_id)) is not None
        session = self.sessions.peek(session_id)
        assert session is not None
        return session

    def list_records(self) -> list[SyslogRecord]:
        return self.collector.list_records()

    def list_events(self, event: str) -> list[JournalRecord]:
        return [record for record in self.journal if record.event == event]

    def set_status(self, status: PostureStatus) -> None:
        for session in self.sessions:
            session.posture_status = status


def make_config(collector: Collector, **changes: Any) -> PsnConfig:
    config = PsnConfig(
        name="psn1",
        fqdn="psn1.lab.test",
        address="127.0.0.1",
        ports=PsnPorts(authentication=(0, 0), accounting=(0, 0), portal=0, posture=0),
        clients=(SWITCH,),
        users={user.name: user for user in USERS},
        endpoints={MAC: KnownEndpoint(mac=MAC, groups=("Workstations",))},
        profiles={profile.name: profile for profile in PROFILES},
        dacls={dacl.name: dacl for dacl in DACLS},
        rules=POLICY,
        posture=PostureSettings(),
        tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        log_targets=(collector.make_target(),),
    )
    return replace(config, **changes)


BuildBench = Callable[..., Bench]


@pytest.fixture(scope="session")
def dictionary() -> Dictionary:
    return load()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.sock.close()


@pytest.fixture
def build_bench(dictionary: Dictionary, collector: Collector) -> Iterator[BuildBench]:
    benches: list[Bench] = []

    def build(**changes: Any) -> Bench:
        benches.append(Bench(dictionary, collector, **changes))
        return benches[-1]

    yield build
    for bench in benches:
        bench.sender.close()


@pytest.fixture
def bench(build_bench: BuildBench) -> Bench:
    return build_bench()


BuildNode = Callable[..., PolicyServiceNode]


@pytest.fixture
async def build_node(collector: Collector) -> AsyncIterator[BuildNode]:
    """Build nodes that are not yet started; all are stopped at the end."""
    nodes: list[PolicyServiceNode] = []
    clock = HandClock()
    journal = Journal(clock)

    def build(**changes: Any) -> PolicyServiceNode:
        runtime = Runtime(node="psn1", clock=clock, random=random.Random(1), journal=journal)
        nodes.append(PolicyServiceNode(make_config(collector, **changes), runtime))
        return nodes[-1]

    yield build
    for node in nodes:
        await node.stop()


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


@pytest.fixture
async def nad() -> AsyncIterator[Nad]:
    nad = Nad()
    yield nad
    nad.close()


class ScriptedMnt:
    """The REST API of a monitoring node: what it is asked, and what it is told to answer."""

    ADDRESS = "127.0.2.1"

    def __init__(self, authority: trustme.CA) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[web.Request], Awaitable[web.Response]] = self.know_nothing
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(self.ADDRESS).configure_cert(self.tls)
        self._runner: web.ServerRunner | None = None

    @property
    def api(self) -> MntApi:
        return MntApi(name="mnt1", host=self.ADDRESS, port=self.port, user="admin", password="lab-mnt")

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.ADDRESS, 0, ssl_context=self.tls).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request.path)
        if request.headers.get("Authorization") != encode_basic_auth("admin", "lab-mnt"):
            return web.Response(status=401)
        return await self.answer(request)

    @staticmethod
    async def know_nothing(_: web.BaseRequest) -> web.Response:
        why = b"<internal-error-info>Session data is not available.</internal-error-info>"
        return web.Response(status=500, body=b"<mnt-rest-result>" + why + b"</mnt-rest-result>")

    def say(self, body: bytes, *, status: int = 200) -> None:
        async def answer(_: web.BaseRequest) -> web.Response:
            return web.Response(status=status, body=body, content_type="application/xml")

        self.answer = answer

    def name_owner(self, server: str, session_id: str = SESSION_ID, *, stopped: str = "false") -> None:
        self.say(
            b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<sessionParameters><passed '
            b'xsi:type="xs:boolean" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
            b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">true</passed>'
            + f"<acs_server>{server}</acs_server><audit_session_id>{session_id}</audit_session_id>".encode()
            + f"<stopped>{stopped}</stopped></sessionParameters>".encode()
        )


@pytest.fixture(scope="session")
def lab_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def mnt(lab_authority: trustme.CA) -> AsyncIterator[ScriptedMnt]:
    mnt = ScriptedMnt(lab_authority)
    await mnt.start()
    yield mnt
    await mnt.stop()


def make_internode_tls(authority: trustme.CA, address: str) -> InternodeTls:
    """Make both contexts of a node that belongs to the deployment."""
    certificate = authority.issue_cert(address)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context()
    for context in (server, client):
        certificate.configure_cert(context)
        authority.configure_trust(context)
    return InternodeTls(server=server, client=client)


BuildTls = Callable[[str], InternodeTls]


@pytest.fixture
def build_tls(lab_authority: trustme.CA) -> BuildTls:
    """Make the contexts of the node of an address."""
    return lambda address: make_internode_tls(lab_authority, address)
