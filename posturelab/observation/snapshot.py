"""Everything a lab, or one node, knows at one instant, as JSON: for support, for tests, and for the curious."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from agent_emulator.endpoint import Endpoint
from ldd.digest import BUCKETS
from mnt.node import MonitoringNode
from nad_emulator.switch import Switch
from posturelab.lab import Lab
from posturelab.link_watch import LinkWatch
from posturelab.node_maker import RunningNode, SharingNode
from posturelab.observation.facts import observe_all
from posturelab.topology.model import Topology
from posturelab.topology.nodes import SwitchNode
from psn.node import PolicyServiceNode


def describe_lab(lab: Lab) -> dict[str, Any]:
    """Describe all nodes: caches, directories with live log and accounting report, access ports, agents."""
    return {
        "topology": lab.topology.name,
        "seed": lab.seed,
        "now": lab.clock.now().isoformat(),
        "facts": [asdict(facts) for facts in observe_all(lab)],
        "psns": {name: _list_sessions(node) for name, node in lab.psns.items()},
        "endpoint_attributes": {name: _list_attributes(node) for name, node in lab.psns.items()},
        "mnts": {name: _describe_monitoring(node) for name, node in lab.mnts.items()},
        "rsd": {name: _list_records(node) for name, node in lab.sharing.items()},
        "replication": {name: _describe_replication(node) for name, node in lab.sharing.items()},
        "links": {name: watch.describe() for name, watch in lab.links.items()},
        "switches": {name: _list_access(switch, lab.topology) for name, switch in lab.switches.items()},
        "endpoints": {name: _plain(endpoint.view()) for name, endpoint in lab.endpoints.items()},
    }


def describe_node(node: RunningNode, topology: Topology, *, now: datetime, link: LinkWatch | None) -> dict[str, Any]:
    """Describe one node in the words of `describe_lab`."""
    head = {"node": node.name, "kind": node.kind, "now": now.isoformat()}
    match node:
        case PolicyServiceNode():
            known = {"sessions": _list_sessions(node), "endpoint_attributes": _list_attributes(node)}
            return head | known | _describe_sharing(node, link)
        case MonitoringNode():
            return head | _describe_monitoring(node) | _describe_sharing(node, link)
        case Switch():
            return head | {"access_ports": _list_access(node, topology)}
        case Endpoint():
            return head | {"plugged": node.is_plugged, "agent": _plain(node.view())}
        case _:
            return head


def _describe_sharing(node: SharingNode, link: LinkWatch | None) -> dict[str, Any]:
    return {
        "rsd": _list_records(node),
        "replication": _describe_replication(node),
        "link": link.describe() if link else None,
    }


def _describe_replication(node: SharingNode) -> dict[str, Any] | None:
    """Describe how a replica follows the others, delays in milliseconds; None for a node that has none."""
    if node.replication is None:
        return None
    statistics = node.replication.statistics
    delays = {"median_delay": statistics.median_delay, "p99_delay": statistics.p99_delay}
    spelled = {name: None if delay is None else delay / timedelta(milliseconds=1) for name, delay in delays.items()}
    return {"merged": statistics.merged, "refused": statistics.refused, **spelled}


def _list_sessions(node: PolicyServiceNode) -> list[dict[str, Any]]:
    return [_plain(session) for session in node.sessions]


def _describe_monitoring(node: MonitoringNode) -> dict[str, Any]:
    return {"sessions": node.snapshot(), **node.live_log.snapshot(), "alarms": node.alarms.snapshot()}


def _list_attributes(node: PolicyServiceNode) -> list[dict[str, Any]]:
    return [_plain(attribute) for attribute in node.endpoints.list_attributes(range(BUCKETS))]


def _list_records(node: SharingNode) -> list[dict[str, Any]]:
    return [_plain(record) for record in node.rsd.list_sessions()]


def _list_access(switch: Switch, topology: Topology) -> list[dict[str, Any]]:
    return [describe_port(switch, port) for port in topology.select(SwitchNode)[switch.name].access_ports]


def describe_port(switch: Switch, port: str) -> dict[str, Any]:
    """Describe an access port and the session on it."""
    return _plain(switch.access(port))


def _plain(value: Any) -> dict[str, Any]:
    """Turn a dataclass into JSON-ready values."""
    return {key: _spell(item) for key, item in asdict(value).items()}


def _spell(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case tuple():
            return [_spell(item) for item in value]
        case _:
            return value
