"""A node's part in light data distribution over its link, the same for every kind of node.

Its replica of the sessions of all nodes, where the era has one, and the alarm that the link is broken. Born in the
order alarm, replication, link. What follows the others ends before the link, which then sends what is left and brings
nothing that anybody takes; the alarm ends last, for what goes wrong at the farewell is to be told too: letters that
cannot be kept.
"""

from __future__ import annotations

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.link import Link
from ldd.link_alarm import LinkAlarm, RaiseAlarm
from ldd.replication import Replication
from nac.node.runtime import Runtime


class Membership:
    """Starts and stops one node's link, and what belongs to it. A node that is alone has none, and shares nothing."""

    def __init__(self, runtime: Runtime, link: Link | None, *, era: Era, name: str) -> None:
        """Subscribe to what the era has; nothing is sent before `start`. Alarms call the node `name`."""
        self.rsd = RadiusSessionDirectory()
        """The node's replica; empty without a link, and in the era that has none."""
        self.replication: Replication | None = None
        """What keeps the replica up to date; None where it stays empty."""
        self._link = link
        if link is not None:
            self._alarm = LinkAlarm(runtime, link, name=name)
            if era is not Era.OFF:
                self.replication = Replication(runtime, directory=self.rsd, link=link)

    async def start(self, raise_alarm: RaiseAlarm) -> None:
        """Follow the others; raises what the link's start raises."""
        if self._link is None:
            return
        self._alarm.start(raise_alarm)
        if self.replication is not None:
            self.replication.start()
        await self._link.start()

    async def stop(self) -> None:
        """Forget the others' sessions, and send what waits, as far as that goes quickly; a second call does nothing."""
        if self._link is None:
            return
        if self.replication is not None:
            await self.replication.stop()
        await self._link.stop()
        self._alarm.stop()
