"""Files and folders of state that only the user of the process may read: sessions, users and addresses are in them.

What exists keeps the mode it has, for somebody may have chosen it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def make_private_folder(path: Path) -> None:
    """Make a folder, and those above it, as far as they do not exist; raises `OSError`."""
    if not path.is_dir():
        make_private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make an empty file unless there is one; raises `OSError`."""
    with suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)
