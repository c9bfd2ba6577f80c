"""The lab of docker-compose.yml as a project of its own, which runs in containers on this machine's engine.

Its published ports are on an address of loopback that nobody else uses, its control ports where the file puts them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from posturelab.control.client import ControlClient, ControlError
from tests.compose.engine import docker, find_compose, run

ROOT = Path(__file__).parents[2]
HOST = "127.86.0.1"
TOKEN = "compose-test"
IMAGE = "posturelab:compose-test"
PATIENCE = 120.0
"""Seconds in which everything awaited here happens, on a machine that is busy with other things too."""

LINKED = ("mnt1", "psn1", "psn2", "psn3")
CONTROL_PORTS = {"psn1": 8611, "psn2": 8612, "psn3": 8613, "mnt1": 8621, "switch1": 8631, "web1": 8641, "laptop1": 8651}
SERVICES = (*CONTROL_PORTS, "rabbitmq")
ACCESS_PORT = "GigabitEthernet1/0/1"
_NAME = "posturelab-test"
_TLS = "deploy/compose/tls.yml"


class ComposeProject:
    """The project; `figures` are what it has taken note of, in words."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self.figures: list[str] = []
        command = find_compose()
        assert command is not None
        self._compose = [*command, "--project-name", _NAME, "--project-directory", str(ROOT)]
        self._environment = os.environ | {
            "POSTURELAB_TAG": IMAGE.partition(":")[2],
            "POSTURELAB_PUBLISH": HOST,
            "POSTURELAB_TOKEN": TOKEN,
        }
        os.environ["POSTURELAB_TOKEN"] = TOKEN  # for the control client

    def compose(self, *arguments: str, overlays: Iterable[str] = (), timeout: float = 300) -> str:
        """Run the compose program on the file and what is laid over it."""
        files = [part for name in ("docker-compose.yml", *overlays) for part in ("--file", str(ROOT / name))]
        return run([*self._compose, *files, *arguments], timeout=timeout, environment=self._environment)

    def build(self) -> None:
        """Build the image."""
        self.compose("build", timeout=600)

    def up(self) -> None:
        """Start whatever does not run, and wait until every node is healthy and linked."""
        states = self._list("{{.Status}}")
        if not all(states.get(service, "").startswith("Up") for service in SERVICES):
            self.compose("up", "--detach", "--no-build")
        self.wait_healthy()
        self.wait_linked()

    def up_by_tls(self, *services: str) -> None:
        """Start some services whose broker speaks TLS only."""
        self.compose("up", "--detach", "--no-build", *services, overlays=[_TLS])

    def down(self) -> None:
        """Remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", overlays=[_TLS])

    def find(self, service: str) -> str:
        """Find the container of a service, running or not; raises `KeyError`."""
        return self._list("{{.ID}}")[service]

    def inspect(self, service: str) -> dict[str, Any]:
        """Ask the engine about the container of a service."""
        found: dict[str, Any] = json.loads(docker("inspect", self.find(service)))[0]
        return found

    def read_log(self, service: str) -> str:
        """Read all that a container has said."""
        return self.compose("logs", "--no-color", service)

    def kill(self, service: str) -> None:
        """End a container as a power failure would."""
        self.compose("kill", "-s", "KILL", service)

    def restart(self, service: str) -> None:
        """End a container as an administrator does, start it again, and wait until it answers and all are linked."""
        self.compose("stop", service)
        self.compose("start", service)
        if service in CONTROL_PORTS:
            wait_until(lambda: bool(self.get(service, "/ready")["ready"]), f"{service} does not answer")
        self.wait_linked()

    def get(self, node: str, path: str) -> dict[str, Any]:
        """Ask the control API of a node."""
        return self._client(node).get(path)

    def post(self, node: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Have a node do something by its control API."""
        return self._client(node).post(path, body)

    def show_port(self) -> dict[str, Any]:
        """Show what the switch knows of the laptop's port."""
        (port,) = self.get("switch1", "/snapshot")["access_ports"]
        return dict(port)

    def list_shared(self, node: str) -> dict[str, dict[str, Any]]:
        """List the sessions in a node's replica, by id."""
        return {record["session_id"]: record for record in self.get(node, "/snapshot")["rsd"]}

    def wait_healthy(self) -> None:
        """Wait until the engine says so of every node."""

        def find_others() -> list[str]:
            states = self._list("{{.Status}}")
            return [f"{name}: {states[name]}" for name in CONTROL_PORTS if not states[name].endswith("(healthy)")]

        wait_until(lambda: not find_others(), lambda: f"not healthy: {find_others()}", pause=0.5)

    def wait_linked(self, nodes: Iterable[str] = LINKED, state: str = "up") -> None:
        """Wait until nodes have a link to the broker, or are ``degraded``."""
        for node in nodes:
            wait_until(partial(self._is_link, node, state), f"the link of {node} is not {state}")

    def wait_equal(self, session_ids: Iterable[str]) -> None:
        """Wait until all replicas are equal and have these sessions."""
        wanted = set(session_ids)

        def are_equal() -> bool:
            first, *others = [self.list_shared(node) for node in LINKED]
            return wanted <= first.keys() and all(other == first for other in others)

        wait_until(are_equal, "the replicas are not equal")

    def _list(self, told: str) -> dict[str, str]:
        """List something that the engine tells of each container, by service."""
        service = '{{.Label "com.docker.compose.service"}}'
        selection = f"label=com.docker.compose.project={_NAME}"
        listed = docker("ps", "--all", "--filter", selection, "--format", f"{service}\t{told}")
        return dict(line.split("\t") for line in listed.splitlines())

    def _is_link(self, node: str, state: str) -> bool:
        return bool(self.get(node, "/ready")["link"]["state"] == state)

    def _client(self, node: str) -> ControlClient:
        return ControlClient(f"http://127.0.0.1:{CONTROL_PORTS[node]}")


def wait_until(holds: Callable[[], bool], failure: str | Callable[[], str], *, pause: float = 0.1) -> None:
    """Wait until something holds; whoever does not answer yet is asked again. Raises `TimeoutError`."""
    deadline = time.monotonic() + PATIENCE
    while not _ask(holds):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{failure if isinstance(failure, str) else failure()} after {PATIENCE:g} s")
        time.sleep(pause)


def _ask(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except ControlError:
        return False
