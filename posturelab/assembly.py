"""From a topology to what each node is told: the one place where the rooms' configurations are filled in."""

from __future__ import annotations

from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

from agent_emulator.config import AgentTimers, EndpointConfig
from mnt.config import MntConfig
from nad_emulator.config import AaaServer, AccessPortConfig, SwitchConfig
from nad_emulator.server_group import DeadCriteria
from posturelab.authority import Authority
from posturelab.topology.endpoint import EndpointNode, EndpointSettings
from posturelab.topology.model import Topology
from posturelab.topology.nodes import MntNode, MntSettings, PsnNode, PsnSettings, SwitchNode, SwitchSettings
from posturelab.topology.values import WILDCARD_CLIENT
from posturelab.website import WebsiteConfig
from psn.config import KnownEndpoint, LogTarget, MntApi, PeerNode, PsnConfig, PsnPorts
from radius.client_table import Client
from radius.secret import Secret


def build_mnt_config(
    topology: Topology, name: str, authority: Authority, *, state_dir: Path | None = None
) -> MntConfig:
    """Build what a monitoring node is told; `state_dir` is where it keeps what outlives it."""
    node = topology.select(MntNode)[name]
    return MntConfig(
        name=name,
        address=node.address,
        retention=node.retention.build(),
        era=topology.ldd,
        state_dir=state_dir,
        tls=authority.server_context(name, names=(topology.fqdn(name), name), address=node.address),
        **node.settings(MntSettings),
    )


def build_psn_config(
    topology: Topology, name: str, authority: Authority, *, state_dir: Path | None = None
) -> PsnConfig:
    """Build what a policy service node is told; `state_dir` is where it keeps what outlives it."""
    node = topology.select(PsnNode)[name]
    fqdn = topology.fqdn(name)
    targets = [
        LogTarget(name=target, host=mnt.address, port=mnt.syslog_port, maximum_length=node.syslog_maximum_length)
        for target, mnt in topology.select(MntNode).items()
    ]
    peers = _list_peers(topology, name)
    return PsnConfig(
        name=name,
        fqdn=fqdn,
        address=node.address,
        ports=PsnPorts(**dict(node.ports)),
        clients=tuple(list_clients(topology)),
        users={user: entry.build(user) for user, entry in topology.users.items()},
        endpoints={
            endpoint.mac: KnownEndpoint(mac=endpoint.mac, groups=endpoint.identity_groups)
            for endpoint in topology.select(EndpointNode).values()
        },
        profiles={profile: entry.build(profile) for profile, entry in topology.policy.profiles.items()},
        dacls=topology.policy.build_dacls(),
        rules=tuple(rule.build() for rule in topology.policy.rules),
        posture=topology.posture.build(),
        tls=authority.server_context(name, names=(fqdn, name), address=node.address),
        ca_certificate=authority.certificate_path.read_bytes(),
        backup_servers=tuple(peer.fqdn for peer in peers),
        log_targets=tuple(targets),
        era=topology.ldd,
        state_dir=state_dir,
        internode_tls=authority.internode_tls(name, names=(fqdn, name), address=node.address),
        peers=tuple(peers),
        mnt_apis=tuple(_list_apis(topology)),
        **node.settings(PsnSettings),
    )


def build_switch_config(topology: Topology, name: str) -> SwitchConfig:
    """Build what a switch is told."""
    node = topology.select(SwitchNode)[name]
    psns = topology.select(PsnNode)
    secret = Secret(node.secret or topology.radius.secret)
    servers = [
        AaaServer(
            name=server,
            host=psns[server].address,
            secret=secret,
            auth_port=psns[server].ports.authentication[0],
            acct_port=psns[server].ports.accounting[0],
        )
        for server in node.servers or psns
    ]
    return SwitchConfig(
        name=name,
        address=node.address,
        fqdn=topology.fqdn(name),
        servers=tuple(servers),
        ports=tuple(AccessPortConfig(name=port, **dict(entry)) for port, entry in node.access_ports.items()),
        dead_criteria=DeadCriteria(**dict(node.dead_criteria)),
        hosts=topology.resolve_hosts(),
        http_port=topology.http_port,
        dynamic_author_clients=(
            *(Client(name=psn, network=IPv4Network(entry.address), secret=secret) for psn, entry in psns.items()),
            *_list_wildcard(topology),
        ),
        **node.settings(SwitchSettings),
    )


def build_endpoint_config(topology: Topology, name: str) -> EndpointConfig:
    """Build what an endpoint is told."""
    node = topology.select(EndpointNode)[name]
    return EndpointConfig(
        name=name,
        address=node.address,
        mac=node.mac,
        inventory=node.inventory.build(),
        profile=node.profile.build(),
        timers=AgentTimers(**dict(node.timers)),
        **node.settings(EndpointSettings),
    )


def build_website_config(topology: Topology, name: str) -> WebsiteConfig:
    """Build what a web server is told."""
    return WebsiteConfig(name=name, address=topology.nodes[name].address, http_port=topology.http_port)


def _list_peers(topology: Topology, name: str) -> list[PeerNode]:
    """List the other policy service nodes."""
    return [
        PeerNode(
            name=peer,
            fqdn=topology.fqdn(peer),
            address=entry.address,
            port=entry.ports.internode,
            portal_port=entry.ports.portal,
            coa_patience=entry.coa_timeout * (entry.coa_retransmits + 1),
        )
        for peer, entry in topology.select(PsnNode).items()
        if peer != name
    ]


def _list_apis(topology: Topology) -> list[MntApi]:
    """List where monitoring nodes can be asked."""
    return [
        MntApi(name=name, host=node.address, port=node.api_port, user=node.api_user, password=node.api_password)
        for name, node in topology.select(MntNode).items()
    ]


def list_clients(topology: Topology) -> list[Client]:
    """List who may speak RADIUS to this lab: its own devices, those declared, and the wildcard."""
    radius = topology.radius
    protect = partial(
        Client,
        require_message_authenticator=radius.require_message_authenticator,
        limit_proxy_state=radius.limit_proxy_state,
    )
    devices = [
        protect(
            name=name,
            network=IPv4Network(node.address),
            secret=Secret(node.secret or radius.secret),
            coa_port=node.coa_port,
            groups=node.groups,
        )
        for name, node in topology.select(SwitchNode).items()
    ]
    declared = [entry.build(name) for name, entry in radius.clients.items()]
    return [*devices, *declared, *_list_wildcard(topology)]


def _list_wildcard(topology: Topology) -> list[Client]:
    """List the client that covers whoever is not declared; none where the topology has switched it off."""
    radius = topology.radius
    if not radius.wildcard_client:
        return []
    return [
        Client(
            name=WILDCARD_CLIENT,
            network=IPv4Network(radius.wildcard_network),
            secret=Secret(radius.secret),
            require_message_authenticator=radius.require_message_authenticator,
            limit_proxy_state=radius.limit_proxy_state,
        )
    ]
