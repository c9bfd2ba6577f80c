"""Which device a datagram comes from: the longest prefix that holds its source address, with that device's secret.

RFC 2865 section 3 lets the source address alone choose the secret, also where Proxy-State is present. The two
BlastRADIUS switches are named and behave as in FreeRADIUS 3.2.5 and later (CVE-2024-3596).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network

from radius import attribute
from radius.packet import Packet
from radius.secret import Secret

_REMEMBERED_ADDRESSES = 65_536


class Switch(Enum):
    """A protection that is on, off, or learned from the first packet of the client."""

    YES = "yes"
    NO = "no"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A device that may speak to this server. `coa_port` is where it takes CoA (Cisco: 1700, RFC 5176: 3799)."""

    name: str
    network: IPv4Network
    secret: Secret
    require_message_authenticator: Switch = Switch.NO
    limit_proxy_state: Switch = Switch.NO
    coa_port: int = 1700
    groups: tuple[str, ...] = ()


@dataclass(slots=True)
class Learned:
    """What the first packets of one source address have taught: the present position of its `auto` switches."""

    client: Client
    require_message_authenticator: Switch = field(init=False)
    limit_proxy_state: Switch = field(init=False)
    is_open: bool = field(init=False)
    """Neither switch is on or still to be learned: every Access-Request passes."""

    def __post_init__(self) -> None:
        self.require_message_authenticator = self.client.require_message_authenticator
        self.limit_proxy_state = self.client.limit_proxy_state
        self.is_open = self.require_message_authenticator is self.limit_proxy_state is Switch.NO

    def learn(self, packet: Packet, *, signed: bool) -> None:
        """Move `auto` switches by an authentic Access-Request, as FreeRADIUS 3.2.5 does.

        Signed without EAP-Message: required from now on. Unsigned: not required. Signed EAP proves nothing, since EAP
        must always be signed. Proxy-State without signature: not limited; anything else: limited.
        """
        if self.require_message_authenticator is Switch.AUTO:
            if not signed:
                self.require_message_authenticator = Switch.NO
            elif attribute.EAP_MESSAGE not in packet.index:
                self.require_message_authenticator = Switch.YES
        if self.limit_proxy_state is Switch.AUTO:
            unsigned_proxy = attribute.PROXY_STATE in packet.index and not signed
            self.limit_proxy_state = Switch.NO if unsigned_proxy else Switch.YES
        self.is_open = self.require_message_authenticator is self.limit_proxy_state is Switch.NO


class ClientTable:
    """The clients of one server, looked up by source address."""

    def __init__(self, clients: Iterable[Client]) -> None:
        """Keep clients by prefix; raises `ValueError` where two clients claim the same network."""
        self._clients = sorted(clients, key=lambda client: client.network.prefixlen, reverse=True)
        seen: dict[IPv4Network, str] = {}
        for client in self._clients:
            if client.network in seen:
                raise ValueError(f"clients {seen[client.network]!r} and {client.name!r} both claim {client.network}")
            seen[client.network] = client.name
        self._found: dict[str, Learned] = {}

    def find(self, address: str) -> Learned | None:
        """Find the client with the longest prefix that holds a dotted address, or None."""
        found = self._found.get(address)
        return found if found is not None else self._find_new(address)

    def _find_new(self, address: str) -> Learned | None:
        """Search all prefixes for an address not asked for before."""
        wanted = IPv4Address(address)
        for client in self._clients:
            if wanted in client.network:
                if len(self._found) >= _REMEMBERED_ADDRESSES:
                    self._found.clear()
                return self._found.setdefault(address, Learned(client))
        return None
