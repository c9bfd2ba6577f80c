"""Where the labs of a test session come from: what a test asks for becomes a topology, and that a running lab.

Each test has a lab of its own, in which nothing of the last one is left. The labs of one session share what is slow to
make: the topology that was read, the place that was found for it, the authority with its certificates.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nac.binding import AddressInUseError
from posturelab.document import Document
from posturelab.input_error import Location, Mark
from posturelab.lab_thread import LabThread
from posturelab.testing import LabDriver
from posturelab.topology.file import DEFAULT, open_topology, read_topology
from posturelab.topology.model import Topology

_MARKER = "@pytest.mark.posturelab"
_HOME = "127.0."
_BLOCKS = range(64, 254)
"""Second octets of loopback addresses that labs under test go to, beside those that people start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabWish:
    """What a test asks for: a topology by name or path, what is laid over it, how time passes, and the seed."""

    topology: str = DEFAULT
    folder: Path = field(default_factory=Path)
    """Where the path of a topology begins."""
    virtual: bool = True
    seed: int = 1
    overrides: dict[str, Any] = field(default_factory=dict)


class LabFarm:
    """Starts labs, one at a time."""

    def __init__(self, state_dir: Path) -> None:
        """Keep what the labs write in one folder."""
        self._state_dir = state_dir
        first = os.getpid() % len(_BLOCKS)
        self._blocks = [*_BLOCKS[first:], *_BLOCKS[:first]]
        self._topologies: dict[str, Topology] = {}

    def start(self, wish: LabWish) -> LabDriver:
        """Start a lab; raises `posturelab.input_error.InputError` for a topology that is none, `OSError` for addresses.

        Nodes with addresses 127.0.x.y go to 127.b.x.y where nobody else is, so that test sessions run beside each
        other and beside a lab. Their ports are those of the topology.
        """
        key = json.dumps([wish.topology, str(wish.folder), wish.overrides], sort_keys=True)
        while True:
            if key not in self._topologies:
                self._topologies[key] = read_topology(_move(_open(wish), self._blocks[0]))
            topology = self._topologies[key]
            thread = LabThread(topology, seed=wish.seed, state_dir=self._state_dir, virtual=wish.virtual)
            try:
                thread.start()
            except AddressInUseError as error:
                if not error.address.startswith(f"127.{self._blocks[0]}.") or len(self._blocks) == 1:
                    raise
                del self._blocks[0]
                self._topologies.clear()
            else:
                return LabDriver(thread, seed=wish.seed, is_virtual=wish.virtual)


def _open(wish: LabWish) -> Document:
    """Open what a test asks for, checked as it was written."""
    below = open_topology(wish.topology, folder=wish.folder)
    marks = {("over", *place): Mark(_MARKER) for place in _list_places(wish.overrides)}
    document = below.merge(Document(_MARKER, {"over": wish.overrides}, marks), "over")
    read_topology(document)
    return document


def _move(document: Document, block: int) -> Document:
    """Move the nodes, wherever their addresses stand, and nothing else that has an address on loopback."""
    nodes = [node["address"] for node in document.content["nodes"].values()]
    moved = "|".join(re.escape(address) for address in nodes if address.startswith(_HOME))
    if not moved:
        return document
    pattern = re.compile(rf"(?<![\d.])(?:{moved})(?!\.?\d)")
    text = pattern.sub(lambda found: f"127.{block}.{found[0].removeprefix(_HOME)}", json.dumps(document.content))
    return replace(document, content=json.loads(text))


def _list_places(value: object) -> Iterator[Location]:
    """List the places of all that is in a plain value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for step, child in children:
        yield (step,)
        yield from ((step, *place) for place in _list_places(child))
