"""Who may read what nodes keep."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nac.node.private_file import make_private_file, make_private_folder


def read_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_all_folders_that_are_made_are_private_and_those_that_exist_keep_their_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(0o755)
    for _ in range(2):
        make_private_folder(shared / "state" / "campus")
    assert [read_mode(path) for path in (shared, shared / "state", shared / "state" / "campus")] == [
        0o755,
        0o700,
        0o700,
    ]


def test_file_that_is_made_is_private_and_one_that_exists_keeps_mode_and_content(tmp_path: Path) -> None:
    path, chosen = tmp_path / "new", tmp_path / "chosen"
    chosen.write_text("kept")
    chosen.chmod(0o640)
    for target in (path, chosen):
        make_private_file(target)
    assert (read_mode(path), read_mode(chosen), chosen.read_text()) == (0o600, 0o640, "kept")


def test_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(OSError, match="state"):
        make_private_folder(tmp_path / "state" / "campus")
