"""Topology files: those that come with the lab, by name, and the user's own, by path."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from posturelab.reading.document import Document, read_document, suggest
from posturelab.reading.input_error import Fault, InputError, Mark
from posturelab.topology.checks import list_faults
from posturelab.topology.model import Topology

DEFAULT = "campus"
"""The topology of a lab that names none."""

_HOME = re.compile(r"(?<![\d.])127\.0\.(?=\d)")
_SHIPPED = Path(__file__).parents[1] / "topologies"


def list_shipped() -> list[str]:
    """List the names of the topologies that come with the lab."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


def open_topology(reference: str, *, folder: Path | None = None) -> Document:
    """Open the file of a shipped topology's name, or of a path, relative to `folder`; raises `InputError`."""
    if reference in list_shipped():
        return read_document(_SHIPPED / f"{reference}.yaml", file=f"{reference}.yaml")
    path = (folder or Path()) / reference
    if "/" not in reference and not reference.endswith((".yaml", ".yml")) and not path.exists():
        raise InputError(Fault(Mark(reference), "", f"no topology has this name{suggest(reference, list_shipped())}"))
    return read_document(path)


def read_topology(document: Document) -> Topology:
    """Read and check a topology; raises `InputError` that names every fault."""
    topology = document.validate(Topology)
    faults = [document.fault(location, text) for location, text in list_faults(topology)]
    if faults:
        raise InputError(*faults)
    return topology


def relocate(document: Document, block: int) -> Document:
    """Move every 127.0 address in a document, those in access lists too, to 127.`block`, beside a lab that runs."""
    text = _HOME.sub(f"127.{block}.", json.dumps(document.content))
    return replace(document, content=json.loads(text))
