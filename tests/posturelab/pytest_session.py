"""Test sessions of a user's, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

PATIENCE = 100.0


def run_pytest(folder: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Run a test session in a folder; warnings are errors, and other plugins are absent but for that of coroutines."""
    settings = ["-rs", "-p", "no:cacheprovider", "-p", "no:timeout", "-W", "error"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *options],
        cwd=folder,
        env=os.environ | {"CI": ""} | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def write_tests(folder: Path, source: str) -> None:
    (folder / "test_it.py").write_text("import pytest\n" + dedent(source))
