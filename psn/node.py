"""The policy service node: its parts, in the order in which they are born and die.

RADIUS on both historic port pairs, the posture portal, CoA towards NADs and other nodes, log records for MNT, what is
shared with the other nodes, all around one session cache. A node that stops forgets its sessions (rule P3 of
posture.md 2.1).
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import ClassVar

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.link import Link
from ldd.replication import Replication
from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime
from psn.accept import build_templates
from psn.access import AccessService
from psn.accounting import AccountingService
from psn.coa.dispatch import CoaService
from psn.coa.order import CoaCommand, CoaOutcome
from psn.coa.sender import CoaSender
from psn.config import PsnConfig
from psn.endpoints.store import EndpointStore
from psn.internode.client import InternodeClient
from psn.internode.mnt_client import MntClient
from psn.internode.owner_lookup import OwnerLookup
from psn.internode.server import InternodeServer
from psn.log.audit import Audit
from psn.log.sender import choose_log_sender
from psn.log.syslog import SyslogSender
from psn.portal.server import PosturePortal
from psn.portal.sessions_elsewhere import SessionsElsewhere
from psn.posture.outcome import PostureOutcome
from psn.radius_services import RadiusServices
from psn.session_cache import SessionCache
from psn.session_identity import SessionIdentity
from psn.sharing import Sharing
from radius.client import RadiusClient
from radius.client_table import ClientTable
from radius.dictionary import Dictionary, load_default
from radius.retransmission import Retransmission


class PolicyServiceNode:
    """One PSN. After `start`, `ports` tells the bound ports and `sessions` holds the session cache."""

    kind: ClassVar[str] = "psn"

    def __init__(self, config: PsnConfig, runtime: Runtime, *, link: Link | None = None) -> None:
        """Keep what the node is told; nothing is opened before `start`. Without a link nothing is shared."""
        self.config = config
        self.sessions = SessionCache(limit=config.session_limit, preference=config.preference)
        self.endpoints = EndpointStore(
            runtime, path=config.state_dir / f"{config.name}.sqlite" if config.state_dir else None
        )
        self.ports: dict[str, int] = {}
        self._runtime = runtime
        self._link = link
        self._sharing = Sharing(config, runtime, endpoints=self.endpoints, link=link)
        self._devices = ClientTable(config.clients)
        self._dictionary: Dictionary = load_default()
        self._tasks = OwnedTasks()
        self._coa: CoaService | None = None
        self._parts = AsyncExitStack()

    @property
    def name(self) -> str:
        """The node's name."""
        return self.config.name

    @property
    def address(self) -> str:
        """The node's address."""
        return self.config.address

    @property
    def rsd(self) -> RadiusSessionDirectory:
        """Its replica of the sessions of all nodes; empty where the era has none."""
        return self._sharing.rsd

    @property
    def replication(self) -> Replication | None:
        """What keeps the replica up to date."""
        return self._sharing.replication

    async def start(self) -> None:
        """Open everything; raises `OSError` where an address or a file is in use, and then leaves nothing open."""
        async with AsyncExitStack() as parts:
            await self._start(parts)
            self._parts = parts.pop_all()

    async def stop(self) -> None:
        """Close everything in the opposite order and forget the sessions; a second call does nothing."""
        await self._parts.aclose()

    async def coa_for(
        self, *, mac: str = "", session_id: str = "", command: CoaCommand, cause: str, direct: bool = False
    ) -> CoaOutcome:
        """Ask for a CoA for a session, or for the newest one of an endpoint, whoever owns it, and wait for its outcome.

        A `direct` one is sent from here in any case. Raises `RuntimeError` on a node that does not run.
        """
        if self._coa is None:
            raise RuntimeError(f"{self.name} is not running")
        return await self._coa.request(
            session_id=session_id, mac=mac, command=command, cause=cause, source_component="Lab", direct=direct
        )

    async def _start(self, parts: AsyncExitStack) -> None:
        """Start the parts one after another; each leaves to `parts` how it ends."""
        parts.callback(self._forget)
        await self.endpoints.open()
        parts.push_async_callback(self.endpoints.close)
        audit = await self._start_sharing(parts)
        sender = self._build_coa_sender(parts, audit)
        owners = self._build_owner_lookup()
        await self._start_coa(parts, sender, owners)
        await self._start_portal(parts, audit, sender, owners)
        self._start_radius(parts, audit)

    async def _start_sharing(self, parts: AsyncExitStack) -> Audit:
        """Start what carries this node's words to others: log records to MNT, sessions and attributes to all."""
        config, runtime = self.config, self._runtime
        syslog = SyslogSender(
            host=config.name, address=config.address, targets=config.log_targets, observe=runtime.observe
        )
        parts.callback(syslog.close)
        log = choose_log_sender(config, runtime, syslog=syslog, link=self._link)
        parts.callback(log.close)
        parts.push_async_callback(self._sharing.stop)
        await self._sharing.start(*dict.fromkeys((syslog, log)))
        return Audit(config=config, runtime=runtime, sender=log, dictionary=self._dictionary)

    def _build_coa_sender(self, parts: AsyncExitStack, audit: Audit) -> CoaSender:
        config, runtime = self.config, self._runtime
        client = RadiusClient(host=config.address, random=runtime.random, observe=runtime.observe, gate=runtime.gate)
        parts.callback(client.close)
        parts.push_async_callback(self._tasks.cancel)
        return CoaSender(
            runtime=runtime,
            client=client,
            devices=self._devices,
            audit=audit,
            retransmission=Retransmission.every(config.coa_timeout, config.coa_retransmits),
        )

    def _build_owner_lookup(self) -> OwnerLookup:
        config, runtime = self.config, self._runtime
        tls = config.internode_tls.client if config.internode_tls else None
        mnt = MntClient(config.mnt_apis, tls=tls, address=config.address, observe=runtime.observe)
        return OwnerLookup(config, runtime, directory=self.rsd, mnt=mnt)

    async def _start_coa(self, parts: AsyncExitStack, sender: CoaSender, owners: OwnerLookup) -> None:
        """Start the CoA of this node and, where it has a certificate, its port for CoA on behalf of others."""
        config, runtime, tls = self.config, self._runtime, self.config.internode_tls
        self._coa = CoaService(
            config,
            runtime,
            sessions=self.sessions,
            sender=sender,
            owners=owners,
            internode=InternodeClient(config, tls=tls.client) if tls else None,
        )
        if tls is None:
            return
        server = InternodeServer(
            runtime,
            address=config.address,
            port=config.ports.internode,
            tls=tls.server,
            on_coa=self._coa.carry_out,
        )
        parts.push_async_callback(server.stop)
        await server.start()
        self.ports["internode"] = server.port

    async def _start_portal(self, parts: AsyncExitStack, audit: Audit, sender: CoaSender, owners: OwnerLookup) -> None:
        """Start the portal, whose results lead to a CoA for the entry held here."""
        config, runtime = self.config, self._runtime
        outcome = PostureOutcome(
            runtime=runtime,
            lease=config.posture.lease,
            endpoints=self.endpoints,
            audit=audit,
            listener=self._sharing.listener,
            send_coa=sender.send,
            tasks=self._tasks,
        )
        directory = self.rsd if config.era is Era.POSTURE_SHARING else None
        elsewhere = SessionsElsewhere(config.name, directory=directory, owners=owners, peers=config.peers)
        portal = PosturePortal(config, runtime, sessions=self.sessions, sink=outcome, elsewhere=elsewhere)
        parts.push_async_callback(portal.stop)
        await portal.start()
        self.ports.update(portal.ports)

    def _start_radius(self, parts: AsyncExitStack, audit: Audit) -> None:
        """Start authentication and accounting around the session cache."""
        config, runtime = self.config, self._runtime
        identity = SessionIdentity(name=config.name, address=config.address, random=runtime.random)
        access = AccessService(
            config=config,
            runtime=runtime,
            sessions=self.sessions,
            endpoints=self.endpoints,
            audit=audit,
            identity=identity,
            templates=build_templates(config, self._dictionary, self.ports["portal"]),
            dictionary=self._dictionary,
            directory=self.rsd,
            listener=self._sharing.listener,
        )
        accounting = AccountingService(
            runtime=runtime,
            sessions=self.sessions,
            audit=audit,
            identity=identity,
            phantom_on_start=config.phantom_on_start,
            listener=self._sharing.listener,
        )
        servers = RadiusServices(config, runtime, devices=self._devices, audit=audit)
        parts.push_async_callback(servers.stop)
        servers.start(access=access.handle, accounting=accounting.handle)
        self.ports.update(servers.ports)

    def _forget(self) -> None:
        """Forget what a restart forgets."""
        self._coa = None
        self.sessions.clear()
        self.ports = {}
