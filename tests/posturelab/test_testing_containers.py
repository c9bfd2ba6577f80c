"""Nodes that run elsewhere, seen through their control APIs: here, one node in a process of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nac.clock import SystemClock
from nac.journal import Journal
from posturelab.journal_json import describe_page
from posturelab.lab import UnknownNodeError
from posturelab.testing_containers import (
    ContainerNode,
    ContainersAbsentError,
    LabContainers,
    find_containers,
    list_controls,
)
from tests.posturelab.commands import running, wait_for_line


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
    assert node.records("log-transport", no_such_fact=1) == []
    containers.mark()
    assert node.records() == []
    with pytest.raises(AssertionError, match="psn1: log-transport was not seen within 0 s"):
        node.wait_for("log-transport", within=0)
    with pytest.raises(ValueError, match="no journal record has the event 'log-transprt'"):
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
        return describe_page(journal, int(re.findall(r"since=(\d+)", path)[0]))

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
