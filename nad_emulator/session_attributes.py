"""The attributes by which a switch describes itself, a port and a session, in requests of either kind.

Sources: aaa-mnt 1.2 (Access-Request of wired MAB) and 1.9 (accounting).
"""

from __future__ import annotations

from nac.identity import AUDIT_SESSION_ID, render_mac_hyphens, render_mac_plain
from nad_emulator.access_session import AccessSession
from nad_emulator.config import SwitchConfig
from radius import attribute
from radius.packet import Attribute, address, integer, text

_FRAMED_MTU = 1500


def list_nas_attributes(config: SwitchConfig, session: AccessSession) -> list[Attribute]:
    """List device and port."""
    return [
        (attribute.NAS_IP_ADDRESS, address(config.address)),
        (attribute.NAS_PORT_ID, text(session.port.name)),
        (attribute.NAS_PORT_TYPE, integer(attribute.NAS_PORT_TYPE_ETHERNET)),
        (attribute.NAS_PORT, integer(session.port.nas_port)),
    ]


def list_station_attributes(config: SwitchConfig, session: AccessSession) -> list[Attribute]:
    """List the MAC of the port and of the endpoint."""
    return [
        (attribute.CALLED_STATION_ID, text(config.called_station_id(session.port))),
        (attribute.CALLING_STATION_ID, text(render_mac_hyphens(session.mac))),
    ]


def list_session_pairs(session: AccessSession) -> list[Attribute]:
    """List the Cisco-AVPairs of a session."""
    return [
        pair(f"{AUDIT_SESSION_ID}{session.session_id}"),
        pair(f"method={session.method}"),
        pair(f"client-iif-id={session.interface_id}"),
        pair(f"vlan-id={session.port.vlan}"),
    ]


def list_mab_attributes(config: SwitchConfig, session: AccessSession, state: bytes | None) -> list[Attribute]:
    """List what a MAB Access-Request carries: the MAC is user name and password (aaa-mnt 1.2)."""
    name = text(render_mac_plain(session.mac))
    attributes = [
        (attribute.USER_NAME, name),
        (attribute.USER_PASSWORD, name),
        (attribute.SERVICE_TYPE, integer(attribute.SERVICE_CALL_CHECK)),
        pair("service-type=Call Check"),
        *_list_access_attributes(config, session),
    ]
    if state is not None:
        attributes.append((attribute.STATE, state))
    return attributes


def list_authorize_only_attributes(config: SwitchConfig, session: AccessSession, state: bytes) -> list[Attribute]:
    """List what an Access-Request carries that a CoA with Authorize-Only has asked for (RFC 5176 section 3.2)."""
    return [
        (attribute.USER_NAME, text(render_mac_plain(session.mac))),
        (attribute.SERVICE_TYPE, integer(attribute.SERVICE_AUTHORIZE_ONLY)),
        *_list_access_attributes(config, session),
        (attribute.STATE, state),
    ]


def pair(value: str) -> Attribute:
    """Build a Cisco-AVPair."""
    return attribute.CISCO_AVPAIR, text(value)


def _list_access_attributes(config: SwitchConfig, session: AccessSession) -> list[Attribute]:
    attributes = [
        (attribute.FRAMED_MTU, integer(_FRAMED_MTU)),
        *list_station_attributes(config, session),
        (attribute.EAP_KEY_NAME, b""),
        *list_session_pairs(session),
        *list_nas_attributes(config, session),
    ]
    if config.framed_ip_in_access_request:
        attributes.append((attribute.FRAMED_IP_ADDRESS, address(session.address)))
    return attributes
