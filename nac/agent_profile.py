"""The posture agent's profile: what an administrator configures and a policy service node hands out.

Written as ISEPostureCFG.xml: root element ``cfg`` (seen in public scripts); the names of its children follow the
profile editor and the agent's ancestor (posture.md 8). Ranges and defaults: posture.md 3.4 and 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from xml.etree.ElementTree import Element

from nac.discovery import PORTAL_PORT
from nac.posture_message import (
    LIST_SEPARATOR,
    MalformedMessageError,
    append_texts,
    decode_xml,
    encode_xml,
    get_text,
    split_list,
)

_MESSAGE = "agent configuration"
_CALL_HOME = re.compile(r"(?P<host>[A-Za-z0-9.-]{1,253})(:(?P<port>\d{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """Settings of one agent. `call_home` holds ``fqdn[:port]``, `server_name_rules` patterns such as ``*.lab.test``."""

    discovery_host: str = ""
    call_home: tuple[str, ...] = ()
    server_name_rules: tuple[str, ...] = ("*",)
    network_transition_delay: timedelta = timedelta(seconds=3)
    backoff_timer_limit: timedelta = timedelta(seconds=30)
    remediation_timer: timedelta = timedelta(minutes=4)

    def __post_init__(self) -> None:
        """Raise `ValueError` for a value outside the ranges of the profile editor, and for what is not a server."""
        for entry in self.call_home:
            parse_call_home(entry)
        _verify_range("network transition delay", self.network_transition_delay, 2, 30)
        _verify_range("back-off timer limit", self.backoff_timer_limit, 10, 600)
        _verify_range("remediation timer", self.remediation_timer, 60, 300 * 60)


def parse_call_home(entry: str) -> tuple[str, int]:
    """Parse ``fqdn[:port]`` into host and port, 8443 where it names none; raises `ValueError`."""
    match = _CALL_HOME.fullmatch(entry)
    port = int(match["port"] or PORTAL_PORT) if match else 0
    if match is None or not 0 < port < 65_536:
        raise ValueError(f"call home list: {entry[:60]!r} is not fqdn[:port]")
    return match["host"], port


def encode_profile(profile: AgentProfile) -> bytes:
    """Encode a profile as XML."""
    root = Element("cfg")
    append_texts(
        root,
        (
            ("DiscoveryHost", profile.discovery_host),
            ("CallHomeList", LIST_SEPARATOR.join(profile.call_home)),
            ("ServerNameRules", LIST_SEPARATOR.join(profile.server_name_rules)),
            ("NetworkTransitionDelay", _encode_seconds(profile.network_transition_delay)),
            ("BackoffTimerLimit", _encode_seconds(profile.backoff_timer_limit)),
            ("RemediationTimer", _encode_seconds(profile.remediation_timer)),
        ),
    )
    return encode_xml(root)


def decode_profile(data: bytes) -> AgentProfile:
    """Decode a profile; raises `MalformedMessageError`."""
    root = decode_xml(data, "cfg", _MESSAGE)
    try:
        return AgentProfile(
            discovery_host=get_text(root, "DiscoveryHost", _MESSAGE),
            call_home=split_list(get_text(root, "CallHomeList", _MESSAGE)),
            server_name_rules=split_list(get_text(root, "ServerNameRules", _MESSAGE)),
            network_transition_delay=_decode_seconds(root, "NetworkTransitionDelay"),
            backoff_timer_limit=_decode_seconds(root, "BackoffTimerLimit"),
            remediation_timer=_decode_seconds(root, "RemediationTimer"),
        )
    except MalformedMessageError:
        raise
    except ValueError as error:
        raise MalformedMessageError(_MESSAGE, str(error)) from None


def _encode_seconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds()))


def _decode_seconds(root: Element, name: str) -> timedelta:
    text = get_text(root, name, _MESSAGE)
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise MalformedMessageError(_MESSAGE, f"{name} {text[:40]!r} is not a number of seconds")
    return timedelta(seconds=int(text))


def _verify_range(what: str, value: timedelta, lowest: int, highest: int) -> None:
    if not lowest <= value.total_seconds() <= highest:
        raise ValueError(f"{what} is {value.total_seconds():g} s, outside {lowest}..{highest} s")
