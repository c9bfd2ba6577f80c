"""What becomes of a connection that an endpoint opens through its access port.

In the order of a switch: a closed port drops everything; the dACL drops what it does not permit; the redirect ACL
hands what it permits on TCP 80 to the switch's own web server, which answers 302 (permit = redirect, the opposite of
AireOS); what is left goes onward, unless the lab does not know where. Source: posture.md section 9; the refusal to
leave the lab is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import AddressValueError, IPv4Address

from nad_emulator.acl import Acl, Flow, Match

HTTP_PORT = 80


@dataclass(frozen=True, slots=True)
class Redirect:
    """A web redirection in force."""

    url: str
    acl: Acl


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """What an authorized port enforces; without a filter everything may pass."""

    filter: Acl | None = None
    redirect: Redirect | None = None

    @property
    def summary(self) -> str:
        """One word for it: ``redirect``, ``restricted`` or ``open``."""
        if self.redirect is not None:
            return "redirect"
        return "open" if self.filter is None or self.filter.permits_everything else "restricted"


class Action(Enum):
    """What is done with a connection; the value is its journal event."""

    DROP = "http-dropped"
    REDIRECT = "http-redirected"
    REFUSE = "http-refused"
    UNKNOWN = "http-unknown-destination"
    FORWARD = "http-forwarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision and its reason: the list and line that made it, and where a forwarded connection goes."""

    action: Action
    reason: str
    acl: str | None = None
    line: str | None = None
    location: str = ""
    address: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    """The rules of one switch for the connections of its access ports. `gateway` is the switch's own address."""

    gateway: str
    hosts: Mapping[str, str]
    http_port: int

    def decide(self, enforcement: Enforcement | None, *, source: str, host: str, port: int) -> Verdict:
        """Decide on a connection to a host name or address; no enforcement means that the port is not authorized."""
        if enforcement is None:
            return Verdict(action=Action.DROP, reason="the port is not authorized")
        address = self.find_address(host)
        if address is None:
            return Verdict(action=Action.UNKNOWN, reason=f"the lab has no host named {host}")
        flow = Flow(source=source, destination=address, port=port)
        if enforcement.filter is not None and not (found := enforcement.filter.match(flow)).permits:
            return _build(Action.DROP, "not permitted", enforcement.filter, found)
        redirect = enforcement.redirect
        if redirect is not None and port == HTTP_PORT and (found := redirect.acl.match(flow)).permits:
            return _build(Action.REDIRECT, "redirected", redirect.acl, found, location=redirect.url)
        if address == self.gateway:
            return Verdict(action=Action.REFUSE, reason="the switch itself serves nothing that is not redirected")
        if address not in self.hosts.values():
            return Verdict(action=Action.UNKNOWN, reason=f"no host of the lab has the address {address}")
        return _build_forward(enforcement, flow, self.http_port if port == HTTP_PORT else port)

    def find_address(self, host: str) -> str | None:
        """Find the address of a name in the host table; an address stands for itself."""
        known = self.hosts.get(host.lower().removesuffix("."))
        if known is not None:
            return known
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            return None


def _build(action: Action, reason: str, acl: Acl, found: Match, *, location: str = "") -> Verdict:
    reason = f"{reason}: {acl.name} says {found.line!r}"
    return Verdict(action=action, reason=reason, acl=acl.name, line=found.line, location=location)


def _build_forward(enforcement: Enforcement, flow: Flow, port: int) -> Verdict:
    """Build the verdict that lets a connection pass, with the line that permits it and the one that leaves it alone."""
    acl = line = None
    reason = "no dACL is applied"
    if enforcement.filter is not None:
        acl, line = enforcement.filter.name, enforcement.filter.match(flow).line
        reason = f"permitted: {acl} says {line!r}"
    if enforcement.redirect is not None and flow.port == HTTP_PORT:
        redirect_acl = enforcement.redirect.acl
        reason += f", not redirected: {redirect_acl.name} says {redirect_acl.match(flow).line!r}"
    return Verdict(action=Action.FORWARD, reason=reason, acl=acl, line=line, address=flow.destination, port=port)
