"""The container engine of this machine, and the compose program for it: its second version, or 1.29."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache


def find_missing() -> str | None:
    """Say what keeps containers from running here, if anything."""
    if shutil.which("docker") is None:
        return "no container engine: docker is not installed"
    asked = subprocess.run(["docker", "version"], capture_output=True, text=True, timeout=30)
    if asked.returncode != 0:
        return f"no container engine: {asked.stderr.strip().splitlines()[-1]}"
    return None if find_compose() else "neither docker compose nor docker-compose is installed"


@cache
def find_compose() -> tuple[str, ...] | None:
    """Find the compose program."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    return None


def run(command: Sequence[str], *, timeout: float = 60, environment: Mapping[str, str] | None = None) -> str:
    """Run a program; returns what it prints, and raises `RuntimeError` with all it said where it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def docker(*arguments: str, timeout: float = 60) -> str:
    """Ask the engine."""
    return run(["docker", *arguments], timeout=timeout)
