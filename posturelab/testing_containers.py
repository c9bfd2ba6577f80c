"""A lab whose nodes run elsewhere, as the containers of a compose project do, seen through their control APIs.

Time is real there, and nothing is reset between two tests: a test marks the journals where it begins.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from posturelab.control_client import ControlClient, ControlError
from posturelab.document import suggest
from posturelab.journal_events import EVENTS
from posturelab.lab_error import UnknownNodeError
from posturelab.topology.file import open_topology, read_topology

CONTAINERS_VARIABLE = "POSTURELAB_CONTAINERS"
POLL_INTERVAL = 0.2
"""Seconds between two looks at a journal."""


class ContainersAbsentError(RuntimeError):
    """Nothing runs where the containers should be."""


def list_controls(words: Sequence[str], folder: Path) -> dict[str, str]:
    """List the control URL of every node by its name.

    A word is ``NAME=URL``, or a topology, by name or path, whose nodes answer at their own addresses. Raises
    `posturelab.input_error.InputError`, and `ValueError` for a topology that says no `control.node_port`.
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

    def mark(self) -> None:
        """Look at nothing that its journal holds until now."""
        while page := self._get_page({}, self._since):
            self._since = page["next"]
            if not page["records"]:
                return

    def records(self, event: str | None = None, **facts: Any) -> list[dict[str, Any]]:
        """List the records since the last mark, of an event if one is named, whose facts include these."""
        if event is not None and event not in EVENTS:
            raise ValueError(f"no journal record has the event {event!r}{suggest(event, EVENTS)}")
        wanted = {} if event is None else {"event": event}
        found: list[dict[str, Any]] = []
        since = self._since
        while (page := self._get_page(wanted, since))["records"]:
            found += page["records"]
            since = page["next"]
        return [record for record in found if all(record["facts"].get(name) == facts[name] for name in facts)]

    def wait_for(self, event: str, *, within: float = 10.0, **facts: Any) -> dict[str, Any]:
        """Wait for a record at most so many seconds; raises `AssertionError` that shows the last ones."""
        __tracebackhide__ = True
        deadline = time.monotonic() + within
        while not (found := self.records(event, **facts)):
            if time.monotonic() > deadline:
                last = [f"{record['event']}: {record['reason']}" for record in self.records()[-20:]]
                what = f"{self.name}: {event}{f' {facts}' if facts else ''} was not seen within {within:g} s"
                raise AssertionError("\n  ".join([what, *last]))
            time.sleep(POLL_INTERVAL)
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

    def mark(self) -> None:
        """Look at nothing that any journal holds until now."""
        for node in self.nodes.values():
            node.mark()


def find_containers(words: Sequence[str], folder: Path) -> LabContainers:
    """Find the containers that the environment names, else these words; raises `ContainersAbsentError` for none."""
    named = os.environ.get(CONTAINERS_VARIABLE, "").split() or words
    if not named:
        raise ContainersAbsentError(
            f"neither {CONTAINERS_VARIABLE} nor the setting posturelab_containers names any node"
        )
    containers = LabContainers(list_controls(named, folder))
    for node in containers.nodes.values():
        try:
            node.ready()
        except ControlError as error:
            raise ContainersAbsentError(f"{node.name} is not there: {error}") from None
    return containers
