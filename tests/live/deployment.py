"""A deployment as people run it: each node a `posturelab node` in a process of its own, on one RabbitMQ.

Nodes can be killed and come again. Their addresses are drawn from this process's id, so that several runs on one
machine stay apart, and their ports are the usual ones. What is asked here never holds up the loop that asks.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from posturelab.control.client import ControlClient, ControlError

PATIENCE = 45.0
"""Seconds in which everything awaited here happens, on a machine that is busy with other things too."""

MNT = "mnt1"
PSNS = ("psn1", "psn2", "psn3", "psn4")
NODES = (*PSNS[:3], MNT)
"""Those that a deployment begins with; the fourth joins."""

USER, PASSWORD, SECRET = "alice", "lab-alice", "testing123"

_ROOT = Path(__file__).parents[2]
_CONTROL_PORT = 8600
_HOSTS = {MNT: 21, **{name: number for number, name in enumerate(PSNS, 11)}}
_DEVICE_HOST, _NAMESAKE_HOST = 31, 41


def draw_address(host: int) -> str:
    """Draw an address of loopback that no other process uses which draws its own this way."""
    number = os.getpid()
    return f"127.{128 + number // 256 % 127}.{number % 256}.{host}"


def build_topology(*, name: str, addresses: Mapping[str, str]) -> dict[str, Any]:
    """Build a topology whose users are let in whatever their posture, which counts for a week."""
    kinds = {MNT: {"kind": "mnt", "live_log_limit": 100}}
    nodes = {node: kinds.get(node, {"kind": "psn"}) | {"address": address} for node, address in addresses.items()}
    return {
        "name": name,
        "radius": {"secret": SECRET},
        "users": {USER: {"password": PASSWORD, "groups": ["Employees"]}},
        "policy": {"rules": [{"name": "Everyone", "profile": "PermitAccess"}]},
        "posture": {"lease_days": 7},
        "nodes": nodes,
    }


class NodeProcess:
    """One node; between its lives it keeps what is in the state folder."""

    def __init__(self, name: str, *, address: str, folder: Path, topology: Path, state: Path, broker: str) -> None:
        """Start nothing yet; what it says goes into `folder`, what it keeps into `state`."""
        self.name = name
        self.address = address
        self._output = folder / f"{name}.output"
        self._ready_file = folder / f"{name}.ready"
        place = f"{address}:{_CONTROL_PORT}"
        self._client = ControlClient(f"http://{place}")
        self._command = [sys.executable, "-m", "posturelab", "node", name, "--topology", str(topology)]
        self._command += ["--broker", broker, "--control", place, "--state-dir", str(state)]
        self._command += ["--ready-file", str(self._ready_file), "--quiet"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running node."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def begin(self) -> None:
        """Begin to start it; `wait_ready` waits for the end of that."""
        self._ready_file.unlink(missing_ok=True)
        with self._output.open("wb") as output:
            command = self._command
            self._process = subprocess.Popen(command, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT)

    async def wait_ready(self) -> None:
        """Wait until it serves; raises `RuntimeError` with what it said where it does not come to that."""
        deadline = time.monotonic() + PATIENCE
        while not self._ready_file.exists():
            if not self.is_running or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start: {self.read_output()}")
            await asyncio.sleep(0.05)

    async def start(self) -> None:
        """Start it."""
        self.begin()
        await self.wait_ready()

    async def wait_end(self) -> int:
        """Wait until its process ends by itself; returns its exit status."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, PATIENCE)

    async def stop(self) -> None:
        """End it as an administrator does, by SIGTERM."""
        assert self._process is not None
        self._process.terminate()
        await self.wait_end()

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def read_output(self) -> str:
        """Read what it has said in this life."""
        return self._output.read_text()

    async def ask(self, path: str) -> dict[str, Any]:
        """Ask its control API; raises `RuntimeError` with what it said where its process has ended."""
        try:
            return await asyncio.to_thread(self._client.get, path)
        except ControlError as error:
            if self.is_running:
                raise
            raise RuntimeError(f"{self.name} has ended: {self.read_output()}") from error

    async def list_shared(self) -> dict[str, dict[str, Any]]:
        """List the sessions in its replica, by id."""
        return {record["session_id"]: record for record in (await self.ask("/snapshot"))["rsd"]}

    def read_certificate(self) -> Path:
        """Read, of a node that is ready, where the certificate of the authority is."""
        return Path(json.loads(self._ready_file.read_text())["ca_certificate"])


class Deployment:
    """Four policy service nodes, one of which is to join, and a monitoring node."""

    def __init__(self, folder: Path, *, broker: str) -> None:
        """Write the topology; nothing runs before `start`."""
        self.name = f"live-{os.getpid()}"
        self.device_address = draw_address(_DEVICE_HOST)
        self._folder = folder
        self._broker = broker
        self._nodes: dict[str, NodeProcess] = {}
        addresses = {name: draw_address(host) for name, host in _HOSTS.items()}
        self._nodes.update({name: self._make_node(name, folder, addresses) for name in addresses})

    def __getitem__(self, name: str) -> NodeProcess:
        return self._nodes[name]

    async def start(self, names: Iterable[str] = NODES) -> None:
        """Start those nodes that do not run, all at once, and wait until they are linked."""
        await self.begin(names)
        for name in names:
            await self.wait_link(name, "up")

    async def begin(self, names: Iterable[str] = NODES) -> None:
        """Start those nodes that do not run, all at once, whatever becomes of their links."""
        starting = [self[name] for name in names if not self[name].is_running]
        for node in starting:
            node.begin()
        for node in starting:
            await node.wait_ready()

    def end(self) -> None:
        """Kill whatever runs."""
        for node in self._nodes.values():
            node.kill()

    async def wait_link(self, name: str, state: str) -> str:
        """Wait until a node says that its link is ``up``, or ``degraded``; returns the reason."""
        await wait_until(lambda: self._is_link(name, state), f"the link of {name} is not {state}")
        return str((await self[name].ask("/ready"))["link"]["reason"])

    async def wait_equal(self, session_ids: Iterable[str] = (), names: Iterable[str] = NODES) -> dict[str, Any]:
        """Wait until all replicas are equal and have these sessions; returns what they hold."""
        wanted, nodes = set(session_ids), [self[name] for name in names]

        async def are_equal() -> bool:
            first, *others = [await node.list_shared() for node in nodes]
            return wanted <= first.keys() and all(other == first for other in others)

        await wait_until(are_equal, "the replicas are not equal")
        return await nodes[0].list_shared()

    async def wait_stored(self, acct_session_ids: Iterable[str]) -> None:
        """Wait until MNT has a record of each of these accounting sessions in its store."""
        wanted = set(acct_session_ids)

        async def are_stored() -> bool:
            return wanted <= self.count_stored().keys()

        try:
            await wait_until(are_stored, "records are missing")
        except TimeoutError:
            missing = sorted(wanted - self.count_stored().keys())
            raise AssertionError(f"{len(missing)} of {len(wanted)} records are missing: {missing[:5]}") from None

    def count_stored(self) -> Counter[str]:
        """Count the records in MNT's store by accounting session."""
        path = self._folder / self.name / f"{MNT}.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            return Counter(name for (name,) in store.execute("SELECT acct_session_id FROM accounting"))

    def make_twin(self, name: str) -> NodeProcess:
        """Make a second node of the name of one, on the same machine."""
        return self._make_node(name, self._folder / "twin", {node: self[node].address for node in self._nodes})

    def make_namesake(self, name: str) -> NodeProcess:
        """Make a second node of the name of one, as if on another machine: they share nothing but the broker."""
        folder = self._folder / "namesake"
        return self._make_node(name, folder, {name: draw_address(_NAMESAKE_HOST)}, state=folder)

    def _make_node(
        self, name: str, folder: Path, addresses: Mapping[str, str], *, state: Path | None = None
    ) -> NodeProcess:
        """Make a node of a topology, whose files other than its state are in `folder`."""
        folder.mkdir(exist_ok=True)
        topology = folder / "topology.yaml"
        topology.write_text(yaml.safe_dump(build_topology(name=self.name, addresses=addresses)))
        return NodeProcess(
            name,
            address=addresses[name],
            folder=folder,
            topology=topology,
            state=state or self._folder,
            broker=self._broker,
        )

    async def _is_link(self, name: str, state: str) -> bool:
        return bool((await self[name].ask("/ready"))["link"]["state"] == state)


async def wait_until(condition: Callable[[], Awaitable[bool]], failure: str) -> None:
    """Wait until something holds; raises `TimeoutError`."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110 - it is another process that changes
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"{failure} after {PATIENCE:g} s") from None
