"""The policy service node: its parts, in the order in which they are born and die.

RADIUS on both historic port pairs, the posture portal, CoA towards the NADs, syslog towards MNT, around one session
cache. A node that stops forgets its sessions (rule P3 of posture.md 2.1).
"""

from __future__ import annotations

import socket
from typing import ClassVar

from nac.binding import bind_udp
from nac.owned_tasks import OwnedTasks
from nac.runtime import Runtime
from psn.accept import build_templates
from psn.access import AccessService
from psn.accounting import AccountingService
from psn.audit import Audit
from psn.coa import CoaCommand, CoaOutcome, CoaSender
from psn.config import PsnConfig
from psn.endpoint_store import EndpointStore
from psn.portal import PortalConfig, PosturePortal
from psn.posture_outcome import PostureOutcome
from psn.session import Session
from psn.session_cache import SessionCache
from psn.session_identity import SessionIdentity
from psn.syslog_sender import SyslogSender
from radius.client import RadiusClient
from radius.client_table import ClientTable
from radius.dictionary import Dictionary, load
from radius.packet import Code
from radius.retransmission import Retransmission
from radius.server import RadiusServer, Service


class PolicyServiceNode:
    """One PSN. After `start`, `ports` tells the bound ports and `sessions` holds the session cache."""

    kind: ClassVar[str] = "psn"

    def __init__(self, config: PsnConfig, runtime: Runtime) -> None:
        """Keep what the node is told; nothing is opened before `start`."""
        self.config = config
        self.sessions = SessionCache(limit=config.session_limit, preference=config.preference)
        self.endpoints = EndpointStore()
        self.ports: dict[str, int] = {}
        self._runtime = runtime
        self._devices = ClientTable(config.clients)
        self._dictionary: Dictionary = load()
        self._tasks = OwnedTasks()
        self._sender: SyslogSender | None = None
        self._coa_client: RadiusClient | None = None
        self._coa: CoaSender | None = None
        self._portal: PosturePortal | None = None
        self._server: RadiusServer | None = None

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
        if self._server is not None:
            await self._server.stop()
        if self._portal is not None:
            await self._portal.stop()
        await self._tasks.cancel()
        if self._coa_client is not None:
            self._coa_client.close()
        if self._sender is not None:
            self._sender.close()
        self._server = self._portal = self._coa_client = self._coa = self._sender = None
        self.sessions.clear()
        self.ports = {}

    async def coa(self, session: Session, command: CoaCommand, *, cause: str) -> CoaOutcome:
        """Send a CoA for one of this node's sessions and wait for its outcome; raises `RuntimeError` when stopped."""
        if self._coa is None:
            raise RuntimeError(f"{self.name} is not running")
        return await self._coa.send(session, command, cause=cause)

    async def _start(self) -> None:
        config, runtime = self.config, self._runtime
        self._sender = SyslogSender(host=config.name, address=config.address, targets=config.log_targets)
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
        self._server = self._build_server(audit, self._portal.ports["portal"])
        self._server.start()
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
        return PosturePortal(
            portal, self._runtime, sessions=self.sessions, settings=config.posture, on_result=outcome.apply
        )

    def _build_server(self, audit: Audit, portal_port: int) -> RadiusServer:
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
        )
        accounting = AccountingService(
            runtime=runtime,
            sessions=self.sessions,
            audit=audit,
            identity=identity,
            phantom_on_start=config.phantom_on_start,
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
        return RadiusServer(
            services=self._bind(
                (authenticate, config.ports.authentication),
                (account, config.ports.accounting),
            ),
            clients=self._devices,
            observe=runtime.observe,
            maximum_in_flight=config.maximum_in_flight,
        )

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
