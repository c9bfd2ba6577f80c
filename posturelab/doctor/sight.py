"""What the doctor looks at and what it has seen there: plain values between the probes and the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from pathlib import Path

from posturelab.topology.model import Topology
from radius.client_table import ClientTable


class Service(Enum):
    """How a port is spoken to."""

    STATUS = "Status-Server of RADIUS (RFC 5997)"
    COA = "a CoA-Request that asks about a session which does not exist"
    TLS = "a TLS handshake"
    REST = "a TLS handshake and Version of the REST API"
    TCP = "a TCP connection"


class Outcome(StrEnum):
    """How a question has ended."""

    ANSWERED = "answered"
    CLOSED = "closed"
    """Nobody listens there, the machine says."""
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    STRANGE = "strange"
    """Something answers, but not as it should."""
    DENIED = "denied"
    """It answers, but not to whom it does not know."""
    FOREIGN = "foreign"
    """It answers for another lab."""
    UNTRUSTED = "untrusted"
    """Its certificate is not of the lab's authority."""
    EXPIRED = "expired"
    MISNAMED = "misnamed"
    BARRED = "barred"
    """Not asked, because it would not answer this machine."""


ALIVE = frozenset({Outcome.ANSWERED, Outcome.DENIED, Outcome.UNTRUSTED, Outcome.EXPIRED, Outcome.MISNAMED})
"""Outcomes that prove a program of the lab on the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One port of a node, and what proves that the node is behind it."""

    node: str
    use: str
    """What the node itself calls the port."""
    address: str
    port: int
    service: Service
    clients: ClientTable | None = field(default=None, repr=False)
    """Who may ask by RADIUS, and with which secret."""
    server_name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def protocol(self) -> str:
        """The protocol of the port: udp or tcp."""
        return "udp" if self.service in {Service.STATUS, Service.COA} else "tcp"

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen at one port."""

    target: Target
    outcome: Outcome
    reason: str = ""
    source: tuple[str, int] | None = None
    """Where a RADIUS request came from."""
    expires_at: datetime | None = None
    """When the certificate that was shown is no longer good."""
    holder: str = ""
    """Which process of this machine has the port; empty where that is not known, or where the node answers."""
    complaint: str = ""
    """Why the node has discarded the request, in the words of its journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a control API should be; `node` is empty for one of a whole lab, or where anything may answer.

    `given` ones were named by the user.
    """

    url: str
    node: str = ""
    given: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSight:
    """What a control API has told."""

    place: Place
    outcome: Outcome
    reason: str = ""
    topology: str = ""
    """The name of what is run."""
    node: str = ""
    """Of a single node, its name; empty of a whole lab."""
    ahead: timedelta = timedelta(0)
    """By how much its clock is before this machine's."""
    embedded: bool = False
    """Whether the nodes share a broker in memory."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """The address of each node."""
    ports: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The bound ports of each node."""
    links: Mapping[str, str | None] = field(default_factory=dict)
    """Why the link of a node is degraded, empty where it is up, None where it is alone."""
    ca_path: Path | None = None
    journal_end: int = 0
    """The number that the next journal record gets."""

    @property
    def is_lab(self) -> bool:
        """Whether it speaks for a whole lab."""
        return self.node == ""


@dataclass(frozen=True, slots=True)
class BrokerSight:
    """What was seen at one member of the broker; no reason means that it lets us in.

    `is_refusal` where it is user and password that it does not accept.
    """

    url: str
    reason: str = ""
    is_refusal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that was seen."""

    topology: Topology
    reference: str
    """What the user called the topology."""
    now: datetime
    controls: tuple[ControlSight, ...]
    sights: tuple[Sight, ...] = ()
    broker: tuple[BrokerSight, ...] = ()
    """One for each URL; none where no broker is named."""
    ca_path: Path | None = None
    """By which certificates were judged; None where the lab's was not found."""
    other_ca_path: Path | None = None
    """The authority of another lab, which was found instead."""
    has_token: bool = False
