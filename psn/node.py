"""The policy service node: its parts, in the order in which they are born and die.

RADIUS on both historic port pairs, the posture portal, CoA towards the NADs, syslog towards MNT, around one session
cache. A node that stops forgets its sessions (rule P3 of posture.md 2.1).
"""

from __future__ import annotations

import socket
from typing import ClassVar

from ldd.bus import Bus
from ldd.directory import RadiusSessionDirectory
from ldd.publisher import Owner, SessionPublisher
from ldd.replication import Replication
from nac.binding import bind_udp
from nac.owned_tasks import OwnedTasks
from nac.runtime import Runtime
from nac.syslog_catalogue import ACCOUNTING_DROPPED, REQUEST_DROPPED
from psn.accept import build_templates
from psn.access import AccessService
from psn.accounting import AccountingService
from psn.audit import Audit
from psn.coa import CoaCommand, CoaOutcome, CoaSender
from psn.config import PsnConfig
from psn.drop_report import DropReport
from psn.endpoint_store import EndpointStore
from psn.portal import PortalConfig, PosturePortal
from psn.posture_outcome import PostureOutcome
from psn.posture_result import PostureResult
from psn.session import Session
from psn.session_cache import SessionCache
from psn.session_directory_feed import SessionDirectoryFeed
from psn.session_events import SessionEvent, SessionListener
from psn.session_identity import SessionIdentity
from psn.syslog_sender import SyslogSender
from radius.client import RadiusClient
from radius.client_table import ClientTable
from radius.dictionary import Dictionary, load
from radius.packet import Code
from radius.retransmission import Retransmission
from radius.server import RadiusServer, Service


class PolicyServiceNode:
    """One PSN. After `start`, `ports` tells the bound ports and `sessions` holds the session cache.

    `rsd` is its replica of the sessions of all nodes.
    """

    kind: ClassVar[str] = "psn"

    def __init__(self, config: PsnConfig, runtime: Runtime, *, bus: Bus | None = None) -> None:
        """Keep what the node is told; nothing is opened before `start`. Without a bus nothing is shared."""
        self.config = config
        self.sessions = SessionCache(limit=config.session_limit, preference=config.preference)
        self.endpoints = EndpointStore()
        self.rsd = RadiusSessionDirectory()
        self.ports: dict[str, int] = {}
        self._runtime = runtime
        self._devices = ClientTable(config.clients)
        self._dictionary: Dictionary = load()
        self._tasks = OwnedTasks()
        self._sender: SyslogSender | None = None
        self._coa_client: RadiusClient | None = None
        self._coa: CoaSender | None = None
        self._portal: PosturePortal | None = None
        self._servers: list[RadiusServer] = []
        self._listener: SessionListener | None = None
        self._replication: Replication | None = None
        if bus is not None:
            owner = Owner(name=config.name, address=config.address, fqdn=config.fqdn)
            self._listener = SessionDirectoryFeed(SessionPublisher(owner, runtime, directory=self.rsd, bus=bus))
            self._replication = Replication(runtime, directory=self.rsd, bus=bus)

    @property
    def name(self) -> str:
        """The node's name."""
        return self.config.name

    @property
    def address(self) -> str:
        """The node's address."""
        return self.config.address

    async def start(self) -> None:
        """Open everything; raises `OSError` where an address is in use, and then leaves nothing open."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close everything in the opposite order and forget the sessions; a second call does nothing."""
        for server in self._servers:
            await server.stop()
        if self._portal is not None:
            await self._portal.stop()
        await self._tasks.cancel()
        if self._coa_client is not None:
            self._coa_client.close()
        if self._sender is not None:
            self._sender.close()
        self._portal = self._coa_client = self._coa = self._sender = None
        self._servers.clear()
        if self._replication is not None:
            self._replication.stop()
        self.sessions.clear()
        self.ports = {}

    async def coa(self, session: Session, command: CoaCommand, *, cause: str) -> CoaOutcome:
        """Send a CoA for one of this node's sessions and wait for its outcome; raises `RuntimeError` when stopped."""
        if self._coa is None:
            raise RuntimeError(f"{self.name} is not running")
        return await self._coa.send(session, command, cause=cause)

    async def _start(self) -> None:
        config, runtime = self.config, self._runtime
        if self._replication is not None:
            self._replication.start()
        self._sender = SyslogSender(
            host=config.name, address=config.address, targets=config.log_targets, observe=runtime.observe
        )
        audit = Audit(config=config, runtime=runtime, sender=self._sender, dictionary=self._dictionary)
        self._coa_client = RadiusClient(host=config.address, random=runtime.random, observe=runtime.observe)
        self._coa = CoaSender(
            runtime=runtime,
            client=self._coa_client,
            devices=self._devices,
            audit=audit,
            retransmission=Retransmission.every(config.coa_timeout, config.coa_retransmits),
        )
        self._portal = self._build_portal(audit)
        await self._portal.start()
        self._servers = self._build_servers(audit, self._portal.ports["portal"])
        for server in self._servers:
            server.start()
        self.ports.update(self._portal.ports)

    def _build_portal(self, audit: Audit) -> PosturePortal:
        config = self.config
        outcome = PostureOutcome(
            runtime=self._runtime,
            settings=config.posture,
            endpoints=self.endpoints,
            audit=audit,
            reauthenticate=self._reauthenticate,
        )
        portal = PortalConfig(
            fqdn=config.fqdn,
            address=config.address,
            tls=config.tls,
            portal_port=config.ports.portal,
            posture_port=config.ports.posture,
            backup_servers=config.backup_servers,
            ca_certificate=config.ca_certificate,
        )

        def take(result: PostureResult) -> None:
            if self._listener is not None:
                self._listener.on_session(result.session, SessionEvent.ASSESSED)
            outcome.apply(result)

        return PosturePortal(
            portal,
            self._runtime,
            sessions=self.sessions,
            settings=config.posture,
            on_result=take,
            on_unprovisioned=outcome.note_unprovisioned,
        )

    def _build_servers(self, audit: Audit, portal_port: int) -> list[RadiusServer]:
        """Build a server for each service, so that a drop is told of under the service it concerns."""
        services = self._build_services(audit, portal_port)
        ports = self.config.ports
        bound = self._bind(*zip(services, (ports.authentication, ports.accounting), strict=True))
        drops = DropReport(runtime=self._runtime, devices=self._devices, audit=audit)
        return [
            RadiusServer(
                services=[pair for pair in bound if pair[1] is service],
                clients=self._devices,
                observe=drops.observe_as(entry),
                maximum_in_flight=self.config.maximum_in_flight,
            )
            for service, entry in zip(services, (REQUEST_DROPPED, ACCOUNTING_DROPPED), strict=True)
        ]

    def _build_services(self, audit: Audit, portal_port: int) -> tuple[Service, Service]:
        config, runtime = self.config, self._runtime
        identity = SessionIdentity(name=config.name, address=config.address, random=runtime.random)
        access = AccessService(
            config=config,
            runtime=runtime,
            sessions=self.sessions,
            endpoints=self.endpoints,
            audit=audit,
            identity=identity,
            templates=build_templates(config, self._dictionary, portal_port),
            dictionary=self._dictionary,
            listener=self._listener,
        )
        accounting = AccountingService(
            runtime=runtime,
            sessions=self.sessions,
            audit=audit,
            identity=identity,
            phantom_on_start=config.phantom_on_start,
            listener=self._listener,
        )
        authenticate = Service(
            name="authentication",
            handlers={Code.ACCESS_REQUEST: access.handle},
            status_code=Code.ACCESS_ACCEPT,
        )
        account = Service(
            name="accounting",
            handlers={Code.ACCOUNTING_REQUEST: accounting.handle},
            status_code=Code.ACCOUNTING_RESPONSE,
        )
        return authenticate, account

    def _bind(self, *services: tuple[Service, tuple[int, ...]]) -> list[tuple[socket.socket, Service]]:
        """Bind the ports of all services; the historic second one of each gets ``-legacy`` in its name."""
        bound: list[tuple[socket.socket, Service]] = []
        try:
            for service, ports in services:
                for number, port in enumerate(ports):
                    sock = bind_udp(self.config.address, port)
                    bound.append((sock, service))
                    self.ports[service.name + ("-legacy" if number else "")] = sock.getsockname()[1]
        except OSError:
            for sock, _ in bound:
                sock.close()
            raise
        return bound

    def _reauthenticate(self, session: Session, cause: str) -> None:
        """Start a CoA that ends on its own."""

        async def send() -> None:
            await self.coa(session, CoaCommand.REAUTHENTICATE_LAST, cause=cause)

        self._tasks.spawn(send(), name=f"{self.name} coa")
