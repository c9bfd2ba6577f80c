"""Documents written in a test, and topologies read in one step."""

from __future__ import annotations

from posturelab.reading.document import Document
from posturelab.reading.yaml_reading import parse_yaml
from posturelab.topology.file import DEFAULT, open_topology, read_topology
from posturelab.topology.model import Topology


def parse_document(text: str, *, file: str) -> Document:
    return Document(file, *parse_yaml(text, file=file))


def load_topology(reference: str = DEFAULT) -> Topology:
    return read_topology(open_topology(reference))
