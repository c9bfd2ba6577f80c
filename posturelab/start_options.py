"""What the commands that start something have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """How a lab or a node is started: where it keeps what outlives it, whom it tells, and over which broker."""

    state_dir: Path
    ready_file: Path | None = None
    quiet: bool = False
    """Whether the journal is not printed."""
    brokers: tuple[str, ...] = ()
    """URLs of the members of one message broker; none leaves it to the topology."""
    fresh: bool = False
    """Whether a lab first forgets what its nodes have kept."""
    plug: bool = False
    """Whether an endpoint begins with its cable in."""
