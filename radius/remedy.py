"""Why a datagram is discarded, and in one sentence what to do about it.

The sentences name the exact setting to change: they are what an engineer reads in the log when a device stays silent.
"""

from __future__ import annotations

import json
from enum import Enum
from ipaddress import IPv4Address, IPv4Network

from radius.authenticator import Fault
from radius.client_table import Client, Hint

_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_LONGEST_QUOTE = 64


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
    sentence = (
        f"no client covers {address}: add `my-device: {{network: {address}/32, secret: ...}}` to radius.clients "
        "of the topology"
    )
    if not is_gateway(address):
        return sentence
    return (
        f"{sentence}; this looks like the address of a container engine's gateway, which every device behind it has: "
        "add `nas_identifier: ...` or `nas_ip: ...` where several do, see docs/networks.md"
    )


def for_unknown_hint(network: IPv4Network | None, hint: Hint) -> str:
    """Explain a packet that is from none of the clients that share a network."""
    identifier, nas_ip = hint
    if identifier:
        said, key = f"NAS-Identifier {_quote(identifier)}", f", nas_identifier: {_quote(identifier)}"
    elif nas_ip:
        said, key = f"NAS-IP-Address {nas_ip}", f", nas_ip: {nas_ip}"
    else:
        said, key = "neither NAS-Identifier nor NAS-IP-Address", ""
    return (
        f"the packet has {said}, and no client of {network} is known by that: "
        f"add `my-device: {{network: {network}, secret: ...{key}}}` to radius.clients of the topology"
    )


def for_silent_device(address: str) -> str:
    """Explain further why nothing answers at an address that CoA goes to; empty where nothing is known."""
    if not is_gateway(address):
        return ""
    return (
        f"; {address} looks like the address of a container engine's gateway, which hands nothing on to the device: "
        "add `coa_host: ...` to the client in radius.clients of the topology, see docs/networks.md"
    )


def is_gateway(address: str) -> bool:
    """Tell whether an address looks like the gateway of a container engine's network.

    Engines give their gateways the first address of a network, and take networks from the private ranges (RFC 1918).
    So does many a router: it is a guess, for sentences only.
    """
    found = IPv4Address(address)
    return found.packed[3] == 1 and any(found in network for network in _PRIVATE)


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


def _quote(value: str) -> str:
    """Quote what a packet says as YAML does, shortened."""
    return json.dumps(value if len(value) <= _LONGEST_QUOTE else f"{value[:_LONGEST_QUOTE]}...")
