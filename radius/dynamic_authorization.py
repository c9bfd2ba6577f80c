"""Dynamic authorization (RFC 5176): what both ends of a CoA or Disconnect know before any policy is asked.

Decides which requests are dropped or refused on the protocol's own grounds, and builds requests and answers. Knows
neither sessions nor what a vendor's attribute means: whether one identifies a session is for the caller to say.
Authenticators, the Message-Authenticator and duplicates are the server's business, Proxy-State is echoed by
`radius.authenticator.encode_reply`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from radius import attribute
from radius.packet import VENDOR_SPECIFIC, Attribute, Code, Packet, encode_attributes, integer
from radius.server import Reply

EVENT_TIMESTAMP_WINDOW = timedelta(seconds=300)

NAS_IDENTIFICATION = frozenset({attribute.NAS_IP_ADDRESS, attribute.NAS_IDENTIFIER, attribute.NAS_IPV6_ADDRESS})
"""All of those present must match the device."""

SESSION_IDENTIFICATION = frozenset(
    {
        attribute.USER_NAME,
        attribute.NAS_PORT,
        attribute.FRAMED_IP_ADDRESS,
        attribute.CALLED_STATION_ID,
        attribute.CALLING_STATION_ID,
        attribute.ACCT_SESSION_ID,
        attribute.ACCT_MULTI_SESSION_ID,
        attribute.NAS_PORT_TYPE,
        attribute.NAS_PORT_ID,
        attribute.CHARGEABLE_USER_IDENTITY,
        attribute.FRAMED_INTERFACE_ID,
        attribute.FRAMED_IPV6_PREFIX,
        attribute.FRAMED_IPV6_ADDRESS,
    }
)
"""All of those present must match one session. A vendor's attribute may identify one too."""

_ALWAYS_ALLOWED = (
    NAS_IDENTIFICATION
    | SESSION_IDENTIFICATION
    | {attribute.PROXY_STATE, attribute.EVENT_TIMESTAMP, attribute.MESSAGE_AUTHENTICATOR}
)
_ALLOWED_IN_DISCONNECT = _ALWAYS_ALLOWED | {
    attribute.REPLY_MESSAGE,
    attribute.CLASS,
    attribute.ACCT_TERMINATE_CAUSE,
}
_ALLOWED_IN_AUTHORIZE_ONLY = _ALWAYS_ALLOWED | {attribute.SERVICE_TYPE, attribute.STATE}


class ErrorCause(IntEnum):
    """Values of Error-Cause (RFC 5176 section 3.5): 2xx stands in an ACK, 4xx and 5xx in a NAK."""

    RESIDUAL_SESSION_CONTEXT_REMOVED = 201
    INVALID_EAP_PACKET = 202
    UNSUPPORTED_ATTRIBUTE = 401
    MISSING_ATTRIBUTE = 402
    NAS_IDENTIFICATION_MISMATCH = 403
    INVALID_REQUEST = 404
    UNSUPPORTED_SERVICE = 405
    UNSUPPORTED_EXTENSION = 406
    INVALID_ATTRIBUTE_VALUE = 407
    ADMINISTRATIVELY_PROHIBITED = 501
    REQUEST_NOT_ROUTABLE = 502
    SESSION_CONTEXT_NOT_FOUND = 503
    SESSION_CONTEXT_NOT_REMOVABLE = 504
    OTHER_PROXY_PROCESSING_ERROR = 505
    RESOURCES_UNAVAILABLE = 506
    REQUEST_INITIATED = 507
    MULTIPLE_SESSION_SELECTION_UNSUPPORTED = 508


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not acted upon; `error_cause` None means silence instead of a NAK."""

    reason: str
    error_cause: ErrorCause | None


def check(request: Packet, now: datetime, *, window: timedelta = EVENT_TIMESTAMP_WINDOW) -> Refusal | None:
    """Apply the protocol's own rules to an authentic request; None where policy may look at it."""
    if is_stale(request, now, window=window):
        return Refusal(reason=f"its Event-Timestamp is not within {window} of now", error_cause=None)
    if request.code == Code.DISCONNECT_REQUEST:
        return _check_allowed(request, _ALLOWED_IN_DISCONNECT, "a Disconnect-Request") or _check_identified(request)
    if attribute.SERVICE_TYPE not in request.index:
        return _check_identified(request)
    if request.integer(attribute.SERVICE_TYPE) != attribute.SERVICE_AUTHORIZE_ONLY:
        reason = "the only Service-Type of a CoA-Request is Authorize-Only"
        return Refusal(reason=reason, error_cause=ErrorCause.UNSUPPORTED_SERVICE)
    if attribute.STATE not in request.index:
        reason = "Service-Type Authorize-Only comes without State"
        return Refusal(reason=reason, error_cause=ErrorCause.MISSING_ATTRIBUTE)
    where = "a CoA-Request with Service-Type Authorize-Only"
    return _check_allowed(request, _ALLOWED_IN_AUTHORIZE_ONLY, where) or _check_identified(request)


def is_stale(request: Packet, now: datetime, *, window: timedelta = EVENT_TIMESTAMP_WINDOW) -> bool:
    """Tell whether the Event-Timestamp of a request, where it has one, is outside the window.

    Answers are not held against a clock: one belongs to a request that is still open, whose authenticator it proves.
    """
    if attribute.EVENT_TIMESTAMP not in request.index:
        return False
    seconds = request.integer(attribute.EVENT_TIMESTAMP)
    return seconds is None or abs(now.timestamp() - seconds) > window.total_seconds()


def build_request(code: int, attributes: Sequence[Attribute], now: datetime) -> list[Attribute]:
    """Complete the attributes of a CoA or Disconnect request with its Event-Timestamp, which repetitions keep.

    Raises `ValueError` for an attribute that a Disconnect-Request must not hold.
    """
    if code == Code.DISCONNECT_REQUEST:
        for type_, _ in attributes:
            if not _is_allowed(type_, _ALLOWED_IN_DISCONNECT):
                raise ValueError(f"attribute {type_} has no place in a Disconnect-Request")
    return [*attributes, (attribute.EVENT_TIMESTAMP, integer(int(now.timestamp())))]


def build_ack(request: Packet, attributes: Sequence[Attribute] = (), *, error_cause: ErrorCause | None = None) -> Reply:
    """Answer a CoA or Disconnect request with an ACK: its State, `attributes`, and at most a 2xx Error-Cause."""
    if error_cause is not None and error_cause >= ErrorCause.UNSUPPORTED_ATTRIBUTE:
        raise ValueError(f"{error_cause!r} does not belong into an ACK")
    code = Code.DISCONNECT_ACK if request.code == Code.DISCONNECT_REQUEST else Code.COA_ACK
    return _build_reply(request, code, attributes, error_cause)


def build_nak(request: Packet, error_cause: ErrorCause, attributes: Sequence[Attribute] = ()) -> Reply:
    """Answer a CoA or Disconnect request with a NAK: its State, `attributes`, and a 4xx or 5xx Error-Cause."""
    if error_cause < ErrorCause.UNSUPPORTED_ATTRIBUTE:
        raise ValueError(f"{error_cause!r} does not belong into a NAK")
    code = Code.DISCONNECT_NAK if request.code == Code.DISCONNECT_REQUEST else Code.COA_NAK
    return _build_reply(request, code, attributes, error_cause)


def _build_reply(request: Packet, code: Code, attributes: Sequence[Attribute], error_cause: ErrorCause | None) -> Reply:
    """Put State (unmodified, RFC 5176 section 3.3), attributes and Error-Cause in their order."""
    states = [(attribute.STATE, value) for value in request.list_octets(attribute.STATE)]
    causes = [] if error_cause is None else [(attribute.ERROR_CAUSE, integer(error_cause))]
    return Reply(code, encode_attributes([*states, *attributes, *causes]))


def _is_allowed(type_: int, allowed: frozenset[int]) -> bool:
    """Tell whether a type has its place; a vendor's attribute may identify a session and is the caller's to judge."""
    return type_ in allowed or _is_vendors(type_)


def _is_vendors(type_: int) -> bool:
    return type_ > 255 or type_ == VENDOR_SPECIFIC


def _check_allowed(request: Packet, allowed: frozenset[int], where: str) -> Refusal | None:
    """Refuse the first attribute that has no place in this kind of request."""
    for type_, _ in request.attributes:
        if not _is_allowed(type_, allowed):
            reason = f"attribute {type_} has no place in {where}"
            return Refusal(reason=reason, error_cause=ErrorCause.UNSUPPORTED_ATTRIBUTE)
    return None


def _check_identified(request: Packet) -> Refusal | None:
    """Refuse a request in which nothing can identify a session."""
    if any(_is_vendors(type_) or type_ in SESSION_IDENTIFICATION for type_ in request.index):
        return None
    return Refusal(reason="nothing in it identifies a session", error_cause=ErrorCause.MISSING_ATTRIBUTE)
