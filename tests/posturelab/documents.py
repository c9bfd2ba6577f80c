"""Documents written in a test, and topologies read in one step."""

from __future__ import annotations

from posturelab.document import Document
from posturelab.topology.file import DEFAULT, open_topology, read_topology
from posturelab.topology.model import Topology
from posturelab.yaml_reading import parse_yaml


def parse_document(text: str, *, file: str) -> Document:
    return Document(file, *parse_yaml(text, file=file))


def load_topology(reference: str = DEFAULT) -> Topology:
    return read_topology(open_topology(reference))
