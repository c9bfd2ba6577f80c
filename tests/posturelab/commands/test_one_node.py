"""One node in a process of its own: what it says of itself, and to whom."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest

from nac.node.binding import bind_udp
from tests.posturelab.command_line import call, get, refuse, running, stop, wait_for_line


@pytest.mark.parametrize("name", ["psn1", "mnt1", "switch1", "web1"])
def test_one_node_runs_in_a_process_of_its_own(campus_file: Path, tmp_path: Path, ready: Path, name: str) -> None:
    arguments = ["node", name, "--topology", str(campus_file), "--state-dir", str(tmp_path), "--ready-file", str(ready)]
    with running(*arguments, "--quiet") as process:
        assert wait_for_line(process, "ready")[-1].startswith(f"{name} ready: ")
        assert json.loads(ready.read_text())["nodes"][name]["ports"]
        out, err = stop(process, signal.SIGTERM)
    assert (out, err, process.returncode) == (f"{name} stopped\n", "", 0)
    assert not ready.exists()


def test_one_node_answers_for_itself(campus_file: Path, tmp_path: Path, ready: Path, block: int) -> None:
    arguments = ["node", "psn1", "--topology", campus_file, "--state-dir", tmp_path, "--ready-file", ready]
    with running(*arguments, "--control", f"127.{block}.0.1:0") as process:
        line = wait_for_line(process, "ready")[-1]
        url = json.loads(ready.read_text())["control"]
        assert f"control {url}" in line
        assert line.endswith("; it is alone and shares nothing with other nodes: no broker is named (--broker)")
        told = get(f"{url}/ready")
        assert (told["ready"], told["topology"], told["node"]) == (True, "campus", "psn1")
        assert (told["kind"], told["link"]) == ("psn", None)
        assert get(f"{url}/snapshot")["sessions"] == []
        nothing = {"ldd": "posture-sharing", "nodes": ["psn1"], "not_running": [], "sessions": []}
        assert get(f"{url}/directory") == get(f"{url}/directory?endpoint=laptop1") == nothing
        assert call("directory", "laptop1", "--control", url).stdout == "no session of laptop1 is shared\n"
        assert refuse("sessions", "--control", url).startswith("posturelab: this is psn1 alone, and what ")
        assert refuse("journal", "--node", "psn2", "--control", url).endswith("'psn2'; there are: psn1")
        sentence = "posturelab: this is psn1: ask laptop1 at its own control API"
        assert refuse("endpoint", "laptop1", "plug", "--control", url) == sentence
        sentence = "posturelab: no endpoint is called 'laptop9'; there are: laptop1, laptop2"
        assert refuse("endpoint", "laptop9", "plug", "--control", url) == sentence
        sentence = "posturelab: this is psn1 alone, in real time; the clock of a whole lab leaps (posturelab up)"
        assert refuse("clock", "advance", "8h", "--control", url) == sentence
        unowned = call("coa", "bounce", "laptop1", "--control", url)
        assert unowned.stdout.startswith("bounce of laptop1 by psn1: failed, 11206 ")
        sentence = "posturelab: 'laptop9' is neither a MAC address nor an endpoint of this lab: laptop1, laptop2"
        assert refuse("coa", "bounce", "laptop9", "--control", url) == sentence
        sentence = "posturelab: this is psn1: ask psn2 at its own control API, or name no node and psn1 finds the owner"
        assert refuse("coa", "bounce", "laptop1", "--from", "psn2", "--control", url) == sentence
        sentence = "posturelab: no policy service node is called 'psn9'; there are: psn1, psn2"
        assert refuse("coa", "bounce", "laptop1", "--from", "psn9", "--control", url) == sentence
        stop(process, signal.SIGTERM)


def test_a_node_names_the_control_api_of_another(campus_file: Path, tmp_path: Path, ready: Path, block: int) -> None:
    lab = json.loads(campus_file.read_text())
    campus_file.write_text(json.dumps(lab | {"control": {"node_port": 8601}}))
    arguments = ["node", "psn2", "--topology", campus_file, "--state-dir", tmp_path, "--ready-file", ready]
    with running(*arguments, "--control", f"127.{block}.0.1:0") as process:
        wait_for_line(process, "ready")
        url = json.loads(ready.read_text())["control"]
        said = refuse("endpoint", "laptop1", "plug", "--control", url)
        assert said == f"posturelab: this is psn2: ask laptop1 at its own control API, http://127.{block}.10.1:8601"
        said = refuse("coa", "reauth", "laptop1", "--from", "psn1", "--control", url)
        assert f"ask psn1 at its own control API, http://127.{block}.1.1:8601, or name no node" in said
        stop(process, signal.SIGTERM)


def test_a_control_address_that_is_none_or_unprotected_is_named(campus_file: Path) -> None:
    node = ["node", "psn1", "--topology", campus_file]
    assert refuse(*node, "--control", "8600") == "posturelab: --control: '8600' is not ADDRESS:PORT"
    sentence = "control.token: beyond loopback the control API needs a token, here or in POSTURELAB_TOKEN"
    assert refuse(*node, "--control", "0.0.0.0:8600").endswith(sentence)


def test_the_environment_has_a_token_for_nodes_beyond_loopback(campus_file: Path) -> None:
    lab = json.loads(campus_file.read_text())
    lab["nodes"]["psn1"]["address"] = "192.0.2.11"
    campus_file.write_text(json.dumps(lab | {"control": {"node_port": 8601}}))
    node = ["node", "psn1", "--topology", campus_file]
    assert "a token" in refuse(*node)
    assert refuse(*node, POSTURELAB_TOKEN="key").endswith("this machine does not have the address 192.0.2.11")


def test_an_endpoint_by_itself_must_know_where_its_switch_is_asked(campus_file: Path) -> None:
    sentence = "control: node_port is missing: an endpoint in a process of its own asks its switch there for a cable"
    assert refuse("node", "laptop1", "--topology", campus_file).endswith(sentence)
    assert refuse("node", "psn1", "--topology", campus_file, "--plug").endswith("only an endpoint can be plugged in")


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
