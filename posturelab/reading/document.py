"""A document a user wrote: its content, read as a model, with every fault as one sentence about its place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from posturelab.reading.input_error import Fault, InputError, Location, Mark, shorten, spell
from posturelab.reading.yaml_reading import read_yaml

_Model = TypeVar("_Model", bound=BaseModel)

_TEXT = "text"
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "string_type": _TEXT,
        "bool_type": "true or false",
        "int_type": "a whole number",
        "float_type": "a number",
        "list_type": "a list",
        "tuple_type": "a list",
        "dict_type": "a mapping of keys to values",
        "model_type": "a mapping of keys to values",
    }
)
"""What pydantic's errors of type ask for, in the words of this lab."""


class Entry(BaseModel):
    """A mapping of a document: no unknown keys, no guessing of types, no change after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one file, and the line of every key and list item in it."""

    file: str
    content: dict[str, Any]
    marks: dict[Location, Mark]

    def validate(self, model: type[_Model]) -> _Model:
        """Read the content as a model; raises `InputError` that names every fault."""
        try:
            return model.model_validate_json(json.dumps(self.content))
        except ValidationError as error:
            errors = [details for details in error.errors(include_url=False) if not _is_echo(details)]
            raise InputError(*(self._explain(details, model) for details in errors)) from None

    def fault(self, location: Location, text: str) -> Fault:
        """Describe what is wrong at a place, with the line of it or of what holds it."""
        location = self._unwrap(location)
        known = location
        while known and known not in self.marks:
            known = known[:-1]
        return Fault(self.marks.get(known, Mark(self.file)), spell(location), text)

    def merge(self, other: Document, inside: str) -> Document:
        """Lay the mapping under a key of another document over this one.

        Mappings merge key by key, null removes a key, everything else is replaced. Each value keeps its own mark.
        """
        over = other.content.get(inside) or {}
        marks = {place[1:]: mark for place, mark in other.marks.items() if place[:1] == (inside,) and place[1:]}
        return Document(self.file, _merge(self.content, over), self.marks | marks)

    def _explain(self, details: ErrorDetails, model: type[BaseModel]) -> Fault:
        """Turn one of pydantic's errors into a fault."""
        location = self._locate(details["loc"])
        if details["type"] == "missing":
            location = (*location, details["loc"][-1])
        text = details["msg"].removeprefix("Value error, ")
        match details["type"]:
            case "missing":
                text = "this key is required"
            case "extra_forbidden":
                *place, key = details["loc"]
                text = "unknown key" + _suggest_key(str(key), model.model_json_schema(), tuple(place))
            case "union_tag_not_found":
                text = f"the key {details['ctx']['discriminator']} is required"
            case "union_tag_invalid":
                location = (*location, details["ctx"]["discriminator"].strip("'"))
                text = f"must be one of {details['ctx']['expected_tags']}"
            case "too_short":
                text = "must not be empty"
            case "string_pattern_mismatch":
                text = f"{shorten(details['input'])} does not match {details['ctx']['pattern']}"
            case "value_error":
                pass
            case kind:
                text = _compare(details["input"], _TYPES.get(kind, text))
        return self.fault(location, text)

    def _unwrap(self, location: Location) -> Location:
        """Drop the index of a list of one that was written without its brackets."""
        kept: Location = ()
        for step in location:
            if isinstance(step, str) or (*kept, step) in self.marks:
                kept = (*kept, step)
        return kept

    def _locate(self, loc: tuple[int | str, ...]) -> Location:
        """Keep the steps of an error's place that stand in the document; others are pydantic's own (union tags)."""
        location: Location = ()
        for step in loc:
            if (*location, step) in self.marks:
                location = (*location, step)
        return location


def _compare(given: object, wanted: str) -> str:
    """Say that a value is not the wanted one, or what pydantic says of it, and what helps where that is known."""
    known = wanted.removeprefix("Input should be ")
    if known == wanted and wanted not in _TYPES.values():
        return f"{_spell_value(given)}: {wanted}"
    if given is None:
        return f"nothing stands here; write {known}"
    text = f"{_spell_value(given)} is not {known}"
    return f"{text}; put it in quotes" if wanted == _TEXT and isinstance(given, bool | int | float) else text


def _spell_value(value: object) -> str:
    """Spell a value as it stands in YAML where Python writes it otherwise."""
    return json.dumps(value) if value is None or isinstance(value, bool) else shorten(value)


def _is_echo(details: ErrorDetails) -> bool:
    """Tell whether a list is called too short only because what stands in it is faulty."""
    return details["type"] == "too_short" and bool(details["input"])


def read_document(path: Path, *, file: str = "") -> Document:
    """Read a YAML file, called `file` in messages; raises `InputError` where it cannot be read or is no mapping."""
    file = file or str(path)
    return Document(file, *read_yaml(path, file=file))


def _merge(below: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another."""
    merged = dict(below)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            present = merged.get(key)
            merged[key] = _merge(present if isinstance(present, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def suggest(word: str, known: Iterable[str]) -> str:
    """Suggest what an unknown word may have meant: the closest known one, else all where they are few."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known here: {', '.join(choices)})" if 0 < len(choices) <= 12 else ""


def _suggest_key(word: str, schema: dict[str, Any], place: tuple[int | str, ...]) -> str:
    """Suggest what an unknown key may have meant: one that stands beside it, or else one below those."""
    known = _list_keys(schema, place)
    if not difflib.get_close_matches(word, known, n=1):
        below = {inner: f"{key}.{inner}" for key in sorted(known) for inner in _list_keys(schema, (*place, key))}
        for inner in difflib.get_close_matches(word, sorted(below), n=1):
            return f" (did you mean {below[inner]!r}?)"
    return suggest(word, known)


def _list_keys(schema: dict[str, Any], loc: tuple[int | str, ...]) -> set[str]:
    """List the keys that a model's JSON schema knows at a place, union tags included in the place."""
    definitions = schema.get("$defs", {})
    places = [schema]
    for step in loc:
        places = [inner for place in _expand(places, definitions) for inner in _descend(place, step)] or places
    return {key for place in _expand(places, definitions) for key in place.get("properties", {})}


def _expand(schemas: list[dict[str, Any]], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Follow references and alternatives down to the schemas they stand for."""
    found = []
    for schema in schemas:
        if "$ref" in schema:
            found += _expand([definitions[schema["$ref"].rpartition("/")[2]]], definitions)
        elif "discriminator" not in schema and ("anyOf" in schema or "oneOf" in schema):
            found += _expand(schema.get("anyOf", []) + schema.get("oneOf", []), definitions)
        else:
            found.append(schema)
    return found


def _descend(schema: dict[str, Any], step: int | str) -> list[dict[str, Any]]:
    """Take one step into a schema: a property, a value of any name, a list item, or the alternative with that tag."""
    mapping = schema.get("discriminator", {}).get("mapping", {})
    candidates = (
        {"$ref": mapping[step]} if step in mapping else None,
        schema.get("properties", {}).get(step),
        schema.get("items") if isinstance(step, int) else schema.get("additionalProperties"),
        *schema.get("patternProperties", {}).values(),
    )
    return [candidate for candidate in candidates if isinstance(candidate, dict)]
