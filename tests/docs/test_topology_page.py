"""The page on topology files names every key that exists, its true default and its range."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from posturelab.reading.duration import render_duration
from posturelab.topology import broker, endpoint, model, nodes, policy, posture
from posturelab.topology.values import Port, Within

PAGE = Path(__file__).parents[2] / "docs" / "topology.md"

SECTIONS: dict[str, type[BaseModel]] = {
    "The file": model.Topology,
    "radius": model.RadiusEntry,
    "radius.clients.<name>": model.ClientEntry,
    "control": model.ControlEntry,
    "broker": broker.BrokerEntry,
    "users.<name>": policy.UserEntry,
    "policy": policy.PolicyEntry,
    "policy.profiles.<name>": policy.ProfileEntry,
    "policy.profiles.<name>.redirect": policy.RedirectEntry,
    "policy.rules[]": policy.RuleEntry,
    "posture": posture.PostureEntry,
    "posture.requirements.<name>": posture.RequirementEntry,
    "posture.requirements.<name>.checks[]": posture.CheckEntry,
    "posture.policies[]": posture.PosturePolicyEntry,
    "audience": posture.AudienceEntry,
    "posture.configurations.<name>": posture.AgentConfigurationEntry,
    "profile": posture.AgentProfileEntry,
    "posture.provisioning[]": posture.ProvisioningEntry,
    "nodes.<name> of kind psn": nodes.PsnNode,
    "ports": nodes.PsnPortsEntry,
    "nodes.<name> of kind mnt": nodes.MntNode,
    "retention": nodes.RetentionEntry,
    "nodes.<name> of kind switch": nodes.SwitchNode,
    "dead_criteria": nodes.DeadCriteriaEntry,
    "access_ports.<name>": nodes.AccessPortEntry,
    "nodes.<name> of kind endpoint": endpoint.EndpointNode,
    "attached_to": endpoint.CableEntry,
    "inventory": endpoint.InventoryEntry,
    "inventory.products[]": endpoint.ProductEntry,
    "timers": endpoint.AgentTimersEntry,
    "nodes.<name> of kind web": nodes.WebNode,
}


def read_sections() -> dict[str, dict[str, str]]:
    """Read the page: by heading, the default that it gives each key."""
    sections: dict[str, dict[str, str]] = {}
    for part in re.split(r"(?m)^##+ ", PAGE.read_text(encoding="utf-8"))[1:]:
        heading = part.partition("\n")[0].replace("`", "")
        sections[heading] = dict(re.findall(r"(?m)^\| `(\w+)` \| ([^|]*) \|", part))
    return sections


def render_default(field: FieldInfo) -> set[str]:
    """Render a default in every way the page may write it."""
    if field.is_required():
        return {"required"}
    return {*render(field.get_default(call_default_factory=True))}


def render(value: Any) -> Iterable[str]:
    match value:
        case BaseModel():
            return {"see below", "see above", "everyone", "empty"}
        case timedelta():
            return {render_duration(value)}
        case Enum():
            return {str(value.value)}
        case bool():
            return {str(value).lower()}
        case "":
            return {"empty"}
        case None | () | {}:
            return {"none"}
        case tuple():
            return {", ".join(map(str, value))}
    return {str(value)}


def test_the_page_has_a_section_for_every_model() -> None:
    assert list(read_sections()) == list(SECTIONS)


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_section_names_every_key_with_its_default(heading: str) -> None:
    fields = SECTIONS[heading].model_fields
    written = read_sections()[heading]
    assert set(written) == set(fields)
    assert {key: default for key, default in written.items() if default not in render_default(fields[key])} == {}


def list_ranges(annotation: Any) -> Iterator[Within[Any]]:
    """List the ranges within an annotation, those of optional values too; that of all ports is told once."""
    for part in get_args(annotation):
        if isinstance(part, Within) and part not in get_args(Port):
            yield part
        yield from list_ranges(part)


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_section_tells_every_range(heading: str) -> None:
    part = re.split(r"(?m)^##+ ", PAGE.read_text(encoding="utf-8"))[1 + list(SECTIONS).index(heading)]
    lines = dict(re.findall(r"(?m)^\| `(\w+)` \| [^|]* \| (.*) \|$", part))
    fields = get_type_hints(SECTIONS[heading], include_extras=True)
    told = {key: [str(limits) for limits in list_ranges(annotation)] for key, annotation in fields.items()}
    assert {key: wanted for key, wanted in told.items() for limits in wanted if limits not in lines[key]} == {}
