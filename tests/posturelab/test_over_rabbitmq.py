"""A lab and single nodes over a real RabbitMQ, as real processes."""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from posturelab.link_watch import NOT_TRIED
from posturelab.topology.file import open_topology, relocate
from radius import attribute
from radius.client import Peer, RadiusClient
from radius.packet import Code
from radius.retransmission import ACCESS
from radius.secret import Secret
from tests.posturelab.command_line import PATIENCE, call, get, refuse, running, stop, wait_for_line
from tests.rabbitmq_server import RabbitMqServer

STATION = b"02-00-00-00-99-01"
MAC = "02:00:00:00:99:01"

Nodes = dict[str, tuple[subprocess.Popen[str], str]]
"""By name the process of a node, and the URL of its control API."""


@pytest.fixture
def campus_elsewhere(tmp_path: Path, block: int) -> Path:
    """The campus on this process's addresses with the ports that everybody expects, under a name of its own."""
    path = tmp_path / "campus.yaml"
    content = relocate(open_topology("campus"), block).content
    content |= {"name": f"campus-{random.getrandbits(32):x}", "control": {"address": f"127.{block}.0.1", "port": 0}}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def nodes(rabbitmq: RabbitMqServer, campus_elsewhere: Path, tmp_path: Path, block: int) -> Iterator[Nodes]:
    with ExitStack() as stack:
        found: Nodes = {}
        for name in ("mnt1", "psn1", "psn2"):
            ready = tmp_path / f"{name}.json"
            arguments = ["node", name, "--topology", campus_elsewhere, "--state-dir", tmp_path / "state", "--quiet"]
            arguments += ["--broker", rabbitmq.url, "--control", f"127.{block}.0.1:0", "--ready-file", ready]
            process = stack.enter_context(running(*arguments))
            shown = rf"; broker amqp://127\.0\.0\.1:{rabbitmq.port}: (up|degraded, {NOT_TRIED})$"
            assert re.search(shown, wait_for_line(process, "ready")[-1])
            found[name] = process, json.loads(ready.read_text())["control"]
        for _, control in found.values():
            wait_until(lambda control=control: get(f"{control}/ready")["link"]["state"] == "up")  # type: ignore[misc]
        yield found
        for process, _ in found.values():
            _, err = stop(process, signal.SIGTERM)
            assert (err, process.returncode) == ("", 0)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def authenticate(server: str) -> None:
    """Ask as a device of somebody else for a user of the campus."""

    async def ask() -> None:
        client = RadiusClient(host="127.0.0.1", random=random.Random(1), observe=lambda *_: None)
        peer = Peer(host=server, port=1812, secret=Secret("testing123"))
        request = [
            (attribute.USER_NAME, b"alice"),
            (attribute.USER_PASSWORD, b"lab-alice"),
            (attribute.CALLING_STATION_ID, STATION),
        ]
        try:
            await client.exchange(peer, Code.ACCESS_REQUEST, request, retransmission=ACCESS)
        finally:
            client.close()

    asyncio.run(ask())


def list_owners(control: str) -> list[str]:
    """List the owners of the sessions in a node's replica."""
    return [record["psn"] for record in get(f"{control}/snapshot")["rsd"]]


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE) as response:
        told: dict[str, Any] = json.load(response)
        return told


def test_nodes_in_processes_of_their_own_share_sessions_logs_and_coa(
    nodes: Nodes, rabbitmq: RabbitMqServer, block: int
) -> None:
    urls = {name: url for name, (_, url) in nodes.items()}
    assert "log-transport" in call("journal", "--control", urls["psn2"]).stdout
    assert get(f"{urls['psn2']}/ready")["link"] == {"state": "up", "reason": "", "last_loss": ""}
    authenticate(f"127.{block}.1.1")
    wait_until(lambda: list_owners(urls["psn2"]) == list_owners(urls["mnt1"]) == ["psn1"])
    wait_until(lambda: [session["mac"] for session in get(f"{urls['mnt1']}/snapshot")["sessions"]] == [MAC])
    told = post(f"{urls['psn2']}/coa", {"endpoint": MAC, "direct": False})
    assert (told["psn"], told["node"], told["acknowledged"]) == ("psn2", "psn1", False)
    rabbitmq.kill()
    wait_until(lambda: get(f"{urls['psn1']}/ready")["link"]["state"] == "degraded")
    rabbitmq.start()
    wait_until(lambda: get(f"{urls['psn1']}/ready")["link"]["state"] == "up")


def test_a_lab_in_one_process_shares_over_the_broker_too(
    rabbitmq: RabbitMqServer, campus_elsewhere: Path, tmp_path: Path
) -> None:
    ready = tmp_path / "ready.json"
    arguments = ["up", campus_elsewhere, "--state-dir", tmp_path / "state", "--ready-file", ready]
    with running(*arguments, "--broker", rabbitmq.url) as process:
        told = "\n".join(wait_for_line(process, "Ctrl-C ends the lab."))
        shown = rf"^bus between the nodes: rabbitmq amqp://127\.0\.0\.1:{rabbitmq.port}, "
        assert re.search(rf"{shown}(up|degraded \([a-z0-9, ]+\): {NOT_TRIED})$", told, re.MULTILINE)
        control = json.loads(ready.read_text())["control"]
        call("endpoint", "laptop1", "plug", "--control", control)
        wait_until(lambda: call("sessions", "--control", control).stdout.count("Compliant") >= 3)
        (session,) = json.loads(call("directory", "--json", "--control", control).stdout)["sessions"]
        assert session["differing"] == []
        sentence = "posturelab: a lab over a message broker keeps real time, and its clock does not leap"
        assert refuse("clock", "advance", "8h", "--control", control) == sentence
        out, err = stop(process, signal.SIGINT)
    assert (out.splitlines()[-1], err, process.returncode) == ("lab stopped", "", 0)


def test_a_story_is_told_over_the_broker_in_real_time_and_leaves_nothing_there(
    rabbitmq: RabbitMqServer, campus_elsewhere: Path, tmp_path: Path
) -> None:
    story = tmp_path / "story.yaml"
    story.write_text(
        "name: A\ndescription: b\ntopology: campus.yaml\nsteps:\n- note: in\n  do: {plug: laptop1}\n  within: 1m\n"
        "  expect:\n    laptop1: {access: open, directory: {psn2: {owner: psn1, posture: Compliant}}}\n"
    )
    done = call("run", "--live", "--broker", rabbitmq.url, story)
    assert "ok      laptop1: access open" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    queues = json.loads(rabbitmq.control("list_queues", "name", "arguments", "--formatter", "json"))
    left = {queue["name"]: queue["arguments"] for queue in queues if "-story-" in queue["name"]}
    assert len(left) == 4, "a queue of each node and the mailbox of MNT"
    assert all(["x-expires", "unsignedshort", 60_000] in arguments for arguments in left.values())
