"""The command line as tests use it: real processes that end, or that run until they are stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 100.0
"""Seconds until a test gives a process up, on a machine that is slow or busy with other things too."""


def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posturelab", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=os.environ | environment, check=False
    )


def refuse(*arguments: str | Path, **environment: str) -> str:
    """Call a command that must end with status 2 and one line on stderr."""
    done = call(*arguments, **environment)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr.rstrip("\n")


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "posturelab", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def get(url: str) -> dict[str, Any]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=PATIENCE) as response:
        told: dict[str, Any] = json.load(response)
        return told


def wait_for_line(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """Read lines until one is wanted; returns them all."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if wanted in line:
            return lines
    raise AssertionError(process.stderr.read() if process.stderr else lines)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=PATIENCE)


def write(folder: Path, text: str, name: str = "lab.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path
