"""Which servers of a group are worth asking: the dead detection of IOS.

A server is dead when both criteria hold: nothing valid heard from it for a time (or ever, since the switch
started), and a number of consecutive timeouts, authentication and accounting counted together. Then it is not asked
for the deadtime, unless it answers something still open or all servers are dead. Malformed replies count as timeouts
by being ignored. IOS-XE counts the timeouts of retransmissions only; which those are the caller says by calling.
Source: aaa-mnt section 9. Instants are seconds of the loop's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

MAXIMUM_DEADTIME = timedelta(minutes=1440)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadCriteria:
    """IOS: radius-server dead-criteria. The defaults are the lower ends of the range IOS computes its own from."""

    time: timedelta = timedelta(seconds=10)
    tries: int = 10

    def __post_init__(self) -> None:
        if self.tries < 1 or self.time < timedelta(0):
            raise ValueError("dead criteria need at least one try and no negative time")


@dataclass(slots=True)
class _Health:
    """What is known of one server."""

    heard_at: float | None = None
    timeouts: int = 0
    dead_until: float | None = None


class ServerGroup:
    """The health of the servers of one group, in configuration order."""

    def __init__(self, names: Iterable[str], *, criteria: DeadCriteria, deadtime: timedelta) -> None:
        """Begin with every server alive; raises `ValueError` for a deadtime outside 0..1440 minutes."""
        if not timedelta(0) <= deadtime <= MAXIMUM_DEADTIME:
            raise ValueError(f"deadtime is 0 to 1440 minutes, not {deadtime}")
        self._criteria = criteria
        self._deadtime = deadtime.total_seconds()
        self._health = {name: _Health() for name in names}

    def list_candidates(self) -> list[str]:
        """List the servers worth asking, in the order to ask them: the live ones, or all where none is alive."""
        return [name for name, health in self._health.items() if health.dead_until is None] or list(self._health)

    def revive(self, now: float) -> list[str]:
        """Let servers live again whose deadtime is over; returns their names."""
        revived = [
            name for name, health in self._health.items() if health.dead_until is not None and health.dead_until <= now
        ]
        for name in revived:
            self._health[name].dead_until = None
        return revived

    def note_reply(self, name: str, now: float) -> bool:
        """Take note of a valid reply; True where it brings the server back to life."""
        health = self._health[name]
        was_dead = health.dead_until is not None
        health.heard_at, health.timeouts, health.dead_until = now, 0, None
        return was_dead

    def note_timeout(self, name: str, now: float) -> bool:
        """Take note of a retransmission without answer; True where it is the one that makes the server dead."""
        health = self._health[name]
        if health.dead_until is not None:
            return False
        health.timeouts += 1
        silent = health.heard_at is None or now - health.heard_at >= self._criteria.time.total_seconds()
        if not silent or health.timeouts < self._criteria.tries:
            return False
        health.timeouts = 0
        health.dead_until = now + self._deadtime
        return True
