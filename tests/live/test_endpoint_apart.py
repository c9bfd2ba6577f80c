"""Four nodes in processes of their own, without a broker: an endpoint comes through posture at a switch elsewhere."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from posturelab.topology.file import open_topology, relocate
from tests.posturelab.command_line import PATIENCE, call, get, running, stop, wait_for_line

BLOCK = 64 + os.getpid() % 190
PORT = 8601
ADDRESSES = {name: f"127.{BLOCK}.{tail}" for name, tail in {"switch1": "3.1", "laptop1": "10.1"}.items()}


class House:
    """Processes of one topology."""

    def __init__(self, folder: Path) -> None:
        """Write the topology: the campus, on addresses of this process alone."""
        content = relocate(open_topology("campus"), BLOCK).content
        self._topology = folder / "campus.yaml"
        self._topology.write_text(json.dumps(content | {"control": {"node_port": PORT}}))
        self._state = folder / "state"
        self._ended = ExitStack()

    def start(self, name: str, *options: str) -> Popen[str]:
        """Start a node and wait until it is ready."""
        arguments = ["node", name, "--topology", self._topology, "--state-dir", self._state, "--quiet", *options]
        process = self._ended.enter_context(running(*arguments))
        wait_for_line(process, f"{name} ready: ")
        return process

    def end(self) -> None:
        """Kill whatever runs."""
        self._ended.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.end()


def ask(name: str, path: str = "/snapshot") -> dict[str, Any]:
    return get(f"http://{ADDRESSES[name]}:{PORT}{path}")


def order(change: str) -> str:
    return call("endpoint", "laptop1", change, "--control", f"http://{ADDRESSES['laptop1']}:{PORT}").stdout


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, ask("laptop1")
        time.sleep(0.1)


def is_compliant() -> bool:
    access = ask("switch1")["access_ports"][0]
    return bool(ask("laptop1")["agent"]["status"] == "Compliant" and access["summary"] == "open")


def test_an_endpoint_by_itself_becomes_compliant_again_after_its_switch_was_killed(house: House) -> None:
    for name in ("mnt1", "psn1"):
        house.start(name)
    switch, laptop = house.start("switch1"), house.start("laptop1")
    assert order("plug") == "laptop1: Searching for policy server\n"
    wait_until(is_compliant)
    first = ask("switch1")["access_ports"][0]["session_id"]

    switch.kill()
    wait_until(lambda: ask("laptop1")["agent"]["message"] == "The network interface is down.")
    assert order("rescan") == "laptop1: Not connected\n"
    house.start("switch1")
    wait_until(is_compliant)
    assert ask("switch1")["access_ports"][0]["session_id"] != first
    told = [record["event"] for record in ask("laptop1", "/journal")["records"]]
    assert [event for event in told if event.startswith("link-")] == ["link-up", "link-down", "link-down", "link-up"]

    assert stop(laptop, signal.SIGTERM) == ("laptop1 stopped\n", "")
    wait_until_unplugged()


def test_an_endpoint_that_begins_plugged_in_waits_for_its_switch(house: House) -> None:
    laptop = house.start("laptop1", "--plug")
    house.start("psn1")
    house.start("switch1")
    wait_until(is_compliant)
    laptop.kill()
    wait_until_unplugged()


def wait_until_unplugged() -> None:
    deadline = time.monotonic() + PATIENCE
    while ask("switch1")["access_ports"][0]["link"] != "down":
        assert time.monotonic() < deadline
        time.sleep(0.1)
