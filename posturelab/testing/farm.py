"""Where the labs of a test session come from: what a test asks for becomes a topology, and that a running lab.

Each lab is new, and nothing of another is left in it. Those that run one after the other share what is slow to make:
the topology that was read, the place that was found for it, the authority with its certificates. Those that run at the
same time, as one of a module beside one of a test, share nothing.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nac.node.binding import AddressInUseError
from posturelab.reading.document import Document
from posturelab.testing.document import build_document
from posturelab.testing.driver import LabDriver
from posturelab.testing.lab_thread import LabThread
from posturelab.topology.file import DEFAULT, open_topology, read_topology
from posturelab.topology.model import Topology

__tracebackhide__ = True
"""What fails is shown where a test has asked for it; pytest leaves out the frames of this module."""

MARKER = "@pytest.mark.posturelab"
_HOME = "127.0."
_BLOCKS = range(64, 254)
"""Second octets of loopback addresses that labs under test go to, beside those that people start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabWish:
    """What a test asks for: a topology by name or path, what is laid over it, how time passes, and the seed.

    Raises `ValueError` for a value of another type.
    """

    topology: str = DEFAULT
    folder: Path = field(default_factory=Path)
    """Where the path of a topology begins."""
    virtual: bool = True
    seed: int = 1
    overrides: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.topology, str):
            raise ValueError(f"the topology is text, a name or a path, not {self.topology!r}")
        if not isinstance(self.virtual, bool):
            raise ValueError(f"virtual is True or False, not {self.virtual!r}")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise ValueError(f"seed is a whole number, not {self.seed!r}")

    def refine(self, folder: Path, /, *topology: str | None, **words: Any) -> LabWish:
        """Lay the words of a marker over this wish, whose values stay where a word is missing or None.

        The path of a topology that is named here begins at `folder`. Raises `ValueError` for more than one topology,
        or a value of another type.
        """
        if len(topology) > 1:
            more = ", ".join(map(repr, topology[1:]))
            raise ValueError(f"only the topology has no name before it, not {more}")
        told: dict[str, Any] = {"topology": topology[0]} if topology else {}
        told |= {word: words.pop(word) for word in ("topology", "virtual", "seed") if word in words}
        told = {word: value for word, value in told.items() if value is not None}
        if "topology" in told:
            told["folder"] = folder
        return replace(self, **told, overrides=self.overrides | words)


class LabFarm:
    """Starts labs, as many as there is room for on loopback addresses."""

    def __init__(self, state_dir: Path, standard: LabWish | None = None) -> None:
        """Keep what the labs write in one folder; `standard` is what is asked for by those who ask for nothing."""
        self._state_dir = state_dir
        self._standard = standard or LabWish()
        first = os.getpid() % len(_BLOCKS)
        self._blocks = [*_BLOCKS[first:], *_BLOCKS[:first]]
        self._drivers: dict[int, LabDriver] = {}
        self._topologies: dict[tuple[int, str], Topology] = {}

    @property
    def labs(self) -> list[LabDriver]:
        """The labs that run, in no order."""
        self._drivers = {block: driver for block, driver in self._drivers.items() if driver.is_running}
        return list(self._drivers.values())

    def start(self, *topology: str, **words: Any) -> LabDriver:
        """Start a lab as the marker of a test does, with its words; leave it as a context to stop it.

        A topology's path begins where the ini file is. Raises `InputError` for an unusable topology, `ValueError` for
        wrong words, `OSError` for addresses.
        """
        try:
            return self.grow(self._standard.refine(self._standard.folder, *topology, **words))
        except ValueError as error:
            raise error.with_traceback(None) from None  # what the caller has written is wrong: the sentence is enough

    def grow(self, wish: LabWish) -> LabDriver:
        """Start the lab that somebody wishes; raises as `start` does.

        Nodes with addresses 127.0.x.y go to 127.b.x.y where nobody else is, so that labs run beside each other. Their
        ports are those of the topology.
        """
        busy = len(self.labs)
        for block in [block for block in self._blocks if block not in self._drivers]:
            topology = self._read(wish, block)
            folder = self._state_dir / f"127.{block}"
            thread = LabThread(topology, seed=wish.seed, state_dir=folder, virtual=wish.virtual)
            try:
                thread.start()
            except AddressInUseError as error:
                if not error.address.startswith(f"127.{block}."):
                    raise
                self._blocks.remove(block)
            else:
                self._drivers[block] = LabDriver(thread, seed=wish.seed, is_virtual=wish.virtual)
                return self._drivers[block]
        raise OSError(f"no loopback addresses are left beside {busy} labs of this session and what else runs here")

    def _read(self, wish: LabWish, block: int) -> Topology:
        """Read the topology of a wish, moved to a block, or take it from an earlier lab there."""
        key = block, json.dumps([wish.topology, str(wish.folder), wish.overrides], sort_keys=True, default=str)
        if key not in self._topologies:
            self._topologies[key] = read_topology(_move(_open(wish), block))
        return self._topologies[key]


def _open(wish: LabWish) -> Document:
    """Open what a test asks for, checked as it was written."""
    below = open_topology(wish.topology, folder=wish.folder)
    document = below.merge(build_document(MARKER, {"over": wish.overrides}), "over")
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
