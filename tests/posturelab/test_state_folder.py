"""What nodes keep: where it is, and how it is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from nac.node.database import Database, DatabaseInUseError, Schema
from posturelab.state_folder import choose_folder, forget, spool_path

SCHEMA = Schema(application=1, version=1, script="CREATE TABLE a (b TEXT)")


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


async def write(folder: Path, node: str) -> Database:
    database = Database(folder / f"{node}.sqlite")
    await database.open(SCHEMA)
    await database.write([("INSERT INTO a VALUES (?)", ["kept"])])
    return database


async def test_every_topology_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert choose_folder(tmp_path, "campus") == tmp_path / "campus"
    assert spool_path(tmp_path / "campus", "psn1") == tmp_path / "campus" / "psn1.spool"


async def test_what_these_nodes_kept_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    for node in ("psn1", "psn2"):
        await (await write(tmp_path, node)).close()
        spool_path(tmp_path, node).write_text("a letter")
    forget(tmp_path, ["psn1", "psn3"])
    assert list_files(tmp_path) == ["psn2.spool", "psn2.sqlite"]
    database = Database(tmp_path / "psn1.sqlite")
    await database.open(SCHEMA)
    assert await database.read("SELECT b FROM a") == []
    await database.close()


async def test_what_a_running_node_keeps_is_left_alone(tmp_path: Path) -> None:
    database = await write(tmp_path, "psn1")
    with pytest.raises(DatabaseInUseError, match=r"psn1.sqlite is in use by another process or node$"):
        forget(tmp_path, ["psn1"])
    assert await database.read("SELECT b FROM a") == [("kept",)]
    await database.close()


def test_a_folder_that_is_not_there_holds_nothing_to_forget(tmp_path: Path) -> None:
    forget(tmp_path / "absent", ["psn1"])
    assert not (tmp_path / "absent").exists()
