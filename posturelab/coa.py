"""A CoA that somebody outside a policy service node asks for: a scenario, the control API, the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ldd.record import SessionRecord
from nac.identity import parse_mac
from posturelab.coa_words import COMMANDS
from posturelab.lab import Lab
from posturelab.lab_error import ImpossibleActionError
from posturelab.observation.facts import observe_endpoint
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.model import Topology
from psn.coa.order import CoaOutcome
from psn.node import PolicyServiceNode

COA_BODY: Mapping[str, Any] = MappingProxyType(
    {"endpoint": "02:00:00:00:10:01", "command": "reauthenticate", "psn": "psn1", "direct": False}
)
COA_OPTIONAL = ("command", "psn", "direct")
"""How the control API is asked for a CoA, and what may be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedCoa:
    """What is asked for: of whose session, an endpoint's name or MAC, which command, by which node.

    `psn` empty is the owner. One that is not sends it through the owner, unless `direct`.
    """

    endpoint: str
    command: str = "reauthenticate"
    psn: str = ""
    direct: bool = False

    def __post_init__(self) -> None:
        if self.command not in COMMANDS:
            raise ValueError(f"{self.command!r} is not one of {', '.join(COMMANDS)}")


async def order_coa(lab: Lab, order: RequestedCoa, *, cause: str) -> tuple[str, CoaOutcome]:
    """Have a node send a CoA; returns its name and the outcome.

    Raises `posturelab.lab.UnknownNodeError`, `ImpossibleActionError` where no node can be asked, `ValueError` for an
    endpoint that is neither a name of this lab nor a MAC.
    """
    psn = order.psn or _find_owner(lab, order.endpoint)
    if not psn:
        raise ImpossibleActionError(f"no node is known to own a session of {order.endpoint}")
    return psn, await send_coa(lab.get_psn(psn), order, mac=find_mac(lab.topology, order.endpoint), cause=cause)


async def send_coa(node: PolicyServiceNode, order: RequestedCoa, *, mac: str, cause: str) -> CoaOutcome:
    """Have this node send a CoA; raises `ImpossibleActionError` where it does not run."""
    if not node.ports:
        raise ImpossibleActionError(f"{node.name} does not run")
    return await node.coa_for(mac=mac, command=COMMANDS[order.command], cause=cause, direct=order.direct)


def describe_coa(psn: str, outcome: CoaOutcome) -> dict[str, Any]:
    """Build a JSON-ready view of how it ended: at `node`, where `psn` was asked and has handed it on."""
    return {
        "psn": psn,
        "node": outcome.node,
        "acknowledged": outcome.acknowledged,
        "code": int(outcome.code),
        "reason": outcome.reason,
        "steps": list(outcome.steps),
    }


def find_mac(topology: Topology, endpoint: str) -> str:
    """Find whose session is meant, by name or MAC; raises `ValueError`, which names the endpoints that there are."""
    endpoints = topology.select(EndpointNode)
    if endpoint in endpoints:
        return endpoints[endpoint].mac
    try:
        return parse_mac(endpoint)
    except ValueError:
        known = ", ".join(endpoints) or "none"
        raise ValueError(f"{endpoint!r} is neither a MAC address nor an endpoint of this lab: {known}") from None


def _find_owner(lab: Lab, endpoint: str) -> str:
    """Find the owner, of one of the lab's endpoints as its switch knows it, of any other as the nodes look for it.

    That is in the session directory, and at MNT only for what that lacks.
    """
    if endpoint in lab.endpoints:
        return observe_endpoint(lab, endpoint).owner
    mac = find_mac(lab.topology, endpoint)
    shared = _find_shared(lab, mac)
    if shared is not None:
        return shared.psn
    monitored = [node.directory.find_by_mac(mac) for node in lab.mnts.values()]
    return next((session.acs_server for session in monitored if session is not None), "")


def _find_shared(lab: Lab, mac: str) -> SessionRecord | None:
    """Find the newest active session of an endpoint in the replicas of all nodes that run, of which some may lag."""
    replicas = [node.rsd for name, node in lab.sharing.items() if lab.is_running(name)]
    known = {record.session_id for replica in replicas if (record := replica.find_by_mac(mac)) is not None}
    latest = [
        max(filter(None, (replica.find_latest(session_id) for replica in replicas)), key=_weigh) for session_id in known
    ]
    return max((record for record in latest if record.is_active), key=_weigh, default=None)


def _weigh(record: SessionRecord) -> tuple[Any, ...]:
    return record.precedence, record.session_id
