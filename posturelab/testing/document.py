"""Plain values that a test has written, as a document: so its faults read as those of a file do, without lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from posturelab.reading.document import Document
from posturelab.reading.input_error import Location, Mark

__tracebackhide__ = True
"""What fails is shown where a test has asked for it; pytest leaves out the frames of this module."""


def build_document(called: str, content: Mapping[str, Any]) -> Document:
    """Build a document that is called so in messages; values that YAML does not know stand there as text."""
    plain = json.loads(json.dumps(content, default=str))
    return Document(called, plain, {place: Mark(called) for place in _list_places(plain)})


def _list_places(value: object) -> Iterator[Location]:
    """List the places of all that is in a plain value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        yield (step,)
        yield from ((step, *place) for place in _list_places(child))
