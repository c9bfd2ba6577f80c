"""The command line, as real processes: a lab that comes up, does as told, and goes; and every bad input's sentence."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mnt.node import MonitoringNode
from nac.binding import bind_tcp, bind_udp
from posturelab.cli import app
from posturelab.lab_file import load_lab_file
from posturelab.one_node import run_node
from posturelab.up import run_up

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PATIENCE = 30.0
"""Seconds until a test gives a process up."""


def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posturelab", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=os.environ | environment, check=False
    )


def refuse(*arguments: str | Path, **environment: str) -> str:
    """Call a command that must end with status 2 and one line on stderr."""
    done = call(*arguments, **environment)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr.rstrip("\n")


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "posturelab", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    return tmp_path / "ready.json"


@pytest.fixture
def up(campus_file: Path, ready: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A lab in a process of its own, told by its ready file."""
    with running("up", campus_file, "--ready-file", ready, "--state-dir", tmp_path / "state") as process:
        wait_for_line(process, "lab ready")
        yield json.loads(ready.read_text()) | {"process": process}


def wait_for_line(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """Read lines until one is wanted; returns them all."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if wanted in line:
            return lines
    raise AssertionError(process.stderr.read() if process.stderr else lines)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=PATIENCE)


def test_a_lab_tells_people_what_it_has_and_what_to_try(campus_file: Path, tmp_path: Path) -> None:
    with running("up", campus_file, "--state-dir", tmp_path / "state") as process:
        lines = wait_for_line(process, "Ctrl-C ends the lab.")
        out, err = stop(process, signal.SIGINT)
    text = "\n".join(lines)
    assert lines[0] == "lab ready"
    for word in ("psn1", "mnt1", "switch1", "laptop1", "web1", "authentication", "syslog", "coa", "testing123"):
        assert word in text
    commands = lines[lines.index("Try, in another terminal:") + 1 : -1]
    assert re.match(r"  (\S+ -m )?\S*posturelab endpoint laptop1 plug --control http://127", commands[0])
    assert " sessions " in commands[1]
    assert re.match(r"  radtest alice lab-alice 127\.\d+\.1\.1:\d+ 0 testing123$", commands[2])
    assert (out.splitlines()[-1], err, process.returncode) == ("lab stopped", "", 0)


def test_the_ready_file_says_where_everything_is_and_goes_with_the_lab(up: dict[str, Any], ready: Path) -> None:
    assert up["control"].startswith("http://127.")
    assert Path(up["ca_certificate"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert {name: node["kind"] for name, node in up["nodes"].items()} == {
        "mnt1": "mnt",
        "psn1": "psn",
        "psn2": "psn",
        "web1": "web",
        "switch1": "switch",
        "laptop1": "endpoint",
        "laptop2": "endpoint",
    }
    assert up["nodes"]["psn1"]["ports"].keys() >= {"authentication", "accounting", "portal", "posture"}
    out, err = stop(up["process"], signal.SIGTERM)
    assert (out.splitlines()[-1], err, up["process"].returncode) == ("lab stopped", "", 0)
    assert not ready.exists()


def test_a_running_lab_does_as_it_is_told(up: dict[str, Any]) -> None:
    control = up["control"]
    assert call("endpoint", "laptop1", "plug", "--control", control).stdout == "laptop1: Searching for policy server\n"
    assert "the lab's clock is at " in call("clock", "advance", "8h", "--control", control).stdout
    laptop1, laptop2 = json.loads(call("sessions", "--json", "--control", control).stdout)
    assert (laptop1["agent"], laptop1["psn"], laptop1["mnt"], laptop1["access"]) == (
        "Compliant",
        "Compliant",
        "Started",
        "open",
    )
    assert laptop2["agent"] == "Not connected"
    table = call("sessions", POSTURELAB_CONTROL=control).stdout
    assert "laptop1 (alice)  Compliant" in table
    journal = call("journal", "--node", "laptop1", "--event", "posture-scan", POSTURELAB_CONTROL=control).stdout
    assert journal.endswith("laptop1    posture-scan             all 3 requirements are met\n")
    assert call("endpoint", "laptop1", "unplug", "--control", control).stdout == "laptop1: Not connected\n"
    assert refuse("endpoint", "laptop9", "plug", "--control", control) == (
        "posturelab: no endpoint is called 'laptop9'; there are: laptop1, laptop2"
    )
    assert refuse("clock", "advance", "8 hours", "--control", control) == (
        "posturelab: '8 hours' is not a duration; write for example 500ms, 30s, 5m, 1h30m or 5d"
    )
    stop(up["process"], signal.SIGTERM)


def test_the_journal_is_followed(up: dict[str, Any]) -> None:
    with running("journal", "--follow", "--control", up["control"]) as follower:
        call("endpoint", "laptop2", "plug", "--control", up["control"])
        assert "laptop2    endpoint-plugged" in wait_for_line(follower, "endpoint-plugged")[-1]
        follower.send_signal(signal.SIGINT)
        assert follower.wait(PATIENCE) == 130
    stop(up["process"], signal.SIGTERM)


@pytest.mark.parametrize("name", ["psn1", "mnt1", "switch1", "web1"])
def test_one_node_runs_in_a_process_of_its_own(campus_file: Path, tmp_path: Path, ready: Path, name: str) -> None:
    arguments = ["node", name, "--topology", str(campus_file), "--state-dir", str(tmp_path), "--ready-file", str(ready)]
    with running(*arguments) as process:
        assert wait_for_line(process, "ready")[-1].startswith(f"{name} ready: ")
        assert json.loads(ready.read_text())["nodes"][name]["ports"]
        out, err = stop(process, signal.SIGTERM)
    assert (out, err, process.returncode) == (f"{name} stopped\n", "", 0)
    assert not ready.exists()


@pytest.mark.parametrize("quiet", [True, False])
def test_one_node_tells_its_journal_unless_it_is_quiet(campus_file: Path, tmp_path: Path, *, quiet: bool) -> None:
    arguments = ["node", "psn1", "--topology", str(campus_file), "--state-dir", str(tmp_path)]
    ready = tmp_path / "ready.json"
    with running(*arguments, "--ready-file", ready, *["--quiet"] * quiet) as process:
        wait_for_line(process, "ready")
        psn = json.loads(ready.read_text())["nodes"]["psn1"]
        with bind_udp(f"127.{psn['address'].split('.')[1]}.9.9", 0) as sock:
            sock.sendto(b"nonsense", (psn["address"], psn["ports"]["authentication"]))
        if not quiet:
            assert re.search(r"^\S+  psn1 +radius-drop ", wait_for_line(process, "radius-drop")[-1])
        time.sleep(0.1 * quiet)
        out, err = stop(process, signal.SIGTERM)
    assert (out, err, process.returncode) == ("psn1 stopped\n", "", 0)


@pytest.mark.parametrize("command", ["up", "node"])
def test_a_mistake_ends_the_lab_with_a_sentence_and_a_traceback(
    campus_file: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = MonitoringNode.start

    async def start_and_stumble(self: MonitoringNode) -> None:
        await start(self)
        asyncio.get_running_loop().call_later(0.05, lambda: 1 / 0)

    monkeypatch.setattr(MonitoringNode, "start", start_and_stumble)
    lab_file = load_lab_file(str(campus_file))
    if command == "up":
        assert not run_up(lab_file, state_dir=tmp_path, ready_file=None, quiet=False)
    else:
        collector = gc.get_threshold()
        assert not run_node(lab_file, "mnt1", state_dir=tmp_path, ready_file=None, quiet=False)
        gc.set_threshold(*collector)
        gc.unfreeze()
    out, err = capsys.readouterr()
    assert err.startswith("posturelab: a mistake of the lab, which ends: ")
    assert err.count("Traceback") == 1
    assert err.endswith("ZeroDivisionError: division by zero\n")
    assert "lab        mistake  " in out
    assert out.splitlines()[-1].endswith(" stopped")


def test_a_mistake_is_told_by_the_exit_status(monkeypatch: pytest.MonkeyPatch, campus_file: Path) -> None:
    monkeypatch.setattr("posturelab.up.run_up", lambda *_, **__: False)
    assert CliRunner().invoke(app, ["up", str(campus_file)]).exit_code == 3


def test_a_peer_that_breaks_off_is_no_mistake(up: dict[str, Any]) -> None:
    psn, web = up["nodes"]["psn1"], up["nodes"]["web1"]
    for address, port in ((psn["address"], psn["ports"]["portal"]), (web["address"], web["ports"]["http"])):
        for octets in (b"", b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x00\x05hello"):
            with socket.create_connection((address, port)) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.sendall(octets)
                time.sleep(0.02)
    assert call("sessions", "--control", up["control"]).returncode == 0
    out, err = stop(up["process"], signal.SIGTERM)
    assert (out.splitlines()[-1], err, up["process"].returncode) == ("lab stopped", "", 0)


def test_an_output_that_cannot_spell_everything_gets_every_line(campus_file: Path, tmp_path: Path) -> None:
    story = tmp_path / "story.yaml"
    story.write_text("name: Ä\ndescription: \u65e5\ntopology: campus.yaml\nsteps:\n- note: c\n", encoding="utf-8")
    done = call("run", story, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("\\xc4  (")
    assert r"\u65e5" in done.stdout


def test_a_scenario_is_told_and_its_verdict_is_the_exit_status(campus_file: Path, tmp_path: Path) -> None:
    story = tmp_path / "story.yaml"
    told = "name: A\ndescription: b\ntopology: campus.yaml\nsteps:\n- note: c\n  expect:\n    laptop1: {{access: {}}}\n"
    story.write_text(told.format("closed"))
    done = call("run", story, "--seed", "3", "--json", tmp_path / "out.json")
    assert done.returncode == 0
    assert "PASSED  1 of 1 expectations held" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())[0]["seed"] == 3
    story.write_text(told.format("open"))
    done = call("run", story)
    assert done.returncode == 1
    assert "laptop1: access should be 'open', is 'closed'" in done.stdout


def test_a_live_scenario_is_told_in_real_time(campus_file: Path, tmp_path: Path) -> None:
    story = tmp_path / "story.yaml"
    story.write_text("name: A\ndescription: b\ntopology: campus.yaml\nsteps:\n- note: c\n  at: 100ms\n")
    began = time.monotonic()
    done = call("run", "--live", story)
    assert (done.returncode, "live time" in done.stdout) == (0, True)
    assert time.monotonic() - began > 0.1


def write(folder: Path, text: str, name: str = "lab.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_an_unknown_topology_key_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nnodes:\n  psn1:\n    kind: psn\n    adress: 127.0.0.1\n")
    assert refuse("up", path).splitlines() == [
        f"posturelab: {path}:3: nodes.psn1.address: this key is required",
        f"{path}:5: nodes.psn1.adress: unknown key (did you mean 'address'?)",
    ]


def test_a_wrong_address_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nnodes:\n  psn1: {kind: psn, address: 127.0.0.256}\n")
    sentence = f"posturelab: {path}:3: nodes.psn1.address: '127.0.0.256' is not an IPv4 address"
    assert refuse("up", path) == sentence
    assert refuse("node", "psn1", "--topology", path) == sentence
    path = write(tmp_path, "name: a\nnodes:\n  psn1: {kind: psn, address: 192.0.2.1}\n")
    sentence = f"posturelab: {path}:3: nodes.psn1.address: this machine does not have the address 192.0.2.1"
    assert refuse("up", path) == sentence
    assert refuse("node", "psn1", "--topology", path) == sentence


def test_a_port_in_use_is_named_with_its_holder(tmp_path: Path, block: int) -> None:
    address = f"127.{block}.9.9"
    with bind_udp(address, 0) as sock:
        port = sock.getsockname()[1]
        path = write(tmp_path, f"name: a\nnodes:\n  mnt1: {{kind: mnt, address: {address}, syslog_port: {port}}}\n")
        sentence = f"posturelab: {path}:3: nodes.mnt1: udp {address}:{port} is in use by "
        assert refuse("up", path).startswith(sentence)
        held = refuse("node", "mnt1", "--topology", path, "--state-dir", tmp_path)
        assert held.startswith(sentence)
        assert f"(pid {os.getpid()})" in held


def test_a_control_port_in_use_is_named(tmp_path: Path, block: int) -> None:
    address = f"127.{block}.9.9"
    with bind_tcp(address, 0) as sock:
        sock.listen()
        port = sock.getsockname()[1]
        control = f"control: {{address: {address}, port: {port}}}\n"
        path = write(tmp_path, f"name: a\n{control}nodes:\n  mnt1: {{kind: mnt, address: {address}, syslog_port: 0}}\n")
        sentence = f"posturelab: {path}:2: control.port: tcp {address}:{port} is in use by "
        assert refuse("up", path, "--state-dir", tmp_path).startswith(sentence)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent.yaml"
    assert refuse("up", absent) == f"posturelab: {absent}: cannot be read: No such file or directory"
    assert refuse("run", absent) == f"posturelab: {absent}: cannot be read: No such file or directory"
    assert refuse("up", "campsu") == "posturelab: campsu: no topology has this name (did you mean 'campus'?)"
    path = write(tmp_path, "name: [\n")
    assert refuse("up", path).startswith(f"posturelab: {path}:2: malformed YAML: ")


def test_a_malformed_scenario_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\ndescription: b\nsteps:\n- note: c\n  doo: {plug: laptop1}\n", "story.yaml")
    assert refuse("run", path) == f"posturelab: {path}:5: steps[0].doo: unknown key (did you mean 'do'?)"


def test_files_that_cannot_be_written_are_named(campus_file: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "ready.json"
    assert refuse("up", campus_file, "--ready-file", absent, "--state-dir", tmp_path / "state").endswith(
        "No such file or directory"
    )
    blocked = write(tmp_path, "a file", "blocked")
    assert refuse("up", campus_file, "--state-dir", blocked) == (
        f"posturelab: the lab cannot start: {blocked}: File exists"
    )
    story = SCENARIOS / "posture" / "redirect-to-compliant.yaml"
    assert refuse("run", story, "--json", absent.with_name("out.json")).endswith("No such file or directory")


def test_a_lab_that_does_not_run_cannot_be_told_anything(block: int) -> None:
    control = f"http://127.{block}.9.9:9"
    for arguments in (["sessions"], ["endpoint", "laptop1", "plug"], ["clock", "advance", "8h"], ["journal"]):
        sentence = refuse(*arguments, "--control", control)
        assert sentence.startswith(f"posturelab: no lab answers at {control} (")
        assert sentence.endswith("); start one with: posturelab up")
    assert refuse("sessions", "--control", "nonsense") == "posturelab: 'nonsense' is not the URL of a lab"


def test_what_is_for_later_or_elsewhere_says_so(campus_file: Path) -> None:
    assert "--broker is for a later release" in refuse("up", "--broker", "amqp://127.0.0.1")
    assert "runs in the process of a whole lab: posturelab up" in refuse("node", "laptop1", "--topology", campus_file)
    assert refuse("node", "psn9", "--topology", campus_file).endswith("no node is called 'psn9' (did you mean 'psn2'?)")


@pytest.mark.parametrize(
    "arguments", [["endpoint", "laptop1", "kick"], ["run"], ["run", "x", "--seed", "y"], ["nonsense"]]
)
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    assert "Error: " in refuse(*arguments)
