"""Scenario files: found, read, checked against their topologies, and what every fault in one is called."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posturelab.reading.input_error import InputError
from posturelab.scenario.file import load_stories, load_story
from posturelab.topology.nodes import SwitchNode

SCENARIOS = Path(__file__).parents[3] / "scenarios"
HEAD = "name: A story\ndescription: of a laptop\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "story.yaml"
    path.write_text(text)
    return path


def refuse(folder: Path, text: str) -> str:
    path = write(folder, text)
    with pytest.raises(InputError) as caught:
        load_story(path)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_folder_is_read_in_order_and_below() -> None:
    names = [story.path.relative_to(SCENARIOS).as_posix() for story in load_stories([SCENARIOS])]
    assert names == sorted(names)
    assert "posture/redirect-to-compliant.yaml" in names
    assert [story.path for story in load_stories([SCENARIOS / "posture"])] == [
        SCENARIOS / "posture" / "port-bounce.yaml",
        SCENARIOS / "posture" / "redirect-to-compliant.yaml",
        SCENARIOS / "posture" / "redirect-to-non-compliant.yaml",
    ]


def test_defaults_are_the_campus_seed_one_and_five_seconds(tmp_path: Path) -> None:
    story = load_story(write(tmp_path, HEAD + "steps:\n- note: nothing happens\n"))
    assert (story.topology.name, story.scenario.seed) == ("campus", 1)
    assert story.scenario.steps[0].within == timedelta(seconds=5)


def test_overrides_lie_over_the_topology(tmp_path: Path) -> None:
    text = HEAD + "overrides:\n  nodes:\n    laptop2: null\n    switch1: {accounting: false}\nsteps:\n- note: a\n"
    topology = load_story(write(tmp_path, text)).topology
    assert "laptop2" not in topology.nodes
    assert not topology.select(SwitchNode)["switch1"].accounting
    assert topology.select(SwitchNode)["switch1"].address == "127.0.3.1"


def test_a_topology_is_found_beside_its_scenario(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text("name: tiny\nnodes:\n  mnt1: {kind: mnt, address: 127.0.2.1}\n")
    assert load_story(write(tmp_path, HEAD + "topology: tiny.yaml\nsteps:\n- note: a\n")).topology.name == "tiny"


def test_a_story_moves_to_other_addresses_with_what_it_says_of_them(tmp_path: Path) -> None:
    text = HEAD + "steps:\n- note: a\n  seen: [{event: page-shown, facts: {endpoint: 127.0.10.1}}]\n"
    moved = load_story(write(tmp_path, text)).relocate(7)
    assert moved.topology.nodes["laptop1"].address == "127.7.10.1"
    assert moved.scenario.steps[0].seen[0].facts == {"endpoint": "127.7.10.1"}


FAULTS = {
    "name: A story\nsteps:\n- note: a\n": "story.yaml: description: this key is required",
    HEAD + "steps: []\n": "story.yaml:3: steps: must not be empty",
    HEAD + "stpes:\n- note: a\nsteps:\n- note: b\n": "story.yaml:3: stpes: unknown key (did you mean 'steps'?)",
    HEAD + "steps:\n- do: {plug: laptop1}\n": "story.yaml:4: steps[0].note: this key is required",
    HEAD + "steps:\n- note: a\n  do: {plug: laptop9}\n": (
        "story.yaml:5: steps[0].do.plug: no endpoint is called 'laptop9' (did you mean 'laptop2'?)"
    ),
    HEAD + "steps:\n- note: a\n  do:\n  - {stop: psn9}\n": (
        "story.yaml:6: steps[0].do[0].stop: no node is called 'psn9' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: {plugg: laptop1}\n": (
        "story.yaml:5: steps[0].do.plugg: unknown key (did you mean 'plug'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: [{plugg: laptop1}]\n": (
        "story.yaml:5: steps[0].do[0].plugg: unknown key (did you mean 'plug'?)"
    ),
    HEAD + "steps:\n- note: a\n  at: 1s\n  after: 1s\n": "story.yaml:4: steps[0]: a step has either at or after",
    HEAD + "steps:\n- note: a\n  at: 2s\n- note: b\n  at: 1s\n": (
        "story.yaml:7: steps[1].at: lies before the 2s of an earlier step"
    ),
    HEAD + "steps:\n- note: a\n  expect:\n    laptop1: {agent: Complaint}\n": (
        "story.yaml:6: steps[0].expect.laptop1.agent: 'Complaint' is not one of 'Not connected', "
        "'Searching for policy server', 'No policy server detected', 'Scanning system', 'Compliant', "
        "'Not Compliant', 'Bypassing AnyConnect scan'"
    ),
    HEAD + "steps:\n- note: a\n  expect:\n    laptop3: {access: open}\n": (
        "story.yaml:6: steps[0].expect.laptop3: no endpoint is called 'laptop3' (did you mean 'laptop2'?)"
    ),
    HEAD + "steps:\n- note: a\n  expect:\n    laptop1: {owner: psn3, others: {psn4: no session}}\n": (
        "story.yaml:6: steps[0].expect.laptop1.others.psn4: "
        "no policy service node is called 'psn4' (did you mean 'psn2'?)\n"
        "story.yaml:6: steps[0].expect.laptop1.owner: no policy service node is called 'psn3' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  not_seen:\n  - {event: mistake, node: psn7}\n": (
        "story.yaml:6: steps[0].not_seen[0].node: no node is called 'psn7' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: {coa: {endpoint: laptop9, psn: psn9}}\n": (
        "story.yaml:5: steps[0].do.coa.endpoint: no endpoint is called 'laptop9' (did you mean 'laptop2'?)\n"
        "story.yaml:5: steps[0].do.coa.psn: no policy service node is called 'psn9' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: {link: {cut: psn2}}\n": (
        "story.yaml:5: steps[0].do.link: unknown key (did you mean 'fault.cut_link'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: [plug: laptop1, link: {restore: psn2}]\n": (
        "story.yaml:5: steps[0].do[1].link: unknown key (did you mean 'fault.cut_link'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: {fault: {cut_link: switch1}}\n": (
        "story.yaml:5: steps[0].do.fault.cut_link: "
        "no node with a link is called 'switch1' (known here: mnt1, psn1, psn2)"
    ),
    HEAD + "steps:\n- note: a\n  do: {fault: {restore_link: psn9}}\n": (
        "story.yaml:5: steps[0].do.fault.restore_link: no node with a link is called 'psn9' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: {fault: {cut: psn9}}\n": (
        "story.yaml:5: steps[0].do.fault.cut: no node is called 'psn9' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: {fault: {leg: {source: outside, destination: psn9, drop: 1}}}\n": (
        "story.yaml:5: steps[0].do.fault.leg.destination: no node is called 'psn9' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: {fault: {cut: psn1, thaw: psn1}}\n": (
        "story.yaml:5: steps[0].do.fault: name one of cut, restore, freeze, thaw, cut_link, restore_link, leg"
    ),
    HEAD + "steps:\n- note: a\n  do: {fault: {leg: {source: outside, destination: psn1, drop: 1.5}}}\n": (
        "story.yaml:5: steps[0].do.fault.leg.drop: 1.5 is outside the range 0 to 1"
    ),
    HEAD + "steps:\n- note: a\n  do: {advance: 0s}\n": (
        "story.yaml:5: steps[0].do.advance: 0s is outside the range 1ms to 400d"
    ),
    HEAD + "steps:\n- note: a\n  at: 401d\n": "story.yaml:5: steps[0].at: 401d is outside the range 0s to 400d",
    HEAD + "steps:\n- note: a\n  within: 9999d\n": (
        "story.yaml:5: steps[0].within: 9999d is outside the range 0s to 400d"
    ),
    HEAD + "steps:\n- note: a\n  do: {misdirect: {endpoint: laptop1, send: interim, to: psn3}}\n": (
        "story.yaml:5: steps[0].do.misdirect.to: no policy service node is called 'psn3' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  do: {misdirect: {endpoint: laptop1, send: start, to: psn2}}\n": (
        "story.yaml:5: steps[0].do.misdirect.send: 'start' is not 'interim' or 'stop'"
    ),
    HEAD + "steps:\n- note: a\n  expect:\n    laptop1: {directory: {psn3: {owner: psn2}}}\n": (
        "story.yaml:6: steps[0].expect.laptop1.directory.psn3: "
        "no node with a directory is called 'psn3' (did you mean 'psn2'?)"
    ),
    HEAD + "steps:\n- note: a\n  expect:\n    laptop1: {directory: {mnt1: {owner: mnt1}}}\n": (
        "story.yaml:6: steps[0].expect.laptop1.directory.mnt1.owner: "
        "no policy service node is called 'mnt1' (known here: psn1, psn2)"
    ),
    HEAD + "topology: campsu\nsteps:\n- note: a\n": (
        "story.yaml:3: topology: campsu: no topology has this name (did you mean 'campus'?)"
    ),
    HEAD + "overrides:\n  nodes:\n    switch1: {acounting: false}\nsteps:\n- note: a\n": (
        "story.yaml:5: nodes.switch1.acounting: unknown key (did you mean 'accounting'?)"
    ),
    HEAD + "overrides: 5\nsteps:\n- note: a\n": "story.yaml:3: overrides: 5 is not a mapping of keys to values",
    HEAD + "steps:\n": "story.yaml:3: steps: nothing stands here; write a list",
    HEAD + "steps:\n- note: a\n  not_seen: [{event: acess-accept}]\n": (
        "story.yaml:5: steps[0].not_seen[0].event: "
        "no journal event is called 'acess-accept' (did you mean 'access-accept'?)"
    ),
    HEAD + "steps:\n- note: a\n  seen:\n  - {event: node-stoped, node: lab}\n": (
        "story.yaml:6: steps[0].seen[0].event: no journal event is called 'node-stoped' (did you mean 'node-stopped'?)"
    ),
}


@pytest.mark.parametrize(("text", "sentence"), FAULTS.items())
def test_a_fault_names_file_line_and_key(tmp_path: Path, text: str, sentence: str) -> None:
    assert refuse(tmp_path, text) == sentence


@pytest.mark.parametrize("action", ["{}", "{plug: laptop1, unplug: laptop1}"])
def test_an_action_does_one_thing(tmp_path: Path, action: str) -> None:
    assert refuse(tmp_path, HEAD + f"steps:\n- note: a\n  do: {action}\n") == (
        "story.yaml:5: steps[0].do: name one of plug, unplug, rescan, stop, start, advance, coa, "
        "reauthenticate, new_session_id, misdirect, fault, software"
    )


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("{plug: null}", "steps[0].do: nothing stands at plug"),
        ("{fault: {cut: null}}", "steps[0].do.fault: nothing stands at cut"),
    ],
)
def test_an_action_does_something(tmp_path: Path, action: str, sentence: str) -> None:
    assert refuse(tmp_path, HEAD + f"steps:\n- note: a\n  do: {action}\n") == f"story.yaml:5: {sentence}"


def test_an_absent_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot be read: No such file or directory"):
        load_stories([tmp_path / "nowhere.yaml"])
    with pytest.raises(InputError, match="this folder holds no scenario"):
        load_stories([tmp_path])


def test_every_broken_file_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "steps: []\n")
    (tmp_path / "b.yaml").write_text(HEAD + "steps:\n- note: a\n")
    (tmp_path / "c.yaml").write_text(HEAD + "topology: shared.yml\nsteps:\n- note: a\n")
    (tmp_path / "d.yaml").write_text(HEAD + "topology: shared.yml\nsteps:\n- note: a\n")
    (tmp_path / "shared.yml").write_text("name: shared\ndescription: of two stories\nsteps: []\n")
    with pytest.raises(InputError) as caught:
        load_stories([tmp_path])
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "a.yaml:3: steps: must not be empty",
        "shared.yml: nodes: this key is required",
        "shared.yml:3: steps: must not be empty",
        "shared.yml:3: steps: unknown key (did you mean 'users'?)",
    ]


STORY_TEXT = (SCENARIOS / "posture" / "redirect-to-non-compliant.yaml").read_text()


@given(at=st.integers(0, len(STORY_TEXT)), length=st.integers(0, 40), text=st.text(max_size=20))
def test_a_damaged_scenario_is_a_story_or_the_documented_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "story.yaml"
    path.write_bytes((STORY_TEXT[:at] + text + STORY_TEXT[at + length :]).encode("utf-8", "surrogatepass"))
    with suppress(InputError):
        load_story(path)


@given(st.text())
def test_any_text_is_a_story_or_the_documented_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "story.yaml"
    path.write_text(text)
    with suppress(InputError):
        load_story(path)
