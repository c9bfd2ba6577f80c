"""The discovery dialogue: where an agent asks, what it asks with, and the X-ISE headers that answer it.

Paths and header names: posture.md 4.2 and 4.4. Wire names of the request's fields are the lab's (posture.md 4.3 and
14). A User-Agent of the agent's shape is how a policy service node tells it from a browser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlencode

from nac.identity import find_mac
from nac.posture import PostureStatus
from nac.posture_message import LIST_SEPARATOR, MalformedMessageError, decode_form, split_list

PORTAL_PORT = 8443
POSTURE_PORT = 8905

REDIRECT_PROBE_PATH = "/auth/discovery"
REDIRECT_PROBE_QUERY = "architecture=9"
"""Windows names AMD64 with a 9 (posture.md 3.2)."""
ENROLL_HOST = "enroll.cisco.com"
GATEWAY_PATH = "/portal/gateway"
PORTAL_SETUP_PATH = "/portal/PortalSetup.action"
STATUS_PATH = "/auth/status"
NG_DISCOVERY_PATH = "/auth/ng-discovery"
AGENT_CONFIGURATION_PATH = "/auth/anyconnect"
PACKAGE_PATH = "/auth/provisioning/download"
POSTURE_PATH = "/auth/perfigo_validate.jsp"
CA_PATH = "/ca.pem"
"""Ours: the lab's CA certificate, for whoever asks; no session is touched by it."""

POSTURE_DOMAIN = "posture_domain"
PDP_HEADER = "X-ISE-PDP"

_USER_AGENT = re.compile(
    r"Mozilla/4\.0 \(compatible; (?P<os>[^;()]{1,32}); (?P<os_version>[^;()]{1,32}); "
    r"AnyConnect Posture Agent v\.(?P<version>[^;()\s]{1,32})\)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentIdentity:
    """What a User-Agent tells of an agent."""

    os: str
    os_version: str
    version: str


def render_user_agent(identity: AgentIdentity) -> str:
    """Render the agent's User-Agent."""
    return (
        f"Mozilla/4.0 (compatible; {identity.os.upper()}; {identity.os_version}; "
        f"AnyConnect Posture Agent v.{identity.version})"
    )


def find_agent(user_agent: str) -> AgentIdentity | None:
    """Find the agent that a User-Agent names; None for browsers and everything else."""
    match = _USER_AGENT.fullmatch(user_agent)
    return AgentIdentity(**match.groupdict()) if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryRequest:
    """How an endpoint names itself: MACs and IPs of its adapters, and the session id where a redirect told it."""

    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    session_id: str = ""


def encode_request(request: DiscoveryRequest) -> str:
    """Encode the form of a probe, body and query alike."""
    return urlencode(
        {
            "mac_list": LIST_SEPARATOR.join(request.macs),
            "iplist": LIST_SEPARATOR.join(request.addresses),
            "sessionId": request.session_id,
        }
    )


def decode_request(data: bytes) -> DiscoveryRequest:
    """Decode the form of a probe; `ip_list` is an alias. Raises `MalformedMessageError`."""
    form = decode_form(data, "discovery request")
    return DiscoveryRequest(
        macs=decode_macs(form.get("mac_list", ""), "discovery request"),
        addresses=decode_addresses(form.get("iplist", form.get("ip_list", "")), "discovery request"),
        session_id=form.get("sessionId", ""),
    )


def decode_macs(text: str, message: str) -> tuple[str, ...]:
    """Decode a list of MACs into their inner spelling; duplicates stay. Raises `MalformedMessageError`."""
    macs = []
    for item in split_list(text):
        mac = find_mac(item)
        if mac is None:
            raise MalformedMessageError(message, f"{item[:40]!r} is not a MAC address")
        macs.append(mac)
    return tuple(macs)


def decode_addresses(text: str, message: str) -> tuple[str, ...]:
    """Decode a list of IPv4 and IPv6 addresses; duplicates stay. Raises `MalformedMessageError`."""
    addresses = []
    for item in split_list(text):
        try:
            addresses.append(str(ip_address(item)))
        except ValueError:
            raise MalformedMessageError(message, f"{item[:40]!r} is not an IP address") from None
    return tuple(addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryAnswer:
    """What a policy service node answers. A field that is empty or None has no header.

    One without a posture path is a referral: another node owns the session, and only `policy_server` is set, and
    `posture_port` where that is not 8443. Without the configuration and package fields client provisioning selected
    nothing for this session.
    """

    policy_server: str
    posture_path: str = ""
    posture_port: int | None = None
    package_port: int | None = None
    guest_flow: bool | None = None
    configuration_url: str = ""
    configuration_uri: str = ""
    package_url: str = ""
    package_uri: str = ""
    package_version: str = ""
    status_path: str = ""
    backup_servers: tuple[str, ...] = ()
    session_id: str = ""
    posture_domain: str = ""
    posture_status: PostureStatus | None = None

    @property
    def is_referral(self) -> bool:
        """Whether it only names the policy server to ask instead, by `STATUS_PATH`."""
        return not self.posture_path


def build_referral(policy_server: str, port: int) -> DiscoveryAnswer:
    """Build the answer that sends an agent to the portal of another policy server (posture.md 4.4)."""
    return DiscoveryAnswer(policy_server=policy_server, posture_port=None if port == PORTAL_PORT else port)


class _Header(NamedTuple):
    """How one field travels."""

    name: str
    field: str
    encode: Callable[[Any], str]
    decode: Callable[[str], Any]


def _decode_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65_536):
        raise ValueError("not a port")
    return int(text)


def _decode_flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _encode_text(text: str) -> str:
    """Encode text for a header; a session id comes from a NAD and may hold anything."""
    return "".join(character if character.isprintable() else "?" for character in text)


_HEADERS = (
    _Header(PDP_HEADER, "policy_server", _encode_text, str),
    _Header("X-ISE-POSTURE", "posture_path", _encode_text, str),
    _Header("X-ISE-POSTURE_PORT", "posture_port", str, _decode_port),
    _Header("X-ISE-AC_PKG_PORT", "package_port", str, _decode_port),
    _Header("X-ISE-GUESTFLOW", "guest_flow", lambda flag: str(flag).lower(), _decode_flag),
    _Header("X-ISE-AC_CONFIG_URL", "configuration_url", _encode_text, str),
    _Header("X-ISE-AC_CONFIG_URI", "configuration_uri", _encode_text, str),
    _Header("X-ISE-AC_PKG_URL", "package_url", _encode_text, str),
    _Header("X-ISE-AC_PKG_URI", "package_uri", _encode_text, str),
    _Header("X-ISE-AC_PKG_VER", "package_version", _encode_text, str),
    _Header("X-ISE-STATUS_PATH", "status_path", _encode_text, str),
    _Header("X-ISE-BACKUP_SERVERS", "backup_servers", LIST_SEPARATOR.join, split_list),
    _Header("X-ISE-SessionId", "session_id", _encode_text, str),
    _Header("X-ISE-PostureDomain", "posture_domain", _encode_text, str),
    _Header("X-ISE-POSTURE_STATUS", "posture_status", lambda status: status.value, PostureStatus),
)


def encode_answer(answer: DiscoveryAnswer) -> dict[str, str]:
    """Encode an answer as headers, in the order in which the real servlet logs them."""
    headers = {}
    for header in _HEADERS:
        value = getattr(answer, header.field)
        if value not in (None, "", ()):
            headers[header.name] = header.encode(value)
    return headers


def decode_answer(headers: Mapping[str, str]) -> DiscoveryAnswer:
    """Decode the headers of an answer; raises `MalformedMessageError`, also where it names no policy server."""
    lowered = {name.lower(): value for name, value in headers.items()}
    fields: dict[str, Any] = {}
    for header in _HEADERS:
        text = lowered.get(header.name.lower(), "")
        if text:
            try:
                fields[header.field] = header.decode(text)
            except (ValueError, KeyError):
                raise MalformedMessageError("discovery answer", f"{header.name} is {text[:40]!r}") from None
    if "policy_server" not in fields:
        raise MalformedMessageError("discovery answer", f"there is no {PDP_HEADER}")
    return DiscoveryAnswer(**fields)
