"""How a node's replica follows the bus, and how it is kept from growing for ever.

A damaged message changes nothing but the journal. Expiry needs no timer: only records that come make a replica grow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ldd.bus import Bus
from ldd.directory import RadiusSessionDirectory
from ldd.record import RecordError, decode_record
from nac.runtime import Runtime

EXPIRY_INTERVAL = timedelta(minutes=5)
"""How often a replica is searched for what has outlived its lifetime, at most."""


class Replication:
    """Keeps one replica up to date between `start` and `stop`."""

    def __init__(self, runtime: Runtime, *, directory: RadiusSessionDirectory, bus: Bus) -> None:
        """Follow nothing before `start`."""
        self._runtime = runtime
        self._directory = directory
        self._bus = bus
        self._unsubscribe: Callable[[], None] | None = None
        self._searched_at: datetime | None = None

    def start(self) -> None:
        """Begin to follow the bus; raises `ValueError` where a node of this name follows it already."""
        self._unsubscribe = self._bus.subscribe(self._runtime.node, self._take)

    def stop(self) -> None:
        """Cease to follow, and forget what nobody keeps up to date any more; a second call does nothing."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self._directory.clear()

    def _take(self, message: bytes) -> None:
        try:
            record = decode_record(message)
        except RecordError as error:
            self._runtime.write("rsd-record-refused", str(error))
            return
        self._directory.merge(record)
        self._expire(self._runtime.clock.now())

    def _expire(self, now: datetime) -> None:
        if self._searched_at is not None and now - self._searched_at < EXPIRY_INTERVAL:
            return
        self._searched_at = now
        for record in self._directory.expire(now):
            why = f"no record since {record.at.isoformat()}"
            self._runtime.write("rsd-expired", why, {"session_id": record.session_id, "mac": record.mac})
