"""What a node's link has told of itself, kept for whoever asks later: up, or degraded and why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from ldd.link import Link, LinkEvent

NOT_TRIED = "the broker has not answered yet"

TELL_TIMEOUT = 2.0
"""Seconds in which a broker that is there has answered."""


class LinkWatch:
    """Watches one link from before its start."""

    def __init__(self, link: Link) -> None:
        """Begin to watch."""
        self.reason = NOT_TRIED
        """Why the link is not up; empty while it is."""
        self.last_loss = ""
        """What was last said to be missed or dropped."""
        self._told = asyncio.Event()
        link.watch(self._note)

    @property
    def is_up(self) -> bool:
        """Whether what the node publishes reaches the others."""
        return not self.reason

    def describe(self) -> dict[str, str]:
        """Build a JSON-ready view."""
        return {"state": "up" if self.is_up else "degraded", "reason": self.reason, "last_loss": self.last_loss}

    def render(self) -> str:
        """Render it for people: ``up``, or ``degraded`` with the reason."""
        return "up" if self.is_up else f"degraded, {self.reason}"

    async def wait_told(self) -> None:
        """Wait until the link has said for the first time whether it is up."""
        await self._told.wait()

    def _note(self, event: LinkEvent, text: str) -> None:
        match event:
            case LinkEvent.UP:
                self.reason = ""
            case LinkEvent.DOWN | LinkEvent.HELD:
                self.reason = text
            case LinkEvent.MISSED | LinkEvent.DROPPED | LinkEvent.UNREADABLE | LinkEvent.SPOOL_FAILED:
                self.last_loss = text
                return
        self._told.set()


async def wait_until_told(links: Iterable[LinkWatch]) -> None:
    """Wait, not for long, until every link has said for the first time whether it is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(TELL_TIMEOUT):
            for link in links:
                await link.wait_told()
