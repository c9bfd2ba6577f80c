"""A topology: everything a lab is made of, as its YAML file declares it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from ldd.era import Era
from posturelab.reading.document import Entry
from posturelab.reading.token import check_token
from posturelab.topology.broker import BrokerEntry
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.nodes import MntNode, PsnNode, SwitchNode, WebNode
from posturelab.topology.policy import PolicyEntry, UserEntry
from posturelab.topology.posture import PostureEntry
from posturelab.topology.values import Address, FixedPort, Name, Network, Port, Text, default_of
from psn.config import PsnConfig
from radius.client_table import Client, Protection
from radius.secret import Secret

Node = Annotated[PsnNode | MntNode | SwitchNode | EndpointNode | WebNode, Field(discriminator="kind")]
_Kind = TypeVar("_Kind", PsnNode, MntNode, SwitchNode, EndpointNode, WebNode)


class ClientEntry(Entry):
    """A device outside the lab that may speak RADIUS to it.

    Several may share a network where `nas_identifier` or `nas_ip` tells them apart, as behind address translation.
    """

    network: Network
    secret: Text = Field(repr=False)
    nas_identifier: Text | None = None
    nas_ip: Address | None = None
    require_message_authenticator: Protection = default_of(Client, "require_message_authenticator")
    limit_proxy_state: Protection = default_of(Client, "limit_proxy_state")
    coa_port: FixedPort = default_of(Client, "coa_port")
    coa_host: Address | None = None
    groups: tuple[Text, ...] = ()

    def build(self, name: str) -> Client:
        """Build the client of this name."""
        return Client(
            name=name,
            network=IPv4Network(self.network),
            secret=Secret(self.secret),
            require_message_authenticator=self.require_message_authenticator,
            limit_proxy_state=self.limit_proxy_state,
            coa_port=self.coa_port,
            groups=self.groups,
            nas_identifier=self.nas_identifier or "",
            nas_ip=self.nas_ip or "",
            coa_host=self.coa_host or "",
        )


class RadiusEntry(Entry):
    """The shared secret and protections of the lab's own devices, and who else may speak to it."""

    secret: Text = Field(default="testing123", repr=False)
    require_message_authenticator: Protection = default_of(Client, "require_message_authenticator")
    limit_proxy_state: Protection = default_of(Client, "limit_proxy_state")
    wildcard_client: bool = True
    """Any device of `wildcard_network` may speak with the lab's secret."""
    wildcard_network: Network = "127.0.0.0/8"
    clients: dict[Name, ClientEntry] = Field(default_factory=dict)


UNPROTECTED = "beyond loopback the control API needs a token, here or in POSTURELAB_TOKEN"


class ControlEntry(Entry):
    """Where the control API listens; beyond loopback it needs a token.

    `node_port` is where every node that has a process of its own listens, at its own address; None: nowhere.
    """

    address: Address = "127.0.0.1"
    port: Port = 8600
    node_port: FixedPort | None = None
    token: Annotated[str, AfterValidator(check_token)] | None = Field(default=None, repr=False)

    @property
    def is_protected(self) -> bool:
        """Whether only those come in who may: programs of this machine, or who knows the token."""
        return self.token is not None or IPv4Address(self.address).is_loopback


class Topology(Entry):
    """A whole lab."""

    name: Name
    description: str = ""
    domain: Text = "lab.test"
    http_port: Port = 8080
    """The port that stands for 80, which only root may bind."""
    hosts: dict[Text, Address] = Field(default_factory=dict)
    """Names that endpoints can resolve, besides those of the nodes."""
    radius: RadiusEntry = Field(default_factory=RadiusEntry)
    control: ControlEntry = Field(default_factory=ControlEntry)
    ldd: Era = default_of(PsnConfig, "era")
    """Which releases the nodes behave like where they share sessions."""
    broker: BrokerEntry = Field(default_factory=BrokerEntry)
    users: dict[Text, UserEntry] = Field(default_factory=dict)
    policy: PolicyEntry = Field(default_factory=PolicyEntry)
    posture: PostureEntry = Field(default_factory=PostureEntry)
    nodes: dict[Name, Node] = Field(min_length=1)

    def select(self, kind: type[_Kind]) -> dict[str, _Kind]:
        """Select the nodes of one kind, as declared."""
        return {name: node for name, node in self.nodes.items() if isinstance(node, kind)}

    def list_sharing(self) -> list[str]:
        """List the nodes that share what they know with each other, monitoring nodes first."""
        return [*self.select(MntNode), *self.select(PsnNode)]

    def fqdn(self, name: str) -> str:
        """Build the DNS name of a node."""
        return f"{name}.{self.domain}"

    def resolve_hosts(self) -> Mapping[str, str]:
        """List every name that endpoints can resolve, in lower case, with its address."""
        names = {name: node.address for name, node in self.nodes.items()}
        names |= {self.fqdn(name): address for name, address in names.items()}
        names |= {alias: site.address for site in self.select(WebNode).values() for alias in site.names}
        return {name.lower(): address for name, address in (names | self.hosts).items()}
