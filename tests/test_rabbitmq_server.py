"""How the tests' own broker starts where a port was taken in between, and what is said where it does not start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import rabbitmq_server
from tests.rabbitmq_server import RabbitMqServer

TAKEN = 'echo "{error,dist_port_already_used}"; exit 1'
LISTENS = """
import pathlib, re, socket, time
port = re.search(r":([0-9]+)", pathlib.Path("rabbitmq.conf").read_text()).group(1)
listener = socket.create_server(("127.0.0.1", int(port)))
time.sleep(60)
"""


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of programs in the place of RabbitMQ's; there is no port mapper."""
    folder = tmp_path / "rabbitmq_server-1" / "sbin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(rabbitmq_server, "_PROGRAMS", tmp_path)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    write_program(folder / "epmd", "exit 1")
    return folder


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_start_that_fails_is_tried_again_on_other_ports(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "listens.py").write_text(LISTENS)
    succeeds = f"exec {sys.executable} {tmp_path}/listens.py"
    write_program(programs / "rabbitmq-server", f"if mkdir tried 2>/dev/null; then {TAKEN}; fi; {succeeds}")
    server = RabbitMqServer(tmp_path / "broker")
    first_url = server.url
    server.start()
    try:
        assert server.url != first_url
    finally:
        server.kill()
        server.stop()


def test_broker_that_does_not_start_is_quoted(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "rabbitmq-server", TAKEN)
    server = RabbitMqServer(tmp_path / "broker")
    with pytest.raises(RuntimeError, match=r"RabbitMQ did not start: .*dist_port_already_used"):
        server.start()


def test_broker_that_ended_by_itself_can_be_stopped_and_thawed(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "rabbitmq-server", "exit 0")
    server = RabbitMqServer(tmp_path / "broker")
    server.begin()
    server.thaw()
    server.stop()
