"""What a policy service node is told before it starts: identities, policy elements, ports and settings.

Plain frozen values without behaviour; the topology file is parsed elsewhere. Settings that the public record leaves
open carry the default of posture.md section 14 and a row in ``docs/fidelity.md``.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from ldd.era import Era
from nac.discovery import PORTAL_PORT
from nac.syslog import DEFAULT_LENGTH
from psn.posture.policy import PostureSettings
from psn.session_cache import Preference
from radius.client_table import Client

PERMIT_ACCESS = "PermitAccess"
DENY_ACCESS = "DenyAccess"
"""The two authorization profiles that exist without being declared."""

COA_TIMEOUT = timedelta(seconds=5)
COA_RETRANSMITS = 2
"""After the first request; network device profiles have timeout and retries, their defaults are not public."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of the internal identity store; the password never leaves this object's repr."""

    name: str
    password: str = field(repr=False)
    groups: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEndpoint:
    """An endpoint of the internal endpoint store."""

    mac: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dacl:
    """A downloadable ACL. `version` is the Unix time of its last change, the eight hex digits of the full name."""

    name: str
    lines: tuple[str, ...]
    version: int

    @property
    def full_name(self) -> str:
        """The name on the wire: ``#ACSACL#-IP-<name>-<8 hex>`` (aaa-mnt.md 1.8)."""
        return f"#ACSACL#-IP-{self.name}-{self.version:08x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """A web redirection: the ACL that must exist on the NAD, the portal it leads to, and what it is for."""

    acl: str
    portal: str
    """Id of the portal, a UUID."""
    action: str = "cpp"
    host: str = ""
    """Static host name in the URL; empty for this node's own FQDN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationProfile:
    """What an Access-Accept carries besides identity. `attributes` are further ones, in order, already encoded."""

    name: str
    accept: bool = True
    dacl: str | None = None
    redirect: Redirect | None = None
    session_timeout: timedelta | None = None
    idle_timeout: timedelta | None = None
    keep_connectivity: bool = True
    """Termination-Action RADIUS-Request: re-authentication keeps access and session id while it runs."""
    vlan: str | None = None
    filter_id: str | None = None
    airespace_acl: str | None = None
    attributes: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One test of a rule: `attribute` has (or, negated, has not) one of `values`. The words: `psn.authorization`."""

    attribute: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRule:
    """A line of the authorization policy: the first rule whose conditions all hold decides."""

    name: str
    profile: str
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PsnPorts:
    """Ports of one node; 0 means any. Both historic pairs are served."""

    authentication: tuple[int, ...] = (1812, 1645)
    accounting: tuple[int, ...] = (1813, 1646)
    portal: int = 8443
    posture: int = 8905
    internode: int = 9443
    """Stands for 443, where nodes talk to each other."""


class LogTransport(StrEnum):
    """How log records travel to MNT (posture.md 1.2)."""

    MESSAGING = "messaging"
    """Through the broker, acknowledged by MNT when they are stored; the default since 2.6."""
    UDP = "udp"
    """Plain syslog; what the network loses is lost."""


class Silence(StrEnum):
    """What a PSN does on the socket that must not answer an agent (not public; posture.md 14)."""

    CLOSE = "close"
    HANG = "hang"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerNode:
    """Another policy service node, where it listens for its peers, and where for agents.

    `coa_patience` is how long it waits for a NAD before a CoA of its own ends.
    """

    name: str
    fqdn: str
    address: str
    port: int
    portal_port: int = PORTAL_PORT
    coa_patience: timedelta = COA_TIMEOUT * (COA_RETRANSMITS + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MntApi:
    """The REST API of a monitoring node."""

    name: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InternodeTls:
    """Both sides of a node's mutual TLS; either shows its certificate and trusts the lab's authority alone."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTarget:
    """A remote syslog target; `maximum_length` is octets to a datagram, 200..8192."""

    name: str
    host: str
    port: int = 20514
    maximum_length: int = DEFAULT_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class PsnConfig:
    """Everything one policy service node is told."""

    name: str
    fqdn: str
    address: str
    ports: PsnPorts = PsnPorts()
    clients: tuple[Client, ...] = ()
    users: Mapping[str, User] = field(default_factory=dict)
    endpoints: Mapping[str, KnownEndpoint] = field(default_factory=dict)
    profiles: Mapping[str, AuthorizationProfile] = field(default_factory=dict)
    dacls: Mapping[str, Dacl] = field(default_factory=dict)
    rules: tuple[AuthorizationRule, ...] = ()
    policy_set: str = "Default"
    posture: PostureSettings
    tls: ssl.SSLContext
    ca_certificate: bytes = b""
    """The lab CA in PEM, offered for import by the portal."""
    backup_servers: tuple[str, ...] = ()
    log_targets: tuple[LogTarget, ...] = ()
    session_limit: int = 10_000
    preference: Preference = Preference.MOST_RECENT
    phantom_on_start: bool = False
    unknown_endpoints_continue: bool = True
    """A MAB request of an endpoint that no store knows goes on to authorization instead of being rejected."""
    coa_timeout: timedelta = COA_TIMEOUT
    coa_retransmits: int = COA_RETRANSMITS
    era: Era = Era.POSTURE_SHARING
    log_transport: LogTransport = LogTransport.MESSAGING
    state_dir: Path | None = None
    """Where what outlives the node is kept; None for nowhere but memory."""
    silence: Silence = Silence.CLOSE
    internode_tls: InternodeTls | None = None
    """None: the node neither takes nor hands on a proxy CoA, and asks no monitoring node."""
    peers: tuple[PeerNode, ...] = ()
    mnt_apis: tuple[MntApi, ...] = ()
    maximum_in_flight: int = 16_384
    """Requests answered later than at once that may be open together (FreeRADIUS: max_requests)."""
