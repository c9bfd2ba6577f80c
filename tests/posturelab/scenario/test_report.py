"""Several stories in a row, and the JSON file about them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nac.node.binding import bind_udp
from posturelab.reading.input_error import InputError
from posturelab.scenario.report import run_scenarios

HEAD = "name: {name}\ndescription: of a laptop\n{more}steps:\n- note: plug in\n  do: {{plug: laptop1}}\n"
EXPECT = "  expect:\n    laptop1: {{access: {access}}}\n"


def write(folder: Path, name: str, access: str, more: str = "") -> None:
    (folder / f"{name}.yaml").write_text((HEAD + EXPECT).format(name=name, access=access, more=more))


def run(folder: Path, json_file: Path | None = None, seed: int | None = None) -> bool:
    return run_scenarios([folder], seed=seed, live=False, json_file=json_file, quiet=True)


def test_the_file_has_one_record_per_scenario(
    tmp_path: Path, campus_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stories = tmp_path / "stories"
    stories.mkdir()
    more = f"topology: {campus_file}\n"
    write(stories, "a", "redirect", more)
    write(stories, "b", "restricted", more)
    assert not run(stories, tmp_path / "out.json", seed=5)
    first, second = json.loads((tmp_path / "out.json").read_text())
    assert (first["name"], first["verdict"], first["seed"], first["mode"]) == ("a", "passed", 5, "virtual")
    assert (second["name"], second["verdict"]) == ("b", "failed")
    assert first["expectations"] == [
        {
            "step": "plug in",
            "at": 0.0,
            "subject": "laptop1",
            "fact": "access",
            "expected": "redirect",
            "actual": "redirect",
            "held": True,
        }
    ]
    assert first["wall_seconds"] > 0
    assert first["virtual_seconds"] == 0
    assert next(record for record in first["journal"] if record["node"] == "laptop1") == {
        "at": "2026-01-05T08:00:00.000+00:00",
        "node": "laptop1",
        "event": "endpoint-plugged",
        "reason": "the cable was plugged in",
        "facts": {"mac": "02:00:00:00:10:01"},
    }
    assert capsys.readouterr().out.endswith(f"\n1 of 2 scenarios passed\nFAILED  b  ({stories}/b.yaml)\n")


def test_the_records_can_go_to_standard_output_which_then_has_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stories = tmp_path / "stories"
    stories.mkdir()
    write(stories, "a", "redirect")
    write(stories, "b", "restricted")
    monkeypatch.chdir(tmp_path)
    assert not run(stories, Path("-"))
    told = json.loads(capsys.readouterr().out)
    assert [record["verdict"] for record in told] == ["passed", "failed"]
    assert [path.name for path in tmp_path.iterdir()] == ["stories"]


def test_an_unusable_scenario_stops_all_before_any_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "a", "redirect")
    (tmp_path / "b.yaml").write_text("name: b\n")
    with pytest.raises(InputError, match=r"b\.yaml"):
        run(tmp_path)
    assert capsys.readouterr().out == ""


def test_an_address_this_machine_does_not_have_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a", "redirect", "overrides:\n  nodes:\n    psn2: {address: 192.0.2.1}\n")
    with pytest.raises(InputError) as caught:
        run(tmp_path)
    assert (
        str(caught.value)
        == f"{tmp_path}/a.yaml:5: nodes.psn2.address: this machine does not have the address 192.0.2.1"
    )


def test_a_port_in_use_is_named_where_the_story_cannot_move(tmp_path: Path, block: int) -> None:
    address = f"127.{block}.7.7"
    with bind_udp(address, 0) as sock:
        port = sock.getsockname()[1]
        write(
            tmp_path, "a", "redirect", f"overrides:\n  nodes:\n    mnt1: {{address: {address}, syslog_port: {port}}}\n"
        )
        with pytest.raises(InputError, match=rf"a\.yaml:5: nodes\.mnt1: udp {address}:{port} is in use by "):
            run(tmp_path)


def test_a_file_that_cannot_be_written_is_found_before_the_first_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "a", "redirect")
    with pytest.raises(OSError, match="No such file or directory"):
        run(tmp_path, tmp_path / "absent" / "out.json")
    assert capsys.readouterr().out == ""


def test_what_no_broker_does_is_named_before_the_story_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "a", "redirect")
    with (tmp_path / "a.yaml").open("a") as file:
        file.write("- note: later\n  do: {advance: 5d}\n- note: cut\n  do: [plug: laptop2, fault: {cut_link: psn1}]\n")
    with pytest.raises(InputError) as caught:
        run_scenarios([tmp_path], seed=None, live=True, brokers=["amqp://127.0.0.1:1"], json_file=None, quiet=True)
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "a.yaml:9: steps[1].do.advance: cannot be done with --broker: a message broker keeps real time",
        "a.yaml:11: steps[2].do[1].fault.cut_link: "
        "cannot be done with --broker: only links over the embedded bus can be cut and restored",
    ]
    assert capsys.readouterr().out == ""
