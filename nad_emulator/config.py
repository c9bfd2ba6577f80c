"""What a switch is told before it starts: servers, ports, access lists, names and timers.

Plain frozen values; the topology file is parsed elsewhere. Words follow the IOS configuration; defaults that the
public record leaves open are named as such and have a row in ``docs/fidelity.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address

from nad_emulator.server_group import DeadCriteria
from radius.client_table import Client
from radius.secret import Secret

_PORT_NAME = re.compile(r"[A-Za-z-]+(?P<member>\d+)/(?:\d+/)?(?P<port>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AaaServer:
    """A RADIUS server of the group, asked in the order of the configuration."""

    name: str
    host: str
    secret: Secret
    auth_port: int = 1812
    acct_port: int = 1813

    def __post_init__(self) -> None:
        IPv4Address(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPortConfig:
    """An access port. `proxy_port` is the TCP port of its data plane on the switch's address; 0 means any."""

    name: str
    number: int = 0
    """NAS-Port; 0 derives it from the name the Catalyst way."""
    proxy_port: int = 0
    vlan: int = 1

    @property
    def nas_port(self) -> int:
        """The NAS-Port: 5, stack member, two digits of port, so Gi7/0/42 is 50742 (aaa-mnt 1.2)."""
        found = _PORT_NAME.fullmatch(self.name)
        if self.number or found is None:
            return self.number
        return 50_000 + int(found["member"]) * 100 + int(found["port"])


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchConfig:
    """Everything one wired switch is told."""

    name: str
    address: str
    fqdn: str = ""
    servers: tuple[AaaServer, ...]
    ports: tuple[AccessPortConfig, ...]
    timeout: timedelta = timedelta(seconds=5)
    retransmit: int = 3
    dead_criteria: DeadCriteria = field(default_factory=DeadCriteria)
    deadtime: timedelta = timedelta(0)
    """How long a dead server is not asked, 0 to 1440 minutes; IOS: radius-server deadtime."""
    access_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Local lists by name: what a url-redirect-acl or a Filter-Id refers to."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """All names and addresses that exist for the endpoints; nothing else is ever connected to."""
    http_port: int = 8080
    """The port that stands for 80 beyond the switch, where nobody may bind 80."""
    interim_interval: timedelta | None = None
    """Overrides the server's Acct-Interim-Interval (RFC 2869 section 5.16). None: the server's, else no interims."""
    accounting: bool = True
    """Off sends none at all, as a switch without ``aaa accounting identity`` does."""
    update_newinfo: bool = True
    """An interim at once where a re-authentication changes what accounting reports; IOS: accounting update newinfo."""
    framed_ip_in_access_request: bool = True
    """IOS: radius-server attribute 8 include-in-access-req."""
    restart_interval: timedelta = timedelta(seconds=60)
    """From a failed authentication to the next; IOS: authentication timer restart."""
    unreachable_interval: timedelta = timedelta(seconds=60)
    """From an authentication no server answered to the next; ours."""
    port_bounce: timedelta = timedelta(seconds=10)
    coa_port: int = 1700
    coa_rfc_port: int = 3799
    dynamic_author_clients: tuple[Client, ...] = ()
    dynamic_authorization: bool = True
    """Off refuses CoA with 501 and Disconnect with 504, as Cisco's public NAD emulator does."""
    ignore_bounce: bool = False
    """IOS: authentication command bounce-port ignore."""
    ignore_disable: bool = False
    """IOS: authentication command disable-port ignore."""
    authorize_only: bool = True
    """Honours CoA with Service-Type Authorize-Only; off refuses it with 405."""
    event_timestamp_window: timedelta = timedelta(seconds=300)

    def __post_init__(self) -> None:
        IPv4Address(self.address)
        names = [port.name for port in self.ports]
        if len(set(names)) != len(names):
            raise ValueError(f"switch {self.name}: two access ports have the same name")
        if len({server.name for server in self.servers}) != len(self.servers):
            raise ValueError(f"switch {self.name}: two RADIUS servers have the same name")

    def called_station_id(self, port: AccessPortConfig) -> str:
        """Build the MAC of an access port as Called-Station-Id: locally administered, from address and position."""
        octets = (2, *IPv4Address(self.address).packed, (self.ports.index(port) + 1) & 0xFF)
        return "-".join(f"{octet:02X}" for octet in octets)
