"""Everything a lab knows at one instant, as JSON: for support, for tests, and for the curious."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

from posturelab.facts import observe_all
from posturelab.lab import Lab
from posturelab.topology_nodes import SwitchNode


def describe_lab(lab: Lab) -> dict[str, Any]:
    """Describe all nodes: caches, directories with live log and accounting report, access ports, agents."""
    return {
        "topology": lab.topology.name,
        "seed": lab.seed,
        "now": lab.clock.now().isoformat(),
        "facts": [asdict(facts) for facts in observe_all(lab)],
        "psns": {name: [_plain(session) for session in node.sessions] for name, node in lab.psns.items()},
        "mnts": {name: {"sessions": node.snapshot(), **node.live_log.snapshot()} for name, node in lab.mnts.items()},
        "rsd": {
            name: [_plain(record) for record in node.rsd.list_sessions()]
            for name, node in (lab.psns | lab.mnts).items()
        },
        "switches": {
            name: [_plain(lab.switches[name].access(port)) for port in node.access_ports]
            for name, node in lab.topology.select(SwitchNode).items()
        },
        "endpoints": {name: _plain(endpoint.view()) for name, endpoint in lab.endpoints.items()},
    }


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
