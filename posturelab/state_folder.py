"""Where the nodes of a lab keep what outlives them, and how that is forgotten.

``<state>/<topology name>/`` holds ``<node>.sqlite`` with SQLite's own files beside it, and ``<node>.spool``. What waits
at a message broker is not here: `posturelab.links` forgets that.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable
from pathlib import Path

from nac.node.database import DatabaseInUseError

_DATABASE = ".sqlite"
_SPOOL = ".spool"
_SUFFIXES = (_DATABASE, f"{_DATABASE}-wal", f"{_DATABASE}-shm", _SPOOL)


def choose_folder(state_dir: Path, topology: str) -> Path:
    """Choose the folder of a topology, so that two of them never take each other's databases for their own."""
    return state_dir / topology


def spool_path(folder: Path, node: str) -> Path:
    """Where a node's link keeps the letters that wait when it stops."""
    return folder / f"{node}{_SPOOL}"


def forget(folder: Path, nodes: Iterable[str]) -> None:
    """Remove what these nodes have kept, and nothing else that is in the folder.

    Raises `nac.node.database.DatabaseInUseError` where a node runs, and `OSError` where a file cannot be removed.
    """
    for node in nodes:
        database = folder / f"{node}{_DATABASE}"
        lock = Path(f"{database}.lock")
        if not lock.exists():  # no node has ever been here, or one that keeps nothing in a database
            _remove(folder, node)
            continue
        with lock.open("r+b") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatabaseInUseError(f"{database} is in use by another process or node") from None
            _remove(folder, node)


def _remove(folder: Path, node: str) -> None:
    for suffix in _SUFFIXES:
        (folder / f"{node}{suffix}").unlink(missing_ok=True)
