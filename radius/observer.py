"""How this room reports a decision, without knowing who listens: the lab's journal, a log, a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Observer = Callable[[str, str, Mapping[str, str | int | float | bool | None]], None]
"""`observe(event, reason, facts)`: a short kebab-case word, a sentence that says why, and plain facts."""
