"""What `posturelab up` and `posturelab node` are told alike by their options."""

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
