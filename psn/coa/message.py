"""A proxy CoA on the wire between two nodes: the question and the outcome, as JSON.

Names and payload are the lab's; ISE's own are not public. Members unknown here are ignored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from nac.identity import parse_mac
from psn.coa.order import CoaCommand, CoaEnd, CoaOrder, CoaOutcome

COA_PATH = "/internode/coa"


class CoaMessageError(ValueError):
    """Bytes of another node are no message about a CoA."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"no message about a CoA: {fault}")
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCoa:
    """A CoA that another node asks for; `mac` is empty where the asker does not know it."""

    session_id: str
    mac: str
    order: CoaOrder


def encode_proxy_coa(proxied: ProxyCoa) -> bytes:
    """Encode a question."""
    order = proxied.order
    members = {
        "session_id": proxied.session_id,
        "mac": proxied.mac,
        "command": order.command.name,
        "cause": order.cause,
        "source_component": order.source_component,
        "asked_by": order.asked_by,
    }
    return json.dumps(members).encode()


def decode_proxy_coa(data: bytes) -> ProxyCoa:
    """Decode a question; raises `CoaMessageError` for any other bytes."""
    members = _decode(data)
    command = _get_text(members, "command")
    if command not in CoaCommand.__members__:
        raise CoaMessageError(f"command {command!r} is not known")
    mac = _get_text(members, "mac", empty=True)
    try:
        mac = parse_mac(mac) if mac else ""
    except ValueError as error:
        raise CoaMessageError(str(error)) from None
    order = CoaOrder(
        command=CoaCommand[command],
        cause=_get_text(members, "cause"),
        source_component=_get_text(members, "source_component"),
        asked_by=_get_text(members, "asked_by"),
    )
    return ProxyCoa(session_id=_get_text(members, "session_id"), mac=mac, order=order)


def encode_outcome(outcome: CoaOutcome) -> bytes:
    """Encode an outcome."""
    members = {
        "acknowledged": outcome.acknowledged,
        "code": outcome.code.value,
        "reason": outcome.reason,
        "steps": outcome.steps,
        "node": outcome.node,
    }
    return json.dumps(members).encode()


def decode_outcome(data: bytes) -> CoaOutcome:
    """Decode an outcome, whose code alone says whether it is a success; raises `CoaMessageError`."""
    members = _decode(data)
    code, steps = members.get("code"), members.get("steps")
    if type(code) is not int or code not in CoaEnd.__members__.values():
        raise CoaMessageError("code is none of those a CoA ends with")
    if not isinstance(steps, list) or not all(type(step) is int for step in steps):
        raise CoaMessageError("steps is no list of integers")
    reason, node = _get_text(members, "reason"), _get_text(members, "node")
    return CoaOutcome(code=CoaEnd(code), reason=reason, steps=tuple(steps), node=node)


def _decode(data: bytes) -> dict[str, Any]:
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        raise CoaMessageError("it is no JSON") from None
    if not isinstance(members, dict):
        raise CoaMessageError("it is no JSON object")
    return members


def _get_text(members: dict[str, Any], name: str, *, empty: bool = False) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not (value or empty):
        raise CoaMessageError(f"{name} is no text" if value != "" else f"{name} is empty")
    return value
