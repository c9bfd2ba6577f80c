"""IOS extended access lists: what a line says, and what a list makes of a TCP connection.

The first line that matches decides; a list that matches nowhere denies. Whether *permit* means "may pass" (a dACL)
or "is redirected" (a redirect ACL) is the caller's reading. A line given without a sequence number gets the next
multiple of ten as in IOS. Source: Cisco IOS security configuration, IP access lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import NamedTuple

IMPLICIT_DENY = "implicit deny ip any any"
EPHEMERAL_PORT = 49_152

_ALL_BITS = 0xFFFFFFFF
_PORTS = 65_536
_LAST_SEQUENCE = 2_147_483_647
_PORT_NAMES = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "tacacs": 49, "domain": 53, "bootps": 67,
    "bootpc": 68, "tftp": 69, "www": 80, "pop3": 110, "sunrpc": 111, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138,
    "netbios-ss": 139, "snmp": 161, "snmptrap": 162, "bgp": 179, "isakmp": 500, "syslog": 514, "non500-isakmp": 4500,
}  # fmt: skip
_PROTOCOL_NUMBERS = {1: "icmp", 6: "tcp", 17: "udp"}
_PROTOCOLS = frozenset({"ip", "tcp", "udp", "icmp", "igmp", "gre", "esp", "ahp", "ospf", "eigrp", "pim", "ipinip"})
_ICMP_MESSAGES = frozenset(
    {"echo", "echo-reply", "unreachable", "time-exceeded", "packet-too-big", "redirect", "traceroute", "ttl-exceeded"}
)


class AclSyntaxError(ValueError):
    """A line is not an access list entry: which list, which line (from 1), its text and the fault."""

    def __init__(self, acl: str, number: int, line: str, fault: str) -> None:
        super().__init__(f"access list {acl}, line {number} ({line!r}): {fault}")
        self.acl = acl
        self.number = number
        self.line = line
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A new TCP connection as a filter sees it; the source port of a client is any of the ephemeral ones."""

    source: str
    destination: str
    port: int
    source_port: int = EPHEMERAL_PORT


class Match(NamedTuple):
    """What a list says of a flow, and the line that says it."""

    permits: bool
    line: str


class _Addresses(NamedTuple):
    """Addresses equal to `base` in the bits of `care`."""

    base: int
    care: int

    def holds(self, address: int) -> bool:
        return not (address ^ self.base) & self.care


_ANY = _Addresses(0, 0)
_ANY_PORT = (range(_PORTS),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One permit or deny line."""

    sequence: int
    permits: bool
    protocol: str
    source: _Addresses
    source_ports: tuple[range, ...]
    destination: _Addresses
    destination_ports: tuple[range, ...]
    established: bool
    text: str

    def matches(self, flow: Flow) -> bool:
        """Tell whether this line speaks of a flow; one with ``established`` never speaks of a new connection."""
        return (
            self.protocol in {"ip", "tcp"}
            and not self.established
            and self.source.holds(int(IPv4Address(flow.source)))
            and self.destination.holds(int(IPv4Address(flow.destination)))
            and any(flow.source_port in ports for ports in self.source_ports)
            and any(flow.port in ports for ports in self.destination_ports)
        )

    @property
    def is_universal(self) -> bool:
        """Whether every packet matches: ``ip any any``."""
        return self.protocol == "ip" and self.source == self.destination == _ANY


@dataclass(frozen=True, slots=True)
class Acl:
    """A named list, entries in the order of their sequence numbers."""

    name: str
    entries: tuple[Entry, ...]

    def match(self, flow: Flow) -> Match:
        """Find what the first matching line says of a flow; without one, the implicit deny."""
        for entry in self.entries:
            if entry.matches(flow):
                return Match(entry.permits, entry.text)
        return Match(False, IMPLICIT_DENY)

    @property
    def permits_everything(self) -> bool:
        """Whether no packet can be denied: ``permit ip any any`` stands before every deny."""
        for entry in self.entries:
            if not entry.permits:
                return False
            if entry.is_universal:
                return True
        return False


def parse_acl(name: str, lines: Iterable[str]) -> Acl:
    """Parse a list; remarks and blank lines carry no meaning. Raises `AclSyntaxError`."""
    entries: dict[int, Entry] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = _parse_line(line, max(entries, default=0) // 10 * 10 + 10)
            if entry is not None and entry.sequence in entries:
                raise _LineError(f"sequence number {entry.sequence} is taken")
        except _LineError as fault:
            raise AclSyntaxError(name, number, line, str(fault)) from None
        if entry is not None:
            entries[entry.sequence] = entry
    return Acl(name, tuple(entry for _, entry in sorted(entries.items())))


class _LineError(ValueError):
    """What is wrong with a line."""


class _Words:
    """The words of a line, taken from the left."""

    def __init__(self, line: str) -> None:
        self._words = line.split()[::-1]

    @property
    def next(self) -> str:
        """The next word in lower case; empty at the end."""
        return self._words[-1].lower() if self._words else ""

    def take(self, wanted: str) -> str:
        """Take a word; raises `_LineError` where the line ends before it."""
        if not self._words:
            raise _LineError(f"{wanted} is missing at the end")
        return self._words.pop().lower()


def _parse_line(line: str, sequence: int) -> Entry | None:
    """Parse one line; None for a remark or a blank line."""
    words = _Words(line)
    given = _find_number(words.next, _LAST_SEQUENCE)
    if given is not None:
        sequence = given
        words.take("a sequence number")
    if words.next in {"", "remark"}:
        return None
    action = words.take("permit or deny")
    if action not in {"permit", "deny"}:
        raise _LineError(f"{action!r} is neither permit, deny nor remark")
    protocol = _take_protocol(words)
    source, source_ports = _take_addresses(words, "a source address"), _take_ports(words, protocol)
    destination, destination_ports = _take_addresses(words, "a destination address"), _take_ports(words, protocol)
    established = _take_options(words, protocol)
    return Entry(
        sequence=sequence,
        permits=action == "permit",
        protocol=protocol,
        source=source,
        source_ports=source_ports,
        destination=destination,
        destination_ports=destination_ports,
        established=established,
        text=f"{sequence} {' '.join(line.split()).removeprefix(f'{sequence} ')}",
    )


def _take_protocol(words: _Words) -> str:
    word = words.take("a protocol")
    if word in _PROTOCOLS:
        return word
    number = _find_number(word, 255)
    if number is None:
        raise _LineError(f"{word!r} is not a protocol")
    return _PROTOCOL_NUMBERS.get(number, word)


def _take_addresses(words: _Words, wanted: str) -> _Addresses:
    """Take ``any``, ``host A`` or ``A WILDCARD``."""
    word = words.take(wanted)
    if word == "any":
        return _ANY
    if word == "host":
        return _Addresses(_parse_address(words.take("a host address")), _ALL_BITS)
    base = _parse_address(word)
    care = _ALL_BITS ^ _parse_address(words.take("a wildcard mask"))
    return _Addresses(base & care, care)


def _parse_address(word: str) -> int:
    try:
        return int(IPv4Address(word))
    except AddressValueError:
        raise _LineError(f"{word!r} is not an IPv4 address") from None


def _take_ports(words: _Words, protocol: str) -> tuple[range, ...]:
    """Take ``eq A [B ...]``, ``neq A``, ``gt A``, ``lt A`` or ``range A B``, or nothing, which is any port."""
    operator = words.next
    if operator not in {"eq", "neq", "gt", "lt", "range"}:
        return _ANY_PORT
    if protocol not in {"tcp", "udp"}:
        raise _LineError(f"{operator!r} needs tcp or udp, not {protocol}")
    words.take("an operator")
    first = _take_port(words)
    match operator:
        case "eq":
            ports = [first]
            while _find_port(words.next) is not None:
                ports.append(_take_port(words))
            return tuple(range(port, port + 1) for port in ports)
        case "neq":
            return range(first), range(first + 1, _PORTS)
        case "gt":
            return (range(first + 1, _PORTS),)
        case "lt":
            return (range(first),)
    last = _take_port(words)
    return (range(min(first, last), max(first, last) + 1),)


def _take_port(words: _Words) -> int:
    word = words.take("a port")
    port = _find_port(word)
    if port is None:
        raise _LineError(f"{word!r} is not a port")
    return port


def _find_port(word: str) -> int | None:
    return _PORT_NAMES.get(word, _find_number(word, _PORTS - 1))


def _find_number(word: str, largest: int) -> int | None:
    """Find the decimal number that a word spells, from 0 to `largest`."""
    if not (word.isascii() and word.isdecimal() and len(word) <= len(str(largest))):
        return None
    number = int(word)
    return number if number <= largest else None


def _take_options(words: _Words, protocol: str) -> bool:
    """Take what may follow the addresses; True where ``established`` is among it."""
    established = False
    while words.next:
        word = words.take("an option")
        if word == "established" and protocol == "tcp":
            established = True
        elif word not in {"log", "log-input"} and not (
            protocol == "icmp" and (word in _ICMP_MESSAGES or _find_number(word, 255) is not None)
        ):
            raise _LineError(f"{word!r} is not understood here")
    return established
