"""The Access-Accept of an authorization profile: what is the same for every session is encoded once.

Order and shape as ISE sends them (aaa-mnt.md 1.7): User-Name, State and Class, timers, then the profile's own
attributes, the redirect URL last. State goes with Termination-Action RADIUS-Request only, since its purpose is to
tie the re-authentication to the session.
"""

from __future__ import annotations

import urllib.parse

from nac.identity import CLASS_PREFIX, STATE_PREFIX
from nac.syslog import escape
from psn.config import PERMIT_ACCESS, AuthorizationProfile, Dacl, PsnConfig
from psn.log.request_log import render_attribute
from psn.session import Session
from radius import attribute
from radius.dictionary import Dictionary
from radius.packet import Attribute, encode_attribute, encode_attributes, integer, text

_TUNNEL_TYPE_VLAN = 13
_TUNNEL_MEDIUM_802 = 6
_TAG = 1


class AcceptTemplate:
    """What a profile puts into an Access-Accept, and how the log shows it."""

    __slots__ = ("_keeps_connectivity", "_shown", "_static", "_url_end", "_url_start")

    def __init__(
        self, profile: AuthorizationProfile, *, dictionary: Dictionary, dacl: Dacl | None = None, portal: str = ""
    ) -> None:
        """Encode the constant part; `portal` is host and port of redirects.

        Raises `ValueError` where a value is too long.
        """
        self._keeps_connectivity = profile.session_timeout is not None and profile.keep_connectivity
        attributes = list_profile_attributes(profile, dacl)
        self._static = encode_attributes(attributes)
        self._shown = "".join(f"{render_attribute(dictionary, found)}; " for found in attributes)
        self._url_start = self._url_end = ""
        if profile.redirect is not None:
            self._url_start = f"https://{profile.redirect.host or portal}/portal/gateway?sessionId="
            self._url_end = f"&portal={profile.redirect.portal}&action={profile.redirect.action}&token="

    def build(self, session: Session, user_name: bytes) -> tuple[bytes, str]:
        """Build the reply to one session: its encoded attributes, and the log's Response value without braces.

        `user_name` goes back as it came. Raises `ValueError` where the session id makes an attribute too long.
        """
        session_id = session.session_id
        class_value = f"{CLASS_PREFIX}{session_id}:{session.acs_session_id}"
        octets = encode_attribute(attribute.USER_NAME, user_name)
        shown = f"User-Name={escape(session.user_name)}; "
        if self._keeps_connectivity:
            state = f"{STATE_PREFIX}{session_id}"
            octets += encode_attribute(attribute.STATE, state.encode())
            shown += f"State={escape(state)}; "
        octets += encode_attribute(attribute.CLASS, class_value.encode()) + self._static
        shown += f"Class={escape(class_value)}; {self._shown}"
        if self._url_start:
            pair = f"url-redirect={self._url_start}{quote(session_id)}{self._url_end}{session.token}"
            octets += encode_attribute(attribute.CISCO_AVPAIR, pair.encode())
            shown += f"cisco-av-pair={pair}; "
        return octets, f"{shown}LicenseTypes=1; "


def build_templates(config: PsnConfig, dictionary: Dictionary, portal_port: int) -> dict[str, AcceptTemplate]:
    """Build the template of every profile that accepts; raises `KeyError` for a dACL nobody declared."""
    portal = f"{config.fqdn}:{portal_port}"
    templates = {PERMIT_ACCESS: AcceptTemplate(AuthorizationProfile(name=PERMIT_ACCESS), dictionary=dictionary)}
    for name, profile in config.profiles.items():
        dacl = None if profile.dacl is None else config.dacls[profile.dacl]
        templates[name] = AcceptTemplate(profile, dictionary=dictionary, dacl=dacl, portal=portal)
    return templates


def quote(session_id: str) -> str:
    """Quote a session id for the URL; those that devices and this node make need nothing."""
    return session_id if session_id.isalnum() else urllib.parse.quote(session_id)


def list_profile_attributes(profile: AuthorizationProfile, dacl: Dacl | None) -> list[Attribute]:
    """List the attributes of a profile that are the same for every session."""
    attributes: list[Attribute] = []
    if profile.session_timeout is not None:
        attributes.append((attribute.SESSION_TIMEOUT, integer(int(profile.session_timeout.total_seconds()))))
        if profile.keep_connectivity:
            attributes.append((attribute.TERMINATION_ACTION, integer(attribute.TERMINATION_RADIUS_REQUEST)))
    if profile.idle_timeout is not None:
        attributes.append((attribute.IDLE_TIMEOUT, integer(int(profile.idle_timeout.total_seconds()))))
    if profile.vlan is not None:
        tag = bytes((_TAG,))
        attributes.append((attribute.TUNNEL_TYPE, tag + _TUNNEL_TYPE_VLAN.to_bytes(3, "big")))
        attributes.append((attribute.TUNNEL_MEDIUM_TYPE, tag + _TUNNEL_MEDIUM_802.to_bytes(3, "big")))
        attributes.append((attribute.TUNNEL_PRIVATE_GROUP_ID, tag + text(profile.vlan)))
    if profile.filter_id is not None:
        attributes.append((attribute.FILTER_ID, text(f"{profile.filter_id}.in")))
    if profile.airespace_acl is not None:
        attributes.append((attribute.AIRESPACE_ACL_NAME, text(profile.airespace_acl)))
    if dacl is not None:
        attributes.append((attribute.CISCO_AVPAIR, text(f"ACS:CiscoSecure-Defined-ACL={dacl.full_name}")))
    if profile.redirect is not None:
        attributes.append((attribute.CISCO_AVPAIR, text(f"url-redirect-acl={profile.redirect.acl}")))
    attributes.extend(profile.attributes)
    return attributes
