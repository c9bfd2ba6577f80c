"""A lab whose nodes run elsewhere, as the containers of a compose project do, seen through their control APIs.

Time is real there, and nothing is reset between two tests: a test marks the journals where it begins. A node that does
not answer may be one that restarts, and is asked again as long as there is time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from posturelab.control.client import ControlClient, ControlError
from posturelab.journal.page import parse_record
from posturelab.journal.query import RecordQuery
from posturelab.lab_error import UnknownNodeError
from posturelab.reading.duration import read_duration, render_duration
from posturelab.topology.file import open_topology, read_topology

__tracebackhide__ = True
"""What fails is shown where a test has asked for it; pytest leaves out the frames of this module."""

CONTAINERS_VARIABLE = "POSTURELAB_CONTAINERS"
POLL_INTERVAL = 0.2
"""Seconds between two looks at a journal."""

_T = TypeVar("_T")


class ContainersAbsentError(RuntimeError):
    """Nothing runs where the containers should be."""


def list_controls(words: Sequence[str], folder: Path) -> dict[str, str]:
    """List the control URL of every node by its name.

    A word is ``NAME=URL``, or a topology, by name or path, whose nodes answer at their own addresses. Raises
    `posturelab.reading.input_error.InputError`, and `ValueError` for a topology that says no `control.node_port`.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, url = word.partition("=")
        if equals:
            found[name] = url
            continue
        topology = read_topology(open_topology(word, folder=folder))
        port = topology.control.node_port
        if port is None:
            raise ValueError(f"the topology {word} has no control.node_port, so its nodes cannot be asked")
        found |= {name: f"http://{node.address}:{port}" for name, node in topology.nodes.items()}
    return found


class ContainerNode:
    """One node."""

    def __init__(self, name: str, url: str) -> None:
        """Look at its journal from the beginning."""
        self.name = name
        self.control = ControlClient(url)
        self._since = 0

    def __repr__(self) -> str:
        return f"<node {self.name} at {self.control.url}>"

    def ready(self) -> dict[str, Any]:
        """Get what it says of itself; raises `ControlError` where it does not answer."""
        return self.control.get("/ready")

    def snapshot(self) -> dict[str, Any]:
        """Get all that it knows."""
        return self.control.get("/snapshot")

    def mark(self, *, within: str | float | timedelta = "10s") -> None:
        """Look at nothing that its journal holds until now; raises `ControlError` where it does not answer in time."""
        _be_patient(self._mark, time.monotonic() + _read_limit(within).total_seconds())

    def _mark(self) -> None:
        while page := self._get_page({}, self._since):
            self._since = page["next"]
            if not page["records"]:
                return

    def records(self, event: str | None = None, **facts: Any) -> list[dict[str, Any]]:
        """List the records since the last mark, of an event if one is named, whose facts include these."""
        query, wanted = RecordQuery(event=event, facts=facts), {} if event is None else {"event": event}
        found: list[dict[str, Any]] = []
        since = self._since
        while (page := self._get_page(wanted, since))["records"]:
            found += page["records"]
            since = page["next"]
        return [record for record in found if query.matches(parse_record(record))]

    def wait_for(self, event: str, *, within: str | float | timedelta = "10s", **facts: Any) -> dict[str, Any]:
        """Wait for a record, at most ``30s`` or so many seconds; raises `AssertionError` that shows the last ones."""
        limit = _read_limit(within)
        deadline = time.monotonic() + limit.total_seconds()
        query = RecordQuery(event=event, node=self.name, facts=facts)
        what = f"{query} was not seen within {render_duration(limit)}"
        try:
            while not (found := _be_patient(lambda: self.records(event, **facts), deadline)):
                if time.monotonic() > deadline:
                    last = [f"{record['event']}: {record['reason']}" for record in self.records()[-20:]]
                    raise AssertionError("\n  ".join([what, *last]))
                time.sleep(POLL_INTERVAL)
        except ControlError as error:
            raise AssertionError(f"{what}: {error}") from None
        return found[0]

    def _get_page(self, wanted: Mapping[str, str], since: int) -> dict[str, Any]:
        """Get a part of the journal; one that ends before `since` is new, of a restarted node, and begun again."""
        page = self.control.get(f"/journal?{urlencode({**wanted, 'since': since})}")
        if page["next"] >= since:
            return page
        self._since = 0
        return self.control.get(f"/journal?{urlencode({**wanted, 'since': 0})}")


class LabContainers:
    """The nodes by name. The token of their control APIs is in the environment: `POSTURELAB_TOKEN`."""

    def __init__(self, controls: Mapping[str, str]) -> None:
        """Take the control URL of every node."""
        self.nodes = {name: ContainerNode(name, url) for name, url in controls.items()}

    def __getitem__(self, name: str) -> ContainerNode:
        """Get a node; raises `UnknownNodeError`."""
        if name not in self.nodes:
            raise UnknownNodeError(name, "node", self.nodes)
        return self.nodes[name]

    def plug(self, endpoint: str) -> None:
        """Plug an endpoint's cable in."""
        self[endpoint].control.post(f"/endpoints/{endpoint}/plug")

    def unplug(self, endpoint: str) -> None:
        """Pull an endpoint's cable out."""
        self[endpoint].control.post(f"/endpoints/{endpoint}/unplug")

    def rescan(self, endpoint: str) -> None:
        """Ask an endpoint's agent for a scan."""
        self[endpoint].control.post(f"/endpoints/{endpoint}/rescan")

    def mark(self, *, within: str | float | timedelta = "10s") -> None:
        """Look at nothing that any journal holds until now; raises `ControlError` of those that do not answer."""
        refusals = _ask_all(self.nodes.values(), lambda node: node.mark(within=within))
        if refusals:
            raise ControlError("; ".join(f"{name}: {error}" for name, error in refusals.items()))


def find_containers(words: Sequence[str], folder: Path) -> LabContainers:
    """Find the containers that the environment names, else these words; raises `ContainersAbsentError` for none."""
    named = os.environ.get(CONTAINERS_VARIABLE, "").split() or words
    if not named:
        raise ContainersAbsentError(
            f"neither {CONTAINERS_VARIABLE} nor the setting posturelab_containers names any node"
        )
    containers = LabContainers(list_controls(named, folder))
    refusals = _ask_all(containers.nodes.values(), ContainerNode.ready)
    if refusals:
        raise ContainersAbsentError("; ".join(f"{name} is not there: {error}" for name, error in refusals.items()))
    return containers


def _ask_all(nodes: Collection[ContainerNode], ask: Callable[[ContainerNode], object]) -> dict[str, ControlError]:
    """Ask all nodes at the same time, so that those which hang cost the time of one; returns who refuses, and how."""

    def find_refusal(node: ContainerNode) -> ControlError | None:
        try:
            ask(node)
        except ControlError as error:
            return error
        return None

    with ThreadPoolExecutor(max(1, len(nodes))) as pool:
        refusals = zip(nodes, pool.map(find_refusal, nodes), strict=True)
        return {node.name: error for node, error in refusals if error is not None}


def _be_patient(ask: Callable[[], _T], deadline: float) -> _T:
    """Ask again while nobody answers and there is time; raises the last `ControlError`, at once for a refusal."""
    while True:
        try:
            return ask()
        except ControlError as error:
            if error.status or time.monotonic() > deadline:
                raise
        time.sleep(POLL_INTERVAL)


def _read_limit(within: str | float | timedelta) -> timedelta:
    """Read how long is waited; a number is of seconds. Raises `ValueError`."""
    return timedelta(seconds=within) if isinstance(within, int | float) else read_duration(within)
