"""Labs for tests: the campus on loopback addresses of this test process alone, every port free to choose."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from posturelab.clock import LabLoop
from posturelab.lab import Lab
from posturelab.reading.document import Document
from posturelab.topology.file import open_topology, read_topology, relocate
from posturelab.topology.model import Topology
from tests.posturelab.command_line import running, wait_for_line

BLOCK = 64 + os.getpid() % 190
"""127.BLOCK belongs to this process, so that tests run beside each other and beside a lab."""

ANY_PORTS: dict[str, Any] = {
    "http_port": 0,
    "control": {"address": f"127.{BLOCK}.0.1", "port": 0},
    "nodes": {
        "mnt1": {"syslog_port": 0, "api_port": 0},
        **{
            name: {"ports": {"authentication": [0, 0], "accounting": [0, 0], "portal": 0, "posture": 0, "internode": 0}}
            for name in ("psn1", "psn2")
        },
        "switch1": {
            "coa_port": 0,
            "coa_rfc_port": 0,
            "access_ports": {f"GigabitEthernet1/0/{port}": {"proxy_port": 0} for port in (1, 2)},
        },
    },
}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on virtual time."""
    return {"virtual": lambda: LabLoop(virtual=True)}


def overlay(document: Document, content: dict[str, Any]) -> Document:
    """Lay plain values over a document."""
    return document.merge(Document("overlay", {"over": content}, {}), "over")


def build_campus() -> Document:
    """Build the campus on this process's addresses."""
    return relocate(overlay(open_topology("campus"), ANY_PORTS), BLOCK)


@pytest.fixture
def block() -> int:
    """The second octet of this process's loopback addresses."""
    return BLOCK


@pytest.fixture
def campus() -> Topology:
    """The campus as a topology."""
    return read_topology(build_campus())


@pytest.fixture
def campus_file(tmp_path: Path) -> Path:
    """The campus as a file."""
    path = tmp_path / "campus.yaml"
    path.write_text(json.dumps(build_campus().content, indent=2))
    return path


@pytest_asyncio.fixture
async def lab(campus: Topology, tmp_path: Path) -> AsyncIterator[Lab]:
    """The campus, running; a task that fails fails the test."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with Lab(campus, seed=1, state_dir=tmp_path / "state") as running:
        yield running
    assert not failures


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of a user's tests."""
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\naddopts = --strict-markers\n"
    )
    return tmp_path


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    return tmp_path / "ready.json"


@pytest.fixture
def up(campus_file: Path, ready: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A lab in a process of its own, told by its ready file."""
    with running("up", campus_file, "--ready-file", ready, "--state-dir", tmp_path / "state") as process:
        wait_for_line(process, "lab ready")
        yield json.loads(ready.read_text()) | {"process": process}
