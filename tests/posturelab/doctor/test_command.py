"""`posturelab doctor` as people and scripts call it: beside real processes, a real RabbitMQ, and nothing at all."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from posturelab.control.client import ControlClient
from posturelab.topology.file import open_topology, relocate
from tests.posturelab.command_line import PATIENCE, call, refuse, running, wait_for_line
from tests.rabbitmq_server import RabbitMqServer

Processes = dict[str, subprocess.Popen[str]]

LINKED = ("mnt1", "psn1", "psn2")
NODES = (*LINKED, "switch1", "web1")
TOKEN = "a-token-of-the-environment"


@pytest.fixture
def nodes_file(tmp_path: Path, block: int) -> Path:
    """The campus with a control API for each node, which asks for a token, and without endpoints."""
    content = relocate(open_topology("campus"), block).content
    content["nodes"] = {name: content["nodes"][name] for name in NODES}
    content |= {"name": f"campus-{random.getrandbits(32):x}"}
    content["control"] = {"address": f"127.{block}.0.1", "node_port": 8601, "token": "in-the-file"}
    path = tmp_path / "nodes.yaml"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def nodes(
    nodes_file: Path, rabbitmq: RabbitMqServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Processes]:
    """Every node in a process of its own, linked by RabbitMQ."""
    monkeypatch.setenv("POSTURELAB_TOKEN", TOKEN)
    arguments: list[str | Path] = ["--topology", nodes_file, "--state-dir", tmp_path / "state", "--quiet"]
    arguments += ["--broker", rabbitmq.url]
    with ExitStack() as stack:
        processes = {name: stack.enter_context(running("node", name, *arguments)) for name in NODES}
        for name, process in processes.items():
            wait_for_line(process, f"{name} ready")
        for name in LINKED:
            wait_until_linked(json.loads(nodes_file.read_text())["nodes"][name]["address"])
        yield processes


def wait_until_linked(address: str) -> None:
    """Wait until a node has reached the broker: it is ready without."""
    deadline = time.monotonic() + PATIENCE
    while ControlClient(f"http://{address}:8601").get("/ready")["link"]["state"] != "up":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask(topology: Path, *arguments: str | Path, status: int, **environment: str) -> list[dict[str, Any]]:
    """Call the doctor, which must end with this status; returns what it found."""
    done = call("doctor", topology, "--json", *arguments, **environment)
    assert (done.returncode, done.stderr) == (status, "")
    told = json.loads(done.stdout)
    assert told["sound"] is (status == 0)
    found: list[dict[str, Any]] = told["findings"]
    return found


def list_wrong(findings: list[dict[str, Any]]) -> list[tuple[list[str], str]]:
    return [(found["nodes"], found["text"]) for found in findings if found["verdict"] == "wrong"]


def test_a_running_lab_is_fine(up: dict[str, Any], campus_file: Path, tmp_path: Path) -> None:
    arguments = [campus_file, "--control", up["control"], "--state-dir", tmp_path / "state"]
    done = call("doctor", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == "nothing is wrong"
    assert all(line.startswith("fine ") for line in lines[:-1])


def test_where_nothing_runs_it_says_so_once(nodes_file: Path) -> None:
    done = call("doctor", nodes_file, "--broker", "amqp://guest:guest@127.0.0.1:9/")
    assert (done.returncode, done.stderr) == (1, "")
    first, remedy, summary = done.stdout.splitlines()
    assert first.startswith(
        f"wrong    no lab runs: none of the 5 nodes of {nodes_file} answers, and no control API at "
    )
    assert (remedy, summary) == (f"         do: start it: posturelab up {nodes_file}", "1 wrong")


def test_unusable_input_ends_with_status_2(nodes_file: Path, tmp_path: Path) -> None:
    assert "no topology has this name" in refuse("doctor", "campos")
    assert refuse("doctor", nodes_file, "--ca", tmp_path / "x") == f"posturelab: --ca: there is no file {tmp_path}/x"
    assert refuse("doctor", nodes_file, "--broker", "nonsense").startswith("posturelab: --broker: ")


def test_the_topology_may_stand_in_the_environment(nodes_file: Path) -> None:
    done = call("doctor", POSTURELAB_TOPOLOGY=str(nodes_file))
    assert done.stdout.startswith(f"wrong    no lab runs: none of the 5 nodes of {nodes_file} answers")


def test_nodes_of_their_own_are_followed_through_trouble(
    nodes: Processes, nodes_file: Path, rabbitmq: RabbitMqServer, tmp_path: Path
) -> None:
    usual: list[str | Path] = ["--state-dir", tmp_path / "state", "--broker", rabbitmq.url]
    own = f"http://{json.loads(nodes_file.read_text())['nodes']['psn1']['address']}:8601"
    for environment in ({}, {"POSTURELAB_CONTROL": own}):
        told = [found["text"] for found in ask(nodes_file, *usual, status=0, **environment)]
        assert "the links of mnt1, psn1, psn2 are up" in told
        assert "the clocks of 5 nodes and of this machine agree within 5 s" in told
    told = [found["text"] for found in ask(nodes_file, *usual, "--control", own, status=0)]
    assert "the clocks of psn1 and of this machine agree within 5 s" in told
    (denied,) = list_wrong(ask(nodes_file, *usual, status=1, POSTURELAB_TOKEN=""))
    text = "a control API answers only to who knows its token, and the token that it is shown is another"
    assert (sorted(denied[0]), denied[1]) == (sorted(NODES), text)
    findings = ask(nodes_file, *usual[:2], "--broker", rabbitmq.url.replace("guest@", "secret@"), status=0)
    (note,) = [found["text"] for found in findings if found["verdict"] == "note"]
    assert note.startswith("this machine does not get to the broker, but mnt1, psn1, psn2 do: ")
    assert note.endswith("the broker does not accept user and password")
    assert "secret" not in note

    nodes["psn2"].kill()
    nodes["psn2"].wait()
    assert list_wrong(ask(nodes_file, *usual, status=1)) == [
        (["psn2"], "it is not there: nothing listens on its ports")
    ]

    rabbitmq.kill()
    absent, broker = list_wrong(ask(nodes_file, *usual, status=1))
    shown = f"amqp://127.0.0.1:{rabbitmq.port}: the broker cannot be reached: Connection refused"
    assert absent[0] == ["psn2"]
    assert broker[1] == f"the nodes cannot share sessions, the broker is not there: {shown}"
