"""What an Access-Accept asks of a switch: decoding its attributes, and turning them into what a port enforces.

Sources: aaa-mnt 1.7 (attributes as ISE sends them), RFC 2868 section 3.6 (tagged VLAN), RFC 2869 section 5.16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from nad_emulator.acl import Acl
from nad_emulator.data_plane import Enforcement, Redirect
from radius import attribute
from radius.packet import Packet

_URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"
_HIGHEST_TAG = 0x1F
_SHORTEST_INTERIM_INTERVAL = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """An Access-Accept as the switch understands it. `dacl` is the full name on the wire, ``#ACSACL#-IP-...``."""

    server: str
    user_name: bytes | None = None
    dacl: str | None = None
    redirect_url: str | None = None
    redirect_acl: str | None = None
    filter_id: str | None = None
    vlan: str | None = None
    session_timeout: timedelta | None = None
    reauthenticates: bool = False
    """Termination-Action RADIUS-Request: at the end of Session-Timeout the same session authenticates again."""
    interim_interval: timedelta | None = None
    state: bytes | None = None
    classes: tuple[bytes, ...] = ()


class UnknownAclError(LookupError):
    """A Filter-Id names an access list that the switch does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the switch has no access list {name}, which Filter-Id asks for")
        self.name = name


def decode_authorization(packet: Packet, server: str) -> Authorization:
    """Decode an Access-Accept of the server of that name; what a switch does not understand it ignores."""
    pairs = _list_pairs(packet)
    url = pairs.get("url-redirect")
    filter_id = packet.text(attribute.FILTER_ID)
    return Authorization(
        server=server,
        user_name=packet.octets(attribute.USER_NAME),
        dacl=pairs.get("ACS:CiscoSecure-Defined-ACL"),
        redirect_url=None if url is None else quote(url, safe=_URL_CHARACTERS),
        redirect_acl=pairs.get("url-redirect-acl"),
        filter_id=None if filter_id is None else filter_id.removesuffix(".in"),
        vlan=_find_vlan(packet),
        session_timeout=_find_duration(packet, attribute.SESSION_TIMEOUT),
        reauthenticates=packet.integer(attribute.TERMINATION_ACTION) == attribute.TERMINATION_RADIUS_REQUEST,
        interim_interval=_find_interim_interval(packet),
        state=packet.octets(attribute.STATE),
        classes=tuple(packet.list_octets(attribute.CLASS)),
    )


def build_enforcement(authorization: Authorization, dacl: Acl | None, access_lists: Mapping[str, Acl]) -> Enforcement:
    """Build what the port enforces; a dACL goes before a Filter-Id.

    A redirect whose ACL the switch does not have redirects nothing. Raises `UnknownAclError` for a Filter-Id.
    """
    chosen = dacl
    if chosen is None and authorization.filter_id is not None:
        chosen = access_lists.get(authorization.filter_id)
        if chosen is None:
            raise UnknownAclError(authorization.filter_id)
    redirect_acl = access_lists.get(authorization.redirect_acl or "")
    redirect = None
    if authorization.redirect_url is not None and redirect_acl is not None:
        redirect = Redirect(authorization.redirect_url, redirect_acl)
    return Enforcement(filter=chosen, redirect=redirect)


def _list_pairs(packet: Packet) -> dict[str, str]:
    """List the Cisco-AVPairs; of equal names the first counts."""
    pairs: dict[str, str] = {}
    for text in packet.list_text(attribute.CISCO_AVPAIR):
        name, _, value = text.partition("=")
        pairs.setdefault(name, value)
    return pairs


def _find_duration(packet: Packet, type_: int) -> timedelta | None:
    """Find a number of seconds; zero counts as absent."""
    seconds = packet.integer(type_)
    return timedelta(seconds=seconds) if seconds else None


def _find_interim_interval(packet: Packet) -> timedelta | None:
    """Find Acct-Interim-Interval, which must not be smaller than a minute."""
    interval = _find_duration(packet, attribute.ACCT_INTERIM_INTERVAL)
    return None if interval is None else max(interval, _SHORTEST_INTERIM_INTERVAL)


def _find_vlan(packet: Packet) -> str | None:
    """Find the VLAN id or name behind its optional tag octet."""
    value = packet.octets(attribute.TUNNEL_PRIVATE_GROUP_ID)
    if not value:
        return None
    return (value[1:] if value[0] <= _HIGHEST_TAG else value).decode("utf-8", "replace")
