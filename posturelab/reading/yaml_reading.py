"""A small, safe reading of YAML that remembers on which line each value stands.

Mappings with plain words as keys, lists, and scalars by YAML 1.2's core schema, so that ``yes`` and ``12:30`` are
text. Aliases, tags, repeated keys and a second document are faults. Nothing is constructed but str, int, float, bool,
None, list and dict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from posturelab.reading.input_error import Fault, InputError, Location, Mark, shorten, spell

MAXIMUM_SIZE = 1 << 20
MAXIMUM_DEPTH = 32

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_TEXT_TAG = "tag:yaml.org,2002:str"
_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][-+]?[0-9]{1,3})?")

Reading = tuple[dict[str, Any], dict[Location, Mark]]
"""The content of a file, and where every key and list item of it stands."""


def read_yaml(path: Path, *, file: str) -> Reading:
    """Read a YAML file, called `file` in messages; raises `InputError` where it cannot be read or is no mapping."""
    try:
        with path.open("rb") as stream:
            octets = stream.read(MAXIMUM_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(Fault(Mark(file), "", f"cannot be read: {reason}")) from None
    if len(octets) > MAXIMUM_SIZE:
        raise InputError(Fault(Mark(file), "", "is larger than one mebibyte"))
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise InputError(Fault(Mark(file, line), "", "is not UTF-8 text")) from None
    return parse_yaml(text, file=file)


def parse_yaml(text: str, *, file: str) -> Reading:
    """Parse YAML text; raises `InputError` that names `file` where it is malformed or no mapping."""
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise InputError(Fault(Mark(file, line), "", f"malformed YAML: {error.problem}")) from None
    except yaml.YAMLError as error:
        raise InputError(Fault(Mark(file), "", f"malformed YAML: {str(error).splitlines()[0]}")) from None
    except RecursionError:
        raise InputError(Fault(Mark(file), "", f"is nested deeper than {MAXIMUM_DEPTH} levels")) from None
    if not isinstance(root, yaml.MappingNode):
        raise InputError(Fault(Mark(file, 1), "", "the file must be a mapping of keys to values"))
    walk = _Walk(file)
    content = walk.read(root, ())
    if walk.faults:
        raise InputError(*walk.faults)
    return cast("dict[str, Any]", content), walk.marks


class _Walk:
    """One walk over composed nodes: plain values, the line of each, and what is not allowed."""

    def __init__(self, file: str) -> None:
        self.marks: dict[Location, Mark] = {}
        self._file = file
        self.faults: list[Fault] = []
        self._seen: set[int] = set()

    def read(self, node: yaml.Node, location: Location) -> object:
        """Read one node and all below it."""
        if not isinstance(node, yaml.ScalarNode):
            if id(node) in self._seen:
                self._refuse(node, location, "aliases (*name) are not understood here; write the value out")
                return None
            self._seen.add(id(node))
            if len(location) >= MAXIMUM_DEPTH:
                self._refuse(node, location, f"is nested deeper than {MAXIMUM_DEPTH} levels")
                return None
        if isinstance(node, yaml.MappingNode):
            return {key: self.read(value, (*location, key)) for key, value in self._read_keys(node, location)}
        if isinstance(node, yaml.SequenceNode):
            return [self._read_item(item, (*location, at)) for at, item in enumerate(node.value)]
        return self._read_scalar(cast("yaml.ScalarNode", node), location)

    def _read_keys(self, node: yaml.MappingNode, location: Location) -> Iterator[tuple[str, yaml.Node]]:
        """Walk a mapping's keys; noting the line of each, refusing repeated ones and those that are not words."""
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT_TAG or not key.value.isprintable():
                self._refuse(key, location, "a key must be a plain word")
                continue
            place = (*location, key.value)
            if place in self.marks:
                self._refuse(key, place, f"this key stands here already, on line {self.marks[place].line}")
                continue
            self.marks[place] = self._mark(key)
            yield key.value, value

    def _read_item(self, node: yaml.Node, location: Location) -> object:
        self.marks[location] = self._mark(node)
        return self.read(node, location)

    def _read_scalar(self, node: yaml.ScalarNode, location: Location) -> object:
        text: str = node.value
        if node.tag != _TEXT_TAG:
            self._refuse(node, location, f"the tag {shorten(node.tag)} is not understood here")
        elif any("\ud800" <= character <= "\udfff" for character in text):
            self._refuse(node, location, "holds half of a surrogate pair, which is no text")
        return text if node.style else resolve(text)

    def _refuse(self, node: yaml.Node, location: Location, text: str) -> None:
        self.faults.append(Fault(self._mark(node), spell(location), text))

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1)


def resolve(text: str) -> str | int | float | bool | None:
    """Resolve an unquoted scalar by YAML 1.2's core schema (decimal numbers only)."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return _TRUE.fullmatch(text) is not None
    return text
