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
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nac.node.binding import bind_tcp, bind_udp
from nac.node.journal import Journal
from posturelab.cli import app
from posturelab.commands.one_node import run_node
from posturelab.commands.start_options import StartOptions
from posturelab.commands.up import run_up
from posturelab.journal.log import JournalLog
from posturelab.lab_file import load_lab_file
from tests.posturelab.command_line import call, get, refuse, running, stop, wait_for_line, write

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_a_lab_tells_people_what_it_has_and_what_to_try(campus_file: Path, tmp_path: Path) -> None:
    with running("up", campus_file, "--state-dir", tmp_path / "state") as process:
        lines = wait_for_line(process, "Ctrl-C ends the lab.")
        out, err = stop(process, signal.SIGINT)
    text = "\n".join(lines)
    assert lines[0] == "lab ready"
    for word in ("psn1", "mnt1", "switch1", "laptop1", "web1", "authentication", "syslog", "coa", "testing123"):
        assert word in text
    assert "bus between the nodes: embedded, up" in lines
    commands = lines[lines.index("Try, in another terminal:") + 1 : -1]
    assert re.match(r"  (\S+ -m )?\S*posturelab endpoint laptop1 plug --control http://127", commands[0])
    assert " sessions " in commands[1]
    assert re.match(r"  radtest alice lab-alice 127\.\d+\.1\.1:\d+ 0 testing123$", commands[2])
    assert (out.splitlines()[-1], err, process.returncode) == ("lab stopped", "", 0)


def test_the_version_is_that_of_the_package() -> None:
    done = call("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"posturelab {version('posturelab')}\n", "")


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


def test_a_broker_is_named_without_its_password_and_degraded_while_it_is_away(
    campus_file: Path, tmp_path: Path, block: int
) -> None:
    broker = f"amqp://lab:hush@127.{block}.9.9:9"
    state = ["--state-dir", tmp_path / "state"]
    shown = f"amqp://127.{block}.9.9:9"
    with running("up", campus_file, "--broker", broker, *state) as process:
        text = "\n".join(wait_for_line(process, "Ctrl-C ends the lab."))
        out, err = stop(process, signal.SIGINT)
    assert (out.splitlines()[-1], err, process.returncode) == ("lab stopped", "", 0)
    assert f"\nbus between the nodes: rabbitmq {shown}, degraded (mnt1, psn1, psn2): " in text
    with running("node", "psn1", "--topology", campus_file, "--broker", broker, *state) as process:
        line = wait_for_line(process, "ready")[-1]
        out, err = stop(process, signal.SIGINT)
    assert (out.splitlines()[-1], err, process.returncode) == ("psn1 stopped", "", 0)
    assert f"; broker {shown}: degraded, " in line
    assert "hush" not in text + line + out


def test_a_broker_that_cannot_be_meant_is_named(campus_file: Path, tmp_path: Path) -> None:
    sentence = "posturelab: --broker: a URL is not of the form amqp://user:password@host:port/vhost"
    assert refuse("up", campus_file, "--broker", "http://127.0.0.1") == sentence
    assert refuse("node", "psn1", "--topology", campus_file, POSTURELAB_BROKER="127.0.0.1") == sentence
    over = f"{{broker: {{ca: absent.pem}}, {campus_file.read_text().lstrip()[1:]}"
    path = write(tmp_path, over)
    refused = refuse("up", path, "--broker", "amqps://127.0.0.1")
    assert refused.startswith(
        f"posturelab: {path}:1: broker: {tmp_path}/absent.pem is not a certificate of an authority"
    )
    sentence = "posturelab: a message broker keeps real time: use --broker together with --live"
    assert refuse("run", SCENARIOS, "--broker", "amqp://127.0.0.1") == sentence


def test_a_lab_forgets_what_its_nodes_have_kept_only_when_it_is_told(
    campus_file: Path, tmp_path: Path, ready: Path
) -> None:
    arguments = ["up", campus_file, "--state-dir", tmp_path / "state", "--ready-file", ready]
    shown = []
    for options in ([], [], ["--fresh"]):
        with running(*arguments, *options) as process:
            wait_for_line(process, "lab ready")
            control = json.loads(ready.read_text())["control"]
            shown.append(len(get(f"{control}/snapshot")["mnts"]["mnt1"]["sessions"]))
            call("endpoint", "laptop1", "plug", "--control", control)
            call("clock", "advance", "1m", "--control", control)
            stop(process, signal.SIGTERM)
    assert shown == [0, 1, 0]


def test_a_database_in_use_is_one_sentence(up: dict[str, Any], campus_file: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    sentence = f"{state}/campus/psn1.sqlite is in use by another process or node"
    node = ["node", "psn1", "--topology", campus_file, "--state-dir", state]
    assert refuse(*node) == f"posturelab: the node cannot start: {sentence}"
    held = f"posturelab: the lab cannot start: {state}/campus/"
    assert refuse("up", campus_file, "--fresh", "--state-dir", state).startswith(held)
    stop(up["process"], signal.SIGTERM)


def test_a_damaged_database_is_named_with_what_helps(campus_file: Path, tmp_path: Path) -> None:
    (tmp_path / "state" / "campus").mkdir(parents=True)
    database = write(tmp_path / "state" / "campus", "damaged", "psn1.sqlite")
    sentence = f"{database} cannot be used: file is not a database"
    cure = "posturelab up --fresh forgets all that the nodes have stored"
    refused = refuse("up", campus_file, "--state-dir", tmp_path / "state")
    assert refused == f"posturelab: the lab cannot start: {sentence}; {cure}"


@pytest.mark.parametrize("command", ["up", "node"])
def test_a_mistake_ends_the_lab_with_a_sentence_and_a_traceback(
    campus_file: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = JournalLog.follow

    def follow_and_stumble(self: JournalLog, journal: Journal) -> Callable[[], None]:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        return follow(self, journal)

    monkeypatch.setattr(JournalLog, "follow", follow_and_stumble)
    lab_file = load_lab_file(str(campus_file))
    options = StartOptions(state_dir=tmp_path)
    if command == "up":
        assert not run_up(lab_file, options=options)
    else:
        collector = gc.get_threshold()
        assert not run_node(lab_file, "mnt1", options=options)
        gc.set_threshold(*collector)
        gc.unfreeze()
    out, err = capsys.readouterr()
    assert err.startswith("posturelab: a mistake of the lab, which ends: ")
    assert err.count("Traceback") == 1
    assert err.endswith("ZeroDivisionError: division by zero\n")
    assert "lab        mistake  " in out
    assert out.splitlines()[-1].endswith(" stopped")


def test_a_mistake_is_told_by_the_exit_status(monkeypatch: pytest.MonkeyPatch, campus_file: Path) -> None:
    monkeypatch.setattr("posturelab.commands.up.run_up", lambda *_, **__: False)
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


def test_a_node_that_is_none_suggests_one(campus_file: Path) -> None:
    assert refuse("node", "psn9", "--topology", campus_file).endswith("no node is called 'psn9' (did you mean 'psn2'?)")


def test_a_certificate_for_a_broker_is_written_and_a_wrong_address_is_named(tmp_path: Path) -> None:
    arguments = ("certificate", "rabbitmq", "--into", tmp_path / "broker", "--state-dir", tmp_path)
    assert call(*arguments, "--address", "192.0.2.5").returncode == 0
    assert (tmp_path / "broker" / "rabbitmq.crt").read_bytes() == (tmp_path / "rabbitmq.crt").read_bytes()
    assert refuse(*arguments, "--address", "broker.test") == "posturelab: 'broker.test' is not an IPv4 address"


@pytest.mark.parametrize(
    "arguments", [["endpoint", "laptop1", "kick"], ["run"], ["run", "x", "--seed", "y"], ["nonsense"]]
)
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    assert "Error: " in refuse(*arguments)
