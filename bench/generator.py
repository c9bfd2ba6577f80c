"""The load generator of the benchmarks, compiled when it is first needed."""

from __future__ import annotations

import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def build_generator() -> Path:
    """Compile `radload.c`; raises `CalledProcessError` or `FileNotFoundError` without a C compiler."""
    program = HERE / "build" / "radload"
    program.parent.mkdir(exist_ok=True)
    source = HERE / "radload.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-Wall", "-o", program, source], check=True)
    return program
