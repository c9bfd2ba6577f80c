"""How a node tells records again that others want: once for all who want them, and never more than can be taken.

Knows nothing of who asks for what, which is for `ldd.reconciliation` to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta

from ldd.digest import Parts
from ldd.link import Link
from ldd.replica import Replica
from nac.node.owned_tasks import OwnedTasks

COALESCING_DELAY = timedelta(milliseconds=100)
"""How long a question or an answer waits for others that it can be one with."""


class Retelling:
    """Tells the records of one replica again, until `stop`."""

    def __init__(self, replica: Replica, *, node: str, link: Link, topic: str, finish: Callable[[str], None]) -> None:
        """Tell on `topic`; `finish` is called with the name of each node that has been told what it wants."""
        self._replica = replica
        self._node = node
        self._link = link
        self._topic = topic
        self._finish = finish
        self._tasks = OwnedTasks()
        self._wanted: dict[str, Parts] = {}
        self._is_telling = False

    def want(self, node: str, parts: Parts) -> None:
        """Note what a node wants, in place of what it wanted before."""
        self._wanted[node] = parts
        if not self._is_telling:
            self._is_telling = True
            self._tasks.spawn(self._tell_wanted(), name=f"{self._node} tells again on {self._topic}")

    async def stop(self) -> None:
        """Tell no more; a second call does nothing."""
        await self._tasks.cancel()
        self._is_telling = False
        self._wanted.clear()

    async def _tell_wanted(self) -> None:
        """Tell what is wanted; where the link falls they ask anew when it is up again."""
        while self._wanted:
            await asyncio.sleep(COALESCING_DELAY.total_seconds())
            wanted, self._wanted = self._wanted, {}
            await self._tell(_unite(wanted.values()))
            for node in sorted(wanted):
                self._finish(node)
        self._is_telling = False

    async def _tell(self, parts: Parts) -> None:
        """Publish the records of some buckets, never more than a step of the walk at once."""
        count = 0
        for records in self._replica.walk(parts):
            for key, record in records:
                self._link.publish(self._topic, key, record)
            count += len(records)
            await asyncio.sleep(0)
            await self._link.drain()
            if not self._link.is_up:
                break
        if count:
            self._replica.note_answer(parts.keys(), count)


def _unite(wanted: Collection[Parts]) -> Parts:
    united: dict[str, set[int]] = {}
    for parts in wanted:
        for share, buckets in parts.items():
            united.setdefault(share, set()).update(buckets)
    return united
