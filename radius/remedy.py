"""Why a datagram is discarded, and in one sentence what to do about it.

The sentences name the exact setting to change: they are what an engineer reads in the log when a device stays silent.
"""

from __future__ import annotations

from enum import Enum

from radius.authenticator import Fault
from radius.client_table import Client


class DropReason(Enum):
    """Why a datagram is discarded in silence; the value is the journal's word for it."""

    UNKNOWN_CLIENT = "unknown-client"
    MALFORMED = "malformed"
    UNEXPECTED_CODE = "unexpected-code"
    NOT_AUTHENTIC = "not-authentic"
    MESSAGE_AUTHENTICATOR_REQUIRED = "message-authenticator-required"
    PROXY_STATE_LIMITED = "proxy-state-limited"
    DUPLICATE_IN_PROGRESS = "duplicate-in-progress"
    OVERLOAD = "overload"
    REPLY_TOO_LONG = "reply-too-long"


def for_unknown_client(address: str) -> str:
    """Explain a source address that no client covers."""
    return (
        f"no client covers {address}: add `my-device: {{network: {address}/32, secret: ...}}` to radius.clients "
        "of the topology; in containers this is often the bridge gateway's address, not the device's"
    )


def for_fault(fault: Fault, client: Client, address: str) -> str:
    """Explain a packet that is not authentic."""
    if fault in (Fault.UNSIGNED_EAP, Fault.UNSIGNED_STATUS):
        return f"{fault.value}: let {address} (client {client.name!r}) sign its requests"
    return f"{fault.value}: {for_wrong_secret(client, address)}"


def for_wrong_secret(client: Client, address: str) -> str:
    """Explain a secret that is probably not the same at both ends."""
    return (
        f"the shared secret of {address} is probably not the one of client {client.name!r} ({client.network}); "
        "set the same secret on the device and in radius.clients of the topology"
    )


def for_unsigned(client: Client) -> str:
    """Explain an Access-Request without the Message-Authenticator that is required of its client."""
    return (
        f"client {client.name!r} sent an Access-Request without the required Message-Authenticator: "
        "let the device send it, or set `require_message_authenticator: no` for this client"
    )


def for_proxy_state(client: Client) -> str:
    """Explain an unsigned Proxy-State, the ground of the BlastRADIUS attack."""
    return (
        f"client {client.name!r} sent Proxy-State without Message-Authenticator: "
        "let the proxy sign its requests, or set `limit_proxy_state: no` for this client"
    )
