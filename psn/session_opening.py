"""What authentication and accounting both do with an entry: note its device, and keep a new one in the cache."""

from __future__ import annotations

from ipaddress import IPv6Address

from nac.node.runtime import Runtime
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
    session.nas_ipv6 = next(iter(_list_ipv6(packet, attribute.NAS_IPV6_ADDRESS)), "")
    session.nas_port_id = packet.text(attribute.NAS_PORT_ID) or ""


def note_address(sessions: SessionCache, session: Session, request: Request) -> None:
    """Note the endpoint's addresses where a request tells them: all of each family of which it tells any.

    Framed-IPv6-Address occurs as often as there are addresses (RFC 6911 3.1); Framed-IPv6-Prefix tells no address.
    """
    packet, known = request.packet, session.addresses
    address = packet.address(attribute.FRAMED_IP_ADDRESS)
    if attribute.FRAMED_IPV6_ADDRESS not in packet.index and (address is None or known == (address,)):
        return
    v4 = [address] if address is not None else [item for item in known if ":" not in item]
    v6 = _list_ipv6(packet, attribute.FRAMED_IPV6_ADDRESS) or [item for item in known if ":" in item]
    sessions.set_addresses(session, (*v4, *v6))


def keep(sessions: SessionCache, runtime: Runtime, session: Session) -> None:
    """Keep a new entry; the one that the limit drives out for it is journalled (rule P8)."""
    evicted = sessions.add(session)
    if evicted is not None:
        why = f"the limit of {sessions.limit} sessions is reached; this one was least recently used"
        runtime.write("session-evicted", why, {"session_id": evicted.session_id, "mac": evicted.mac})


def _list_ipv6(packet: Packet, type_: int) -> list[str]:
    """List the different addresses of a type (RFC 3162 2.1, RFC 6911 3.1), without those that do not have 16 octets."""
    if type_ not in packet.index:
        return []
    values = dict.fromkeys(packet.list_octets(type_))
    return [str(IPv6Address(octets)) for octets in values if len(octets) == 16]
