"""Nodes that run elsewhere, seen through their control APIs: here, one node in a process of its own."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nac.node.clock import SystemClock
from nac.node.journal import Journal
from posturelab.control.client import ControlError
from posturelab.journal.page import describe_page
from posturelab.journal.query import RecordQuery
from posturelab.lab_error import UnknownNodeError
from posturelab.testing.containers import (
    ContainerNode,
    ContainersAbsentError,
    LabContainers,
    find_containers,
    list_controls,
)
from tests.posturelab.command_line import running, wait_for_line


@pytest.fixture
def containers(campus_file: Path, ready: Path, tmp_path: Path, block: int) -> Iterator[LabContainers]:
    options = ("--ready-file", ready, "--state-dir", tmp_path / "state", "--control", f"127.{block}.1.1:0")
    with running("node", "psn1", "--topology", campus_file, *options) as process:
        wait_for_line(process, "psn1 ready")
        yield find_containers([f"psn1={json.loads(ready.read_text())['control']}"], tmp_path)


def test_a_node_is_found_and_asked(containers: LabContainers) -> None:
    node = containers["psn1"]
    assert node.ready()["kind"] == "psn"
    assert "sessions" in json.dumps(node.snapshot())
    assert node.wait_for("log-transport")["node"] == "psn1"
    assert node.records("log-transport", no_such_fact=None) == [], "an absent fact has no value"
    containers.mark()
    assert node.records() == []
    with pytest.raises(AssertionError, match="psn1: log-transport was not seen within 0s"):
        node.wait_for("log-transport", within=0)
    with pytest.raises(ValueError, match="no journal event is called 'log-transprt'"):
        node.records("log-transprt")
    with pytest.raises(UnknownNodeError, match="no node is called 'laptop1'; there are: psn1"):
        containers.plug("laptop1")


def test_words_are_nodes_or_topologies(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(
        "name: two\ncontrol: {node_port: 8600, token: t}\n"
        "nodes:\n  psn1: {kind: psn, address: 127.0.1.1}\n  mnt1: {kind: mnt, address: 127.0.2.1}\n"
    )
    assert list_controls(["two.yaml", "psn1=http://127.0.0.1:8601"], tmp_path) == {
        "psn1": "http://127.0.0.1:8601",
        "mnt1": "http://127.0.2.1:8600",
    }
    with pytest.raises(ValueError, match=r"the topology campus has no control\.node_port"):
        list_controls(["campus"], tmp_path)


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTURELAB_CONTAINERS", "psn7=http://127.0.0.1:1")
    with pytest.raises(ContainersAbsentError, match="psn7 is not there: no lab answers at http://127"):
        find_containers(["psn1=http://127.0.0.1:2"], tmp_path)


def test_the_journal_of_a_restarted_node_is_looked_at_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    node, journal = ContainerNode("psn1", "http://127.0.0.1:1"), Journal(SystemClock())

    def get(path: str) -> dict[str, Any]:
        return describe_page(journal, int(re.findall(r"since=(\d+)", path)[0]), RecordQuery())

    def restart(records: int) -> None:
        nonlocal journal
        journal = Journal(SystemClock())
        for _ in range(records):
            journal.write("psn1", "log-transport", "it logs")

    monkeypatch.setattr(node.control, "get", get)
    restart(5)
    node.mark()
    assert node.records() == []
    restart(2)
    assert [record["number"] for record in node.records()] == [0, 1]
    for _ in range(9):
        journal.write("psn1", "log-transport", "it logs")
    assert len(node.records()) == 11, "the old mark is forgotten"
    node.mark()
    restart(3)
    node.mark()
    assert node.records() == []


class Api(ThreadingHTTPServer):
    """A control API that is there when it is told, and answers what a function says."""

    daemon_threads = True

    def __init__(self, answer: Callable[[], tuple[int, dict[str, Any]]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, told = answer()
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server_bind()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def begin(self) -> None:
        self.server_activate()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


@contextmanager
def serving(*apis: Api) -> Iterator[None]:
    for api in apis:
        api.begin()
    try:
        yield
    finally:
        for api in apis:
            api.shutdown()
            api.server_close()


def tell_record() -> tuple[int, dict[str, Any]]:
    journal = Journal(SystemClock())
    journal.write("psn1", "log-transport", "it logs")
    return 200, describe_page(journal, 0, RecordQuery())


@pytest.mark.parametrize("work", ["wait_for", "mark"])
def test_a_node_that_restarts_is_waited_for(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = iter([tell_record(), (200, {"records": [], "next": 1})])
    api, naps = Api(lambda: next(pages)), []

    def sleep(_: float) -> None:
        naps.append(threading.Thread(target=api.begin))
        naps[-1].start()
        naps[-1].join()

    node = ContainerNode("psn1", api.url)
    monkeypatch.setattr("posturelab.testing.containers.time.sleep", sleep)
    if work == "mark":
        node.mark(within="30s")
    else:
        assert node.wait_for("log-transport", within="30s")["event"] == "log-transport"
    assert len(naps) == 1, "the first connection was refused"
    api.shutdown()
    api.server_close()


def test_a_node_that_stays_away_is_told_at_the_end() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        node = ContainerNode("psn1", f"http://127.0.0.1:{reserved.getsockname()[1]}")
        with pytest.raises(AssertionError, match=r"^psn1: log-transport was not seen within 0s: no lab answers at "):
            node.wait_for("log-transport", within="0s")
        with pytest.raises(ControlError, match=r"^no lab answers at http:"):
            node.mark(within=0)
        with pytest.raises(ControlError, match=r"^psn1: no lab answers at http:.*; psn2: no lab answers at http:"):
            LabContainers({"psn1": node.control.url, "psn2": node.control.url}).mark(within=0)


def test_a_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("posturelab.testing.containers.time.sleep")
    api = Api(lambda: (401, {"error": "the token is not the lab's"}))
    with serving(api), pytest.raises(AssertionError, match=r"within 30s: the token is not the lab's$"):
        ContainerNode("psn1", api.url).wait_for("log-transport", within=30)


@pytest.mark.parametrize("limit", ["250ms", 0.25, timedelta(milliseconds=250)])
def test_a_time_limit_is_written_as_anywhere_or_in_seconds(limit: str | float | timedelta) -> None:
    api = Api(lambda: (200, {"records": [], "next": 0}))
    with serving(api), pytest.raises(AssertionError, match=r"^psn1: log-transport was not seen within 250ms$"):
        ContainerNode("psn1", api.url).wait_for("log-transport", within=limit)
    with pytest.raises(ValueError, match="'soon' is not a duration"):
        ContainerNode("psn1", api.url).wait_for("log-transport", within="soon")


def test_all_nodes_are_asked_at_the_same_time(tmp_path: Path) -> None:
    together = threading.Barrier(3)

    def answer() -> tuple[int, dict[str, Any]]:
        together.wait(30)
        return 200, {"records": [], "next": 0}

    apis = [Api(answer) for _ in range(3)]
    with serving(*apis):
        containers = find_containers([f"psn{number}={api.url}" for number, api in enumerate(apis)], tmp_path)
        containers.mark()


def test_every_node_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContainersAbsentError, match=r"^psn1 is not there: .*; psn2 is not there: "):
        find_containers(["psn1=http://127.0.0.1:1", "psn2=http://127.0.0.1:2"], tmp_path)
