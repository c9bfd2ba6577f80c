"""Files that are written as a whole or not at all."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest

from posturelab.reading.whole_file import write_whole


def test_a_file_is_replaced_and_has_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "lab-ca.key"
    for content in (b"first", b"second"):
        write_whole(path, content, mode=0o600)
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (content, 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_takes_no_more_leaves_what_was_there_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lab-ca.key"
    write_whole(path, b"first")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            write_whole(path, b"second")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, former)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
