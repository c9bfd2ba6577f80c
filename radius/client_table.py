"""Which device a datagram comes from: the longest prefix that holds its source address, with that device's secret.

RFC 2865 section 3 lets the source address alone choose the secret, also where Proxy-State is present. Behind address
translation many devices have one address. Clients may then share a network, and NAS-Identifier or NAS-IP-Address of
the packet chooses among them: a hint, since nothing of the packet is proved before the secret it chooses. The two
protections against BlastRADIUS are named and behave as in FreeRADIUS 3.2.5 and later (CVE-2024-3596).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from radius import attribute
from radius.packet import Packet
from radius.secret import Secret

_REMEMBERED_ADDRESSES = 65_536

Hint = tuple[str, str]
"""NAS-Identifier and NAS-IP-Address, as a client expects them or a packet has them; empty for none."""
_NO_HINT: Hint = ("", "")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Protection(Enum):
    """Whether a protection is on, off, or learned from the first packet of the client."""

    YES = "yes"
    NO = "no"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A device that may speak to this server. `coa_port` is where it takes CoA (Cisco: 1700, RFC 5176: 3799).

    One with `nas_identifier`, `nas_ip` or both is only meant by packets that say the same of themselves.
    """

    name: str
    network: IPv4Network
    secret: Secret
    require_message_authenticator: Protection = Protection.NO
    limit_proxy_state: Protection = Protection.NO
    coa_port: int = 1700
    groups: tuple[str, ...] = ()
    nas_identifier: str = ""
    nas_ip: str = ""
    coa_host: str = ""
    """The address to which CoA goes; empty for the one its packets come from."""

    @property
    def hint(self) -> Hint:
        """What a packet must say of itself to be from this client."""
        return self.nas_identifier, self.nas_ip


@dataclass(slots=True)
class Learned:
    """What the first packets of one source address have taught: how its `auto` protections stand at present."""

    client: Client
    require_message_authenticator: Protection = field(init=False)
    limit_proxy_state: Protection = field(init=False)
    is_open: bool = field(init=False)
    """Neither protection is on or still to be learned: every Access-Request passes."""

    def __post_init__(self) -> None:
        self.require_message_authenticator = self.client.require_message_authenticator
        self.limit_proxy_state = self.client.limit_proxy_state
        self.is_open = self.require_message_authenticator is self.limit_proxy_state is Protection.NO

    def learn(self, packet: Packet, *, signed: bool) -> None:
        """Settle `auto` protections by an authentic Access-Request, as FreeRADIUS 3.2.5 does.

        Signed without EAP-Message: required from now on. Unsigned: not required. Signed EAP proves nothing, since EAP
        must always be signed. Proxy-State without signature: not limited; anything else: limited.
        """
        if self.require_message_authenticator is Protection.AUTO:
            if not signed:
                self.require_message_authenticator = Protection.NO
            elif attribute.EAP_MESSAGE not in packet.index:
                self.require_message_authenticator = Protection.YES
        if self.limit_proxy_state is Protection.AUTO:
            unsigned_proxy = attribute.PROXY_STATE in packet.index and not signed
            self.limit_proxy_state = Protection.NO if unsigned_proxy else Protection.YES
        self.is_open = self.require_message_authenticator is self.limit_proxy_state is Protection.NO


class ClientTable:
    """The clients of one server, looked up by source address."""

    def __init__(self, clients: Iterable[Client]) -> None:
        """Keep clients by prefix; raises `ValueError` where two claim the same packets, or have one name."""
        self._networks: dict[IPv4Network, dict[Hint, Client]] = {}
        self._named: dict[str, Client] = {}
        for client in sorted(clients, key=lambda client: client.network.prefixlen, reverse=True):
            holder = self._networks.setdefault(client.network, {}).setdefault(client.hint, client)
            if holder is not client:
                raise ValueError(f"clients {holder.name!r} and {client.name!r} both claim {client.network}")
            if self._named.setdefault(client.name, client) is not client:
                raise ValueError(f"two clients are called {client.name!r}")
        self._found: dict[str, Learned] = {}
        self._chosen: dict[tuple[str, str], Learned] = {}
        self._held: dict[str, dict[Hint, Client]] = {}

    def find(self, address: str) -> Learned | None:
        """Find the client that a dotted address alone tells, the one with the longest prefix that holds it, or None."""
        found = self._found.get(address)
        return found if found is not None else self._find_new(address)

    def find_shared(self, address: str) -> IPv4Network | None:
        """Find the network of an address that clients with hints have, so that only a packet tells whose it is."""
        return next((client.network for client in self._search(address).values() if client.hint != _NO_HINT), None)

    def choose(self, address: str, packet: Packet) -> Learned | None:
        """Choose among the clients that share an address by what a packet says of itself, or None.

        Who matches in both attributes comes first, then in NAS-Identifier, then in NAS-IP-Address, then the client
        without a hint. The packet proves nothing yet: it must be verified with the secret of the one chosen.
        """
        clients = self._search(address)
        identifier, nas_ip = read_hint(packet)
        for hint in ((identifier, nas_ip), (identifier, ""), ("", nas_ip), _NO_HINT):
            client = clients.get(hint)
            if client is not None:
                key = (address, client.name)
                return self._chosen.get(key) or _remember(self._chosen, key, Learned(client))
        return None

    def find_named(self, name: str, address: str) -> Client | None:
        """Find the client of a name, or None where a dotted address is not one of its own."""
        client = self._named.get(name)
        return client if client is not None and IPv4Address(address) in client.network else None

    def _find_new(self, address: str) -> Learned | None:
        """Find the client of an address not asked for before, or of one that tells none."""
        clients = self._search(address)
        if clients.keys() != {_NO_HINT}:
            return None
        return _remember(self._found, address, Learned(clients[_NO_HINT]))

    def _search(self, address: str) -> dict[Hint, Client]:
        """Search all prefixes for the clients that have an address, by hint."""
        held = self._held.get(address)
        if held is not None:
            return held
        wanted = IPv4Address(address)
        for network, clients in self._networks.items():
            if wanted in network:
                return _remember(self._held, address, clients)
        return {}


def read_hint(packet: Packet) -> Hint:
    """Read what a packet says of the device it is from."""
    return packet.text(attribute.NAS_IDENTIFIER) or "", packet.address(attribute.NAS_IP_ADDRESS) or ""


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    """Keep a value; where there are too many, all others are forgotten."""
    if len(memory) >= _REMEMBERED_ADDRESSES:
        memory.clear()
    return memory.setdefault(key, value)
