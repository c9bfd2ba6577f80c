"""What authentication and accounting both do with an entry: note its device, and keep a new one in the cache."""

from __future__ import annotations

from ipaddress import IPv6Address

from nac.runtime import Runtime
from psn.session import Session
from psn.session_cache import SessionCache
from radius import attribute
from radius.packet import Packet
from radius.server import Request


def note_device(session: Session, request: Request, calling_station_id: str) -> None:
    """Note where a request came from and which port of the device it is about."""
    packet, client, source, _ = request
    session.calling_station_id = calling_station_id
    session.nad = client.name
    session.device_ip = source[0]
    session.nas_ip = packet.address(attribute.NAS_IP_ADDRESS) or source[0]
    session.nas_ipv6 = _find_nas_ipv6(packet)
    session.nas_port_id = packet.text(attribute.NAS_PORT_ID) or ""


def note_address(sessions: SessionCache, session: Session, request: Request) -> None:
    """Note the endpoint's address where a request tells it."""
    address = request.packet.address(attribute.FRAMED_IP_ADDRESS)
    if address is not None:
        sessions.set_addresses(session, (address,))


def keep(sessions: SessionCache, runtime: Runtime, session: Session) -> None:
    """Keep a new entry; the one that the limit drives out for it is journalled (rule P8)."""
    evicted = sessions.add(session)
    if evicted is not None:
        why = f"the limit of {sessions.limit} sessions is reached; this one was least recently used"
        runtime.write("session-evicted", why, {"session_id": evicted.session_id, "mac": evicted.mac})


def _find_nas_ipv6(packet: Packet) -> str:
    """Find the value of NAS-IPv6-Address (RFC 3162 2.1); empty where it is missing or does not have 16 octets."""
    octets = packet.octets(attribute.NAS_IPV6_ADDRESS)
    return str(IPv6Address(octets)) if octets is not None and len(octets) == 16 else ""
