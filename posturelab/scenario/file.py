"""Scenario files: found, read, laid over their topologies, and checked against them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from posturelab.faults import OUTSIDE
from posturelab.mistake import LAB
from posturelab.reading.document import Document, read_document
from posturelab.reading.duration import render_duration
from posturelab.reading.input_error import Fault, InputError, Location, Mark
from posturelab.scenario.model import (
    Action,
    CoaAction,
    EndpointAction,
    Facts,
    FaultAction,
    LegEntry,
    MisdirectAction,
    OneKeyEntry,
    Scenario,
    Sighting,
)
from posturelab.topology.checks import Objection, check_name
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.file import open_topology, read_topology, relocate
from posturelab.topology.model import Topology
from posturelab.topology.nodes import PsnNode

_SUFFIXES = (".yaml", ".yml")

_NO_LEAP = "cannot be done with --broker: a message broker keeps real time"
_NO_CUT = "cannot be done with --broker: only links over the embedded bus can be cut and restored"
_NOT_OVER_BROKER = {"advance": _NO_LEAP, "cut_link": _NO_CUT, "restore_link": _NO_CUT}
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
        story.scenario_document.fault(location, text)
        for number, step in enumerate(story.scenario.steps)
        for index, action in enumerate(step.actions)
        for location, text in _list_impossible(action, ("steps", number, "do", index))
    ]
    if faults:
        raise InputError(*faults)


def _list_impossible(action: OneKeyEntry, place: Location) -> Iterator[Objection]:
    key, value = action.only
    if key in _NOT_OVER_BROKER:
        yield (*place, key), _NOT_OVER_BROKER[key]
    if isinstance(value, OneKeyEntry):
        yield from _list_impossible(value, (*place, key))


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


def _list_faults(scenario: Scenario, topology: Topology) -> Iterator[Objection]:
    """List what a scenario says of nodes that do not exist, and times that run backwards."""
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
            yield from check_fact_names(facts, (*place, "expect", endpoint), topology)
        for key, sightings in (("seen", step.seen), ("not_seen", step.not_seen)):
            for index, sighting in enumerate(sightings):
                yield from _check_sighting(sighting, (*place, key, index), topology)


def _check_action(action: Action, place: Location, topology: Topology) -> Iterator[Objection]:
    key, value = action.only
    place = (*place, key)
    endpoints, psns = topology.select(EndpointNode), topology.select(PsnNode)
    match value:
        case FaultAction():
            yield from _check_fault(value, place, topology)
        case str() if key in ("start", "stop"):
            yield from check_name(place, value, topology.nodes, "node")
        case str():
            yield from check_name(place, value, endpoints, "endpoint")
        case EndpointAction():
            yield from check_name((*place, "endpoint"), value.endpoint, endpoints, "endpoint")
    match value:
        case CoaAction(psn=str(psn)):
            yield from check_name((*place, "psn"), psn, psns, "policy service node")
        case MisdirectAction(to=psn):
            yield from check_name((*place, "to"), psn, psns, "policy service node")


def _check_fault(fault: FaultAction, place: Location, topology: Topology) -> Iterator[Objection]:
    key, value = fault.only
    place = (*place, key)
    match value:
        case LegEntry():
            for end in ("source", "destination"):
                yield from check_name((*place, end), getattr(value, end), (*topology.nodes, OUTSIDE), "node")
        case _ if key in ("cut_link", "restore_link"):
            yield from check_name(place, value, topology.list_sharing(), "node with a link")
        case _:
            yield from check_name(place, value, topology.nodes, "node")


def _check_sighting(sighting: Sighting, place: Location, topology: Topology) -> Iterator[Objection]:
    if sighting.node is not None:
        yield from check_name((*place, "node"), sighting.node, (*topology.nodes, LAB), "node")


def check_fact_names(facts: Facts, place: Location, topology: Topology) -> Iterator[Objection]:
    """Find what is expected of nodes that do not exist, of an endpoint whose facts stand at this place."""
    psns = topology.select(PsnNode)
    if facts.owner is not None:
        yield from check_name((*place, "owner"), facts.owner, psns, "policy service node")
    for name in facts.others:
        yield from check_name((*place, "others", name), name, psns, "policy service node")
    for name, record in facts.directory.items():
        yield from check_name((*place, "directory", name), name, topology.list_sharing(), "node with a directory")
        if record.owner:
            yield from check_name((*place, "directory", name, "owner"), record.owner, psns, "policy service node")
