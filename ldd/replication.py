"""How a node's replica follows the others, and how it is kept from growing for ever.

What happens to a session is told on one topic; what has been missed is told again on another (`ldd.reconciliation`),
the records of one owner being a share. A record that is damaged, or of an instant that is still to come, changes
nothing but the journal. A timer searches the replica for what has outlived its lifetime: records of this node's own
make it grow as well as those that come, and one in which nothing happens is to forget too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from ldd.digest import Digest, Parts
from ldd.directory import RadiusSessionDirectory
from ldd.link import Json, Link
from ldd.lsd_log import render_merged
from ldd.merge_statistics import MergeStatistics
from ldd.reconciliation import Reconciliation
from ldd.record import TOPIC, RecordError, SessionRecord, decode_record, encode_record
from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime

SYNC_TOPIC = "session-sync"
"""Of records that tell again what may have been missed."""

DIGEST_TOPIC = "session-digest"

EXPIRY_INTERVAL = timedelta(hours=1)
"""How often a replica is searched for what has outlived its lifetime, which is a day at least."""

GREATEST_LEAD = timedelta(days=1)
"""How far ahead of this node's clock another one's may be; a record from later could never be outdone by a true one."""


class Replication:
    """Keeps one replica up to date between `start` and `stop`, by a link that somebody else starts and stops."""

    def __init__(self, runtime: Runtime, *, directory: RadiusSessionDirectory, link: Link) -> None:
        """Subscribe; nothing is taken or sent before `start`."""
        self.statistics = MergeStatistics()
        self._runtime = runtime
        self._directory = directory
        self._link = link
        self._tasks = OwnedTasks()
        self._is_running = False
        link.subscribe(TOPIC, self._take)
        link.subscribe(SYNC_TOPIC, self._take_again)
        self._reconciliation = Reconciliation(
            self, node=runtime.node, link=link, topic=DIGEST_TOPIC, record_topic=SYNC_TOPIC
        )

    @property
    def digest(self) -> Digest:
        """What the replica holds (`ldd.replica.Replica`)."""
        return self._directory.digest

    def start(self) -> None:
        """Begin to follow the others."""
        self._is_running = True
        self._reconciliation.start()
        self._tasks.spawn(self._forget_regularly(), name=f"{self._runtime.node} forgets old sessions")

    async def stop(self) -> None:
        """Cease to follow, and forget what nobody keeps up to date any more; a second call does nothing.

        The link may go on: what it still brings is ignored.
        """
        self._is_running = False
        await self._reconciliation.stop()
        await self._tasks.cancel()
        self._directory.clear()

    def walk(self, parts: Parts) -> Iterator[list[tuple[str, bytes]]]:
        """Walk keys and records of some owners' buckets (`ldd.replica.Replica`)."""
        for records in self._directory.walk(parts):
            yield [(record.session_id, encode_record(record)) for record in records]

    def note_question(self, why: str) -> None:
        """Tell that the others are asked."""
        self._runtime.write("rsd-resync-asked", why, {"sessions": len(self._directory)})

    def note_answer(self, shares: Collection[str], count: int) -> None:
        """Tell that records were told again."""
        why = f"other replicas hold other records of {', '.join(sorted(shares))}"
        self._runtime.write("rsd-resync-answered", why, {"records": count})

    def refuse(self, sender: str, reason: str) -> None:
        """Tell that a message is damaged."""
        self.statistics.refused += 1
        self._runtime.write("rsd-record-refused", reason, {"from": sender})

    def _take(self, sender: str, records: Sequence[Json]) -> None:
        """Merge what has just happened to sessions elsewhere."""
        if not self._is_running:
            return
        now = self._runtime.clock.now()
        for record in self._decode(sender, records, now):
            former = self._directory.find_owner(record.session_id)
            if self._directory.merge(record):
                self.statistics.note(now - record.at)
                self._tell_merged(record, former)

    def _take_again(self, sender: str, records: Sequence[Json]) -> None:
        """Merge what another node tells again."""
        if not self._is_running:
            return
        now = self._runtime.clock.now()
        missing = [record for record in records if not self._is_held(record)]
        merged = sum([self._directory.merge(record) for record in self._decode(sender, missing, now)])
        self.statistics.merged += merged
        if merged:
            why = f"{sender} told again what was missed here"
            self._runtime.write("rsd-resynced", why, {"from": sender, "records": merged})

    def _is_held(self, members: Json) -> bool:
        """Tell whether a record that is told again is known here, as it is to most; cheaper than to decode it."""
        match members:
            case {"auditSessionID": str(session_id), "psnName": psn, "authenticatedAt": at, "version": version}:
                return self._directory.holds(session_id, (at, psn, version))
            case _:
                return False

    def _decode(self, sender: str, records: Sequence[Json], now: datetime) -> list[SessionRecord]:
        """Decode what is neither damaged nor past its lifetime nor still to come."""
        decoded = []
        for members in records:
            try:
                record = decode_record(members)
                if max(record.authenticated_at, record.at) > now + GREATEST_LEAD:
                    raise RecordError(f"it is of {max(record.authenticated_at, record.at).isoformat()}")
            except RecordError as error:
                self.refuse(sender, str(error))
                continue
            if not self._directory.is_past(record, now):
                decoded.append(record)
        return decoded

    def _tell_merged(self, record: SessionRecord, former: str | None) -> None:
        why = f"{record.psn} tells of its session"
        if former is not None and former != record.psn:
            why = f"{record.psn} has taken the session over from {former}"
        facts = {
            "session_id": record.session_id,
            "mac": record.mac,
            "owner": record.psn,
            "state": record.state.value,
            "posture_status": record.posture_status.value if record.posture_status else "",
            "version": record.version,
            "log": render_merged(record.session_id),
        }
        self._runtime.write("rsd-merged", why, facts)

    async def _forget_regularly(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_INTERVAL.total_seconds())
            await self._forget_past(self._runtime.clock.now())

    async def _forget_past(self, now: datetime) -> None:
        for expired in self._directory.expire(now):
            for record in expired:
                why = f"no record since {record.at.isoformat()}"
                self._runtime.write("rsd-expired", why, {"session_id": record.session_id, "mac": record.mac})
            await asyncio.sleep(0)
