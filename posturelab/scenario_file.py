"""Scenario files: found, read, laid over their topologies, and checked against them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from posturelab.document import Document, read_document
from posturelab.duration import render_duration
from posturelab.faults import OUTSIDE
from posturelab.input_error import Fault, InputError, Location, Mark
from posturelab.journal_events import EVENTS
from posturelab.mistake import LAB
from posturelab.scenario import Action, Facts, FaultAction, Scenario, Sighting
from posturelab.topology.checks import Finding, check_name
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.file import open_topology, read_topology, relocate
from posturelab.topology.model import Topology
from posturelab.topology.nodes import MntNode, PsnNode

_SUFFIXES = (".yaml", ".yml")

_REAL_TIME = {
    "advance": "cannot be done with --broker: a message broker keeps real time",
    "link": "cannot be done with --broker: only links over the embedded bus can be cut and restored",
}
"""What no step can do to a lab over a message broker, and why."""


@dataclass(frozen=True, slots=True)
class Story:
    """A scenario with the topology it is told over, its overrides applied; and both as they were written."""

    path: Path
    scenario: Scenario
    topology: Topology
    scenario_document: Document
    topology_document: Document

    def relocate(self, block: int) -> Story:
        """Build the same story on 127.`block` addresses instead of 127.0 ones."""
        return _read(self.path, relocate(self.scenario_document, block), relocate(self.topology_document, block))


def load_stories(paths: Iterable[Path]) -> list[Story]:
    """Load files, and all scenario files below folders, sorted; raises `InputError` that names the faults of all."""
    stories, faults = [], []
    for path in [path for reference in paths for path in _find_files(reference)]:
        try:
            stories.append(load_story(path))
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(*dict.fromkeys(faults))  # a topology that several stories share is told of once
    return stories


def load_story(path: Path) -> Story:
    """Load one scenario; raises `InputError` that names every fault of it or of its topology."""
    document = read_document(path)
    base = _open_base(document.validate(Scenario), document, path.parent)
    return _read(path, document, base.merge(document, "overrides"))


def check_real_time(story: Story) -> None:
    """Look whether a story can be told over a message broker, which is its own master; raises `InputError`."""
    faults = [
        story.scenario_document.fault(("steps", number, "do", index, key), text)
        for number, step in enumerate(story.scenario.steps)
        for index, action in enumerate(step.actions)
        for key, text in _REAL_TIME.items()
        if getattr(action, key) is not None
    ]
    if faults:
        raise InputError(*faults)


def _read(path: Path, scenario_document: Document, topology_document: Document) -> Story:
    scenario = scenario_document.validate(Scenario)
    topology = read_topology(topology_document)
    faults = [scenario_document.fault(location, text) for location, text in _list_faults(scenario, topology)]
    if faults:
        raise InputError(*faults)
    return Story(path, scenario, topology, scenario_document, topology_document)


def _find_files(reference: Path) -> list[Path]:
    if not reference.is_dir():
        return [reference]
    found = sorted(path for path in reference.rglob("*") if path.suffix in _SUFFIXES)
    if not found:
        raise InputError(Fault(Mark(str(reference)), "", "this folder holds no scenario (*.yaml)"))
    return found


def _open_base(scenario: Scenario, document: Document, folder: Path) -> Document:
    """Open the topology a scenario names; one that cannot be read is the scenario's fault."""
    try:
        return open_topology(scenario.topology, folder=folder)
    except InputError as error:
        first = error.faults[0]
        if first.mark.line:
            raise
        raise InputError(document.fault(("topology",), f"{first.mark.file}: {first.text}")) from None


def _list_faults(scenario: Scenario, topology: Topology) -> Iterator[Finding]:
    """List what a scenario says of nodes and events that do not exist, and times that run backwards."""
    endpoints = topology.select(EndpointNode)
    latest = timedelta(0)
    for number, step in enumerate(scenario.steps):
        place: Location = ("steps", number)
        if step.at is not None:
            if step.at < latest:
                yield (*place, "at"), f"lies before the {render_duration(latest)} of an earlier step"
            latest = max(latest, step.at)
        for index, action in enumerate(step.actions):
            yield from _check_action(action, (*place, "do", index), topology)
        for endpoint, facts in step.expect.items():
            yield from check_name((*place, "expect", endpoint), endpoint, endpoints, "endpoint")
            yield from _check_facts(facts, (*place, "expect", endpoint), topology)
        for key, sightings in (("seen", step.seen), ("not_seen", step.not_seen)):
            for index, sighting in enumerate(sightings):
                yield from _check_sighting(sighting, (*place, key, index), topology)


def _check_action(action: Action, place: Location, topology: Topology) -> Iterator[Finding]:
    endpoints, psns = topology.select(EndpointNode), topology.select(PsnNode)
    for key in ("plug", "unplug", "rescan", "reauthenticate", "start", "stop"):
        name = getattr(action, key)
        known: Iterable[str] = topology.nodes if key in ("start", "stop") else endpoints
        if name is not None:
            yield from check_name((*place, key), name, known, "node" if key in ("start", "stop") else "endpoint")
    for key in ("coa", "software", "misdirect", "new_session_id"):
        details = getattr(action, key)
        if details is not None:
            yield from check_name((*place, key, "endpoint"), details.endpoint, endpoints, "endpoint")
    if action.coa is not None and action.coa.psn is not None:
        yield from check_name((*place, "coa", "psn"), action.coa.psn, psns, "policy service node")
    if action.misdirect is not None:
        yield from check_name((*place, "misdirect", "to"), action.misdirect.to, psns, "policy service node")
    for key, name in (action.link.model_dump(exclude_unset=True) if action.link else {}).items():
        yield from check_name((*place, "link", key), name, _list_sharing(topology), "node with a link")
    if action.fault is not None:
        yield from _check_fault(action.fault, (*place, "fault"), topology)


def _check_fault(fault: FaultAction, place: Location, topology: Topology) -> Iterator[Finding]:
    for key in fault.model_fields_set - {"leg"}:
        yield from check_name((*place, key), getattr(fault, key), topology.nodes, "node")
    for key, name in (("source", fault.leg.source), ("destination", fault.leg.destination)) if fault.leg else ():
        yield from check_name((*place, "leg", key), name, (*topology.nodes, OUTSIDE), "node")


def _check_sighting(sighting: Sighting, place: Location, topology: Topology) -> Iterator[Finding]:
    yield from check_name((*place, "event"), sighting.event, EVENTS, "journal event")
    if sighting.node is not None:
        yield from check_name((*place, "node"), sighting.node, (*topology.nodes, LAB), "node")


def _list_sharing(topology: Topology) -> list[str]:
    """List the nodes that share what they know with each other."""
    return [*topology.select(PsnNode), *topology.select(MntNode)]


def _check_facts(facts: Facts, place: Location, topology: Topology) -> Iterator[Finding]:
    psns = topology.select(PsnNode)
    if facts.owner is not None:
        yield from check_name((*place, "owner"), facts.owner, psns, "policy service node")
    for name in facts.others:
        yield from check_name((*place, "others", name), name, psns, "policy service node")
    for name, record in facts.directory.items():
        yield from check_name((*place, "directory", name), name, _list_sharing(topology), "node with a directory")
        if record.owner:
            yield from check_name((*place, "directory", name, "owner"), record.owner, psns, "policy service node")
