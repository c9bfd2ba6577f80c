"""What a portal tells of its results, noted instead of followed by anything."""

from __future__ import annotations

from psn.posture.result import PostureResult
from psn.session import Session


class NotedResults:
    """A `psn.posture.result.PostureSink`; `happened` has the order."""

    def __init__(self) -> None:
        self.results: list[PostureResult] = []
        self.unprovisioned: list[tuple[str, str]] = []
        self.happened: list[str] = []

    def apply(self, result: PostureResult) -> None:
        self.happened.append("told")
        self.results.append(result)

    def note_unprovisioned(self, session: Session, operating_system: str) -> None:
        self.unprovisioned.append((session.session_id, operating_system))

    async def settled(self) -> None:
        self.happened.append("settled")
