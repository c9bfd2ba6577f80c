"""YAML documents: what is read, what is refused, and that every fault names file, line and key."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, StringConstraints

from posturelab.reading.document import Entry, read_document
from posturelab.reading.input_error import Fault, InputError, Mark
from tests.posturelab.documents import parse_document


class Lamp(Entry):
    kind: Literal["lamp"]
    colour: str = "white"
    watts: int = 5


class Door(Entry):
    kind: Literal["door"]
    address: str
    open: bool = False


Word = Annotated[str, StringConstraints(pattern=r"^[a-z]+$")]


class House(Entry):
    name: str
    rooms: dict[Word, Annotated[Lamp | Door, Field(discriminator="kind")]] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Garden(Entry):
    house: House | None = None
    colour: str = "green"


def house(text: str) -> House:
    return parse_document(text, file="house.yaml").validate(House)


def test_a_good_document_becomes_its_model() -> None:
    read = house("name: ours\nrooms:\n  hall: {kind: lamp, watts: 7}\nnotes: [yes, 12:30, 2026-01-05]\n")
    assert read == House(name="ours", rooms={"hall": Lamp(kind="lamp", watts=7)}, notes=("yes", "12:30", "2026-01-05"))


def refuse(text: str) -> str:
    try:
        house(text)
    except InputError as error:
        return str(error)
    return ""


FAULTS = {
    "name: a\nnam: b\n": "house.yaml:2: nam: unknown key (did you mean 'name'?)",
    "name: a\ncolour: b\n": "house.yaml:2: colour: unknown key (known here: name, notes, rooms)",
    "name: a\nrooms:\n  hall:\n    kind: door\n    adress: x\n": (
        "house.yaml:3: rooms.hall.address: this key is required\n"
        "house.yaml:5: rooms.hall.adress: unknown key (did you mean 'address'?)"
    ),
    "name: a\nrooms:\n  hall:\n    kind: wall\n": "house.yaml:4: rooms.hall.kind: must be one of 'lamp', 'door'",
    "name: a\nrooms:\n  hall: {}\n": "house.yaml:3: rooms.hall: the key 'kind' is required",
    "name: a\nrooms:\n  HALL: {kind: lamp}\n": "house.yaml:3: rooms.HALL: 'HALL' does not match ^[a-z]+$",
    "name: a\nrooms:\n  hall: {kind: lamp, watts: many}\n": (
        "house.yaml:3: rooms.hall.watts: 'many' is not a whole number"
    ),
    "name: a\nrooms:\n  hall: {kind: door, address: x, open: yes}\n": (
        "house.yaml:3: rooms.hall.open: 'yes' is not true or false"
    ),
    "name: a\nnotes:\n- b\n- 3\n": "house.yaml:4: notes[1]: 3 is not text; put it in quotes",
    "name: true\n": "house.yaml:1: name: true is not text; put it in quotes",
    "name: a\nnotes:\n": "house.yaml:2: notes: nothing stands here; write a list",
    "name:\n": "house.yaml:1: name: nothing stands here; write text",
    "name: a\nrooms:\n  hall: {kind: lamp, watts: null}\n": (
        "house.yaml:3: rooms.hall.watts: nothing stands here; write a whole number"
    ),
    "name: a\nrooms: 5\n": "house.yaml:2: rooms: 5 is not a mapping of keys to values",
    "name: a\nname: b\n": "house.yaml:2: name: this key stands here already, on line 1",
    "name: &a b\nnotes: *a\n": "house.yaml:2: notes: 'b' is not a list",
    "name: a\nnotes: &n [b]\nrooms: *n\n": (
        "house.yaml:2: rooms: aliases (*name) are not understood here; write the value out"
    ),
    "name: !!python/none ''\n": "house.yaml:1: name: the tag 'tag:yaml.org,2002:python/none' is not understood here",
    "[a]: b\n": "house.yaml:1: a key must be a plain word",
    "- a\n": "house.yaml:1: the file must be a mapping of keys to values",
    "": "house.yaml:1: the file must be a mapping of keys to values",
    "name: a\n--- \nname: b\n": "house.yaml:2: malformed YAML: but found another document",
    "name: [a\n": "house.yaml:2: malformed YAML: did not find expected ',' or ']'",
    "name: a\x07\n": "house.yaml: malformed YAML: unacceptable character #x0007: control characters are not allowed",
    "notes: " + "[" * 40 + "]" * 40: "house.yaml:1: notes" + "[0]" * 31 + ": is nested deeper than 32 levels",
}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("romos: {}\n", "garden.yaml:1: romos: unknown key (did you mean 'house.rooms'?)"),
        ("color: red\n", "garden.yaml:1: color: unknown key (did you mean 'colour'?)"),
        ("fence: high\n", "garden.yaml:1: fence: unknown key (known here: colour, house)"),
    ],
)
def test_a_key_that_stands_too_high_is_found_below(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_document(text, file="garden.yaml").validate(Garden)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("text", "sentence"), FAULTS.items())
def test_a_fault_names_file_line_and_key(text: str, sentence: str) -> None:
    assert refuse(text) == sentence


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml: cannot be read: No such file or directory"):
        read_document(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_document(tmp_path)


def test_a_file_that_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "house.yaml"
    path.write_bytes(b"name: a\nnotes: \xff\n")
    with pytest.raises(InputError, match=r"house\.yaml:2: is not UTF-8 text"):
        read_document(path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "house.yaml"
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(InputError, match="larger than one mebibyte"):
        read_document(path)


@pytest.mark.parametrize("loader", ["CBaseLoader", "BaseLoader"])
def test_half_a_surrogate_pair_is_no_text(monkeypatch: pytest.MonkeyPatch, loader: str) -> None:
    monkeypatch.setattr("posturelab.reading.yaml_reading._LOADER", getattr(yaml, loader, yaml.BaseLoader))
    with pytest.raises(InputError, match=r"house\.yaml:1: "):
        house('name: "\\ud800"\n')


def test_every_file_has_its_own_share_of_faults() -> None:
    faults = [Fault(Mark(file, line), "", "is wrong") for file in ("a.yaml", "b.yaml") for line in range(50)]
    assert len(str(InputError(*faults)).splitlines()) == 40


def test_many_faults_are_cut_short() -> None:
    sentences = refuse("name: a\n" + "".join(f"k{at}: 1\n" for at in range(50)))
    assert len(sentences.splitlines()) == 20


@given(st.text() | st.text(alphabet="&*!|>{}[],:#-?'\"\n\t %@`<~=a1\\"))
def test_any_text_is_a_model_or_the_documented_error(text: str) -> None:
    sentence = refuse(text)
    assert not sentence or sentence.startswith("house.yaml")


@given(st.binary())
def test_any_octets_are_a_document_or_the_documented_error(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "house.yaml"
    path.write_bytes(octets)
    with suppress(InputError):
        read_document(path)
