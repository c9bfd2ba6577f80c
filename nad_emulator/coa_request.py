"""What a CoA- or Disconnect-Request asks of a switch, and the reasons to refuse it.

The protocol's own rules come first (`radius.dynamic_authorization.check`: 401, 402, 405, and silence for a stale
one). Then, in this order: the device it is meant for (403), the attributes a Cisco switch knows, all of which count as
mandatory (401, 402, 404, 407), the session (503, 407, 508), and what this switch is willing to do (501, 504, 405,
506). Sources: RFC 5176, aaa-mnt 2.1, 2.2 and 2.6 (Cisco's rules and its public NAD emulator).

Not reachable in a switch: 202 (no EAP inside), 406 (both extensions are known), 502 and 505 (no proxy).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from ipaddress import IPv4Address

from nac.identity import find_mac
from nad_emulator.access_session import AccessSession
from nad_emulator.config import SwitchConfig
from radius import attribute
from radius.dynamic_authorization import ErrorCause, check
from radius.packet import Code, Packet, address, text


class Command(Enum):
    """What is to be done with a session; the value is Cisco's word, or RFC 5176's."""

    REAUTHENTICATE = "reauthenticate"
    BOUNCE = "bounce-host-port"
    DISABLE = "disable-host-port"
    QUERY = "session-query"
    AUTHORIZE_ONLY = "authorize-only"
    DISCONNECT = "disconnect"


class CoaRefusedError(Exception):
    """The request is not acted upon, for this reason: a NAK with this Error-Cause, or silence where that is None."""

    def __init__(self, cause: ErrorCause | None, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CoaRequest:
    """A well-formed request: a command, and the keys that identify the session, as (name, value)."""

    command: Command
    keys: tuple[tuple[str, str], ...]
    rerun: bool = False
    """Whether the whole method list is to run instead of the method that last succeeded."""
    state: bytes | None = None


_SESSION_ID = "audit-session-id"
_COMMAND = "subscriber:command"
_REAUTHENTICATE_TYPE = "subscriber:reauthenticate-type"
_COMMANDS = {
    command.value: command for command in (Command.REAUTHENTICATE, Command.BOUNCE, Command.DISABLE, Command.QUERY)
}
_RERUNS = {"": False, "last": False, "rerun": True}

_TEXT_KEYS = {
    attribute.USER_NAME: "User-Name",
    attribute.CALLING_STATION_ID: "Calling-Station-Id",
    attribute.ACCT_SESSION_ID: "Acct-Session-Id",
    attribute.NAS_PORT_ID: "NAS-Port-Id",
}
_FRAMED_IP = "Framed-IP-Address"
_NAS_PORT = "NAS-Port"
_KNOWN = frozenset(
    {
        *_TEXT_KEYS,
        attribute.FRAMED_IP_ADDRESS,
        attribute.NAS_PORT,
        attribute.NAS_IP_ADDRESS,
        attribute.NAS_IDENTIFIER,
        attribute.NAS_IPV6_ADDRESS,
        attribute.CISCO_AVPAIR,
        attribute.SERVICE_TYPE,
        attribute.STATE,
        attribute.CLASS,
        attribute.REPLY_MESSAGE,
        attribute.ACCT_TERMINATE_CAUSE,
        attribute.EVENT_TIMESTAMP,
        attribute.MESSAGE_AUTHENTICATOR,
        attribute.PROXY_STATE,
    }
)
_ONLY_IN_DISCONNECT = frozenset({attribute.CLASS, attribute.REPLY_MESSAGE, attribute.ACCT_TERMINATE_CAUSE})

_MATCHES: Mapping[str, Callable[[AccessSession, str], bool]] = {
    _SESSION_ID: lambda session, value: session.session_id == value.upper(),
    "User-Name": lambda session, value: find_mac(value) == session.mac or session.user_name == value.encode(),
    "Calling-Station-Id": lambda session, value: find_mac(value) == session.mac,
    "Acct-Session-Id": lambda session, value: value != "" and session.acct_session_id == value.upper(),
    "NAS-Port-Id": lambda session, value: session.port.name == value,
    _NAS_PORT: lambda session, value: str(session.port.nas_port) == value,
    _FRAMED_IP: lambda session, value: session.address == value,
}


def parse_coa(packet: Packet, config: SwitchConfig, now: datetime) -> CoaRequest:
    """Parse an authentic CoA-Request or Disconnect-Request. Raises `CoaRefusedError`."""
    refusal = check(packet, now, window=config.event_timestamp_window)
    is_disconnect = packet.code == Code.DISCONNECT_REQUEST
    is_authorize_only = packet.integer(attribute.SERVICE_TYPE) == attribute.SERVICE_AUTHORIZE_ONLY
    if refusal is not None and refusal.error_cause is None:
        raise CoaRefusedError(None, refusal.reason)
    if is_disconnect and is_authorize_only:
        raise CoaRefusedError(ErrorCause.INVALID_REQUEST, "a Disconnect-Request cannot ask to authorize only")
    if refusal is not None:
        raise CoaRefusedError(refusal.error_cause, refusal.reason)
    _check_device(packet, config)
    pairs = _list_pairs(packet)
    keys = _list_keys(packet, pairs)
    command, rerun = Command.DISCONNECT, False
    if is_authorize_only:
        command = Command.AUTHORIZE_ONLY
    elif not is_disconnect:
        command, rerun = _find_command(pairs)
    if command in {Command.AUTHORIZE_ONLY, Command.DISCONNECT} and any(name != _SESSION_ID for name, _ in pairs):
        raise CoaRefusedError(
            ErrorCause.UNSUPPORTED_ATTRIBUTE, f"a subscriber attribute has no place in {command.value}"
        )
    if not keys:
        raise CoaRefusedError(ErrorCause.MISSING_ATTRIBUTE, "nothing in it identifies a session")
    return CoaRequest(command=command, keys=keys, rerun=rerun, state=packet.octets(attribute.STATE))


def find_session(request: CoaRequest, sessions: Iterable[AccessSession]) -> AccessSession:
    """Find the one session that all keys match. Raises `CoaRefusedError`."""
    present = list(sessions)
    by_key = [{session for session in present if _MATCHES[name](session, value)} for name, value in request.keys]
    found = set.intersection(*by_key)
    if len(found) == 1:
        return found.pop()
    names = ", ".join(name for name, _ in request.keys)
    if found:
        reason = f"{len(found)} sessions match {names}"
        raise CoaRefusedError(ErrorCause.MULTIPLE_SESSION_SELECTION_UNSUPPORTED, reason)
    if any(by_key):
        raise CoaRefusedError(ErrorCause.INVALID_ATTRIBUTE_VALUE, f"no single session matches all of {names}")
    raise CoaRefusedError(ErrorCause.SESSION_CONTEXT_NOT_FOUND, f"no session matches {names}")


def check_willingness(request: CoaRequest, session: AccessSession, config: SwitchConfig) -> None:
    """Check what the switch is configured to do and able to do now. Raises `CoaRefusedError`."""
    command = request.command
    if not config.dynamic_authorization:
        cause = ErrorCause.ADMINISTRATIVELY_PROHIBITED
        if command is Command.DISCONNECT:
            cause = ErrorCause.SESSION_CONTEXT_NOT_REMOVABLE
        raise CoaRefusedError(cause, "dynamic authorization is switched off here")
    ignored = {Command.BOUNCE: config.ignore_bounce, Command.DISABLE: config.ignore_disable}
    if ignored.get(command, False):
        raise CoaRefusedError(ErrorCause.ADMINISTRATIVELY_PROHIBITED, f"the switch is told to ignore {command.value}")
    if command is Command.AUTHORIZE_ONLY and not config.authorize_only:
        raise CoaRefusedError(ErrorCause.UNSUPPORTED_SERVICE, "the switch does not authorize only")
    if command in {Command.REAUTHENTICATE, Command.AUTHORIZE_ONLY} and session.is_busy:
        raise CoaRefusedError(ErrorCause.RESOURCES_UNAVAILABLE, "an authentication of this session is running")


def _check_device(packet: Packet, config: SwitchConfig) -> None:
    """Check that every NAS identification attribute names this switch."""
    names = {config.name, config.fqdn} - {""}
    own = {
        attribute.NAS_IP_ADDRESS: {address(config.address)},
        attribute.NAS_IDENTIFIER: {text(name) for name in names},
        attribute.NAS_IPV6_ADDRESS: set(),
    }
    for type_, value in packet.attributes:
        if type_ in own and value not in own[type_]:
            reason = f"attribute {type_} ({value!r}) does not name this switch"
            raise CoaRefusedError(ErrorCause.NAS_IDENTIFICATION_MISMATCH, reason)


def _list_pairs(packet: Packet) -> list[tuple[str, str]]:
    """List the Cisco-AVPairs as (name, value), once every attribute is known to be one that the switch understands."""
    known = _KNOWN if packet.code == Code.DISCONNECT_REQUEST else _KNOWN - _ONLY_IN_DISCONNECT
    for type_, _ in packet.attributes:
        if type_ not in known:
            raise CoaRefusedError(ErrorCause.UNSUPPORTED_ATTRIBUTE, f"attribute {type_} is not supported")
    pairs = []
    for pair in packet.list_text(attribute.CISCO_AVPAIR):
        name, equals, value = pair.partition("=")
        if not equals or name not in {_SESSION_ID, _COMMAND, _REAUTHENTICATE_TYPE}:
            raise CoaRefusedError(ErrorCause.UNSUPPORTED_ATTRIBUTE, f"Cisco-AVPair {name!r} is not supported")
        pairs.append((name, value))
    return pairs


def _list_keys(packet: Packet, pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """List what identifies the session."""
    keys = [(name, value) for name, value in pairs if name == _SESSION_ID]
    for type_, value in packet.attributes:
        if type_ in _TEXT_KEYS:
            keys.append((_TEXT_KEYS[type_], value.decode("utf-8", "replace")))
        elif type_ in {attribute.FRAMED_IP_ADDRESS, attribute.NAS_PORT}:
            if len(value) != 4:
                raise CoaRefusedError(ErrorCause.INVALID_REQUEST, f"attribute {type_} does not have four octets")
            is_address = type_ == attribute.FRAMED_IP_ADDRESS
            keys.append(
                (_FRAMED_IP, str(IPv4Address(value))) if is_address else (_NAS_PORT, str(int.from_bytes(value)))
            )
    return tuple(keys)


def _find_command(pairs: list[tuple[str, str]]) -> tuple[Command, bool]:
    """Find the command of a CoA-Request, and whether the whole method list is asked for."""
    commands = {value for name, value in pairs if name == _COMMAND}
    types = {value for name, value in pairs if name == _REAUTHENTICATE_TYPE}
    if not commands and types:
        raise CoaRefusedError(ErrorCause.INVALID_REQUEST, "reauthenticate-type comes without its command")
    if not commands:
        raise CoaRefusedError(ErrorCause.MISSING_ATTRIBUTE, "there is no subscriber:command in it")
    if len(commands) > 1 or len(types) > 1:
        raise CoaRefusedError(ErrorCause.INVALID_REQUEST, "it asks for several things at once")
    word, kind = commands.pop(), next(iter(types), "")
    command = _COMMANDS.get(word)
    if command is None:
        raise CoaRefusedError(ErrorCause.UNSUPPORTED_ATTRIBUTE, f"subscriber:command {word!r} is not supported")
    if kind and command is not Command.REAUTHENTICATE:
        raise CoaRefusedError(ErrorCause.INVALID_REQUEST, f"reauthenticate-type does not belong to {word}")
    if kind not in _RERUNS:
        raise CoaRefusedError(ErrorCause.INVALID_ATTRIBUTE_VALUE, f"reauthenticate-type {kind!r} is unknown")
    return command, _RERUNS[kind]
