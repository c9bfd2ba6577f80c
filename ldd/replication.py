"""How a node's replica follows the others, and how it is kept from growing for ever.

What happens to a session is told on one topic. What has been missed is made up for by digests (`ldd.digest`): a node
whose link comes up, or that misses records, tells what its replica holds; whoever holds something else answers with
its records of the owners in question and with its own digest, by which the asker sees what the other lacks, and sends
that. So two replicas that have spoken both hold the union of what they held; that is ours, ISE's way is not public. A
damaged message changes nothing but the journal. Expiry needs no timer: only records that come make a replica grow.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from ldd.digest import DigestError, Share, decode_shares
from ldd.directory import RadiusSessionDirectory
from ldd.link import Json, Link, LinkEvent
from ldd.lsd_log import render_merged
from ldd.merge_statistics import MergeStatistics
from ldd.record import TOPIC, RecordError, SessionRecord, decode_record, encode_record
from nac.owned_tasks import OwnedTasks
from nac.runtime import Runtime

SYNC_TOPIC = "session-sync"
"""Of records that tell again what may have been missed."""

DIGEST_TOPIC = "session-digest"

EXPIRY_INTERVAL = timedelta(minutes=5)
"""How often a replica is searched for what has outlived its lifetime, at most."""

COALESCING_DELAY = timedelta(milliseconds=100)
"""How long a question or an answer waits for others that it can be one with."""


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
        self._is_asking = False
        self._is_answering = False
        self._owed: set[str] = set()
        self._askers: set[str] = set()
        self._searched_at: datetime | None = None
        link.subscribe(TOPIC, self._take)
        link.subscribe(SYNC_TOPIC, self._take_again)
        link.subscribe(DIGEST_TOPIC, self._compare)
        link.watch(self._on_link)

    def start(self) -> None:
        """Begin to follow the others."""
        self._is_running = True
        if self._link.is_up:
            self._ask("the node starts")

    async def stop(self) -> None:
        """Cease to follow, and forget what nobody keeps up to date any more; a second call does nothing."""
        self._is_running = False
        await self._tasks.cancel()
        self._is_asking = self._is_answering = False
        self._owed.clear()
        self._askers.clear()
        self._searched_at = None
        self._directory.clear()

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
        self._expire(now)

    def _take_again(self, sender: str, records: Sequence[Json]) -> None:
        """Merge what another node tells again."""
        if not self._is_running:
            return
        now = self._runtime.clock.now()
        merged = sum([self._directory.merge(record) for record in self._decode(sender, records, now)])
        self.statistics.merged += merged
        if merged:
            why = f"{sender} told again what was missed here"
            self._runtime.write("rsd-resynced", why, {"from": sender, "records": merged})
        self._expire(now)

    def _decode(self, sender: str, records: Sequence[Json], now: datetime) -> list[SessionRecord]:
        """Decode what is neither damaged nor past its lifetime."""
        decoded = []
        for members in records:
            try:
                record = decode_record(members)
            except RecordError as error:
                self._refuse(sender, error)
                continue
            if not self._directory.is_past(record, now):
                decoded.append(record)
        return decoded

    def _refuse(self, sender: str, error: RecordError | DigestError) -> None:
        self.statistics.refused += 1
        self._runtime.write("rsd-record-refused", str(error), {"from": sender})

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

    def _on_link(self, event: LinkEvent, why: str) -> None:
        """Ask where something may have been missed, here or, by what was dropped here, elsewhere."""
        if self._is_running and event is not LinkEvent.DOWN and self._link.is_up:
            self._ask(why)

    def _ask(self, why: str) -> None:
        if not self._is_asking:
            self._is_asking = True
            self._tasks.spawn(self._ask_soon(why), name=f"{self._runtime.node} asks for sessions")

    async def _ask_soon(self, why: str) -> None:
        """Tell the others what this replica holds; first goes what waits, so that they have that by then."""
        await asyncio.sleep(COALESCING_DELAY.total_seconds())
        await self._link.drain()
        self._is_asking = False
        if self._link.is_up:
            self._publish_digest(answers="")
            self._runtime.write("rsd-resync-asked", why, {"sessions": len(self._directory)})

    def _publish_digest(self, *, answers: str) -> None:
        """Publish the digest, as a question to everybody or as an answer to one node."""
        message = {"answers": answers, "shares": self._directory.digest.shares}
        self._link.publish(DIGEST_TOPIC, answers, json.dumps(message, separators=(",", ":")).encode())

    def _compare(self, sender: str, messages: Sequence[Json]) -> None:
        """Answer the digest of a node whose replica holds other records than this one's."""
        if not self._is_running:
            return
        for message in messages:
            try:
                answers, shares = _decode_digest(message)
            except DigestError as error:
                self._refuse(sender, error)
                continue
            if answers not in ("", self._runtime.node):
                continue
            owners = self._directory.digest.list_differing(shares)
            if owners:
                self._owed.update(owners)
                if not answers:
                    self._askers.add(sender)
                self._answer()

    def _answer(self) -> None:
        if not self._is_answering:
            self._is_answering = True
            self._tasks.spawn(self._answer_soon(), name=f"{self._runtime.node} tells its sessions again")

    async def _answer_soon(self) -> None:
        """Tell again what is owed, then send those who asked the digest.

        Where the link breaks this ends: when it is up again all this is asked and compared anew.
        """
        while self._owed:
            await asyncio.sleep(COALESCING_DELAY.total_seconds())
            owners, self._owed = self._owed, set()
            askers, self._askers = self._askers, set()
            count = await self._tell_again(owners)
            if not self._link.is_up:
                break
            for asker in sorted(askers):
                self._publish_digest(answers=asker)
            if count:
                why = f"other replicas hold other records of {', '.join(sorted(owners))}"
                self._runtime.write("rsd-resync-answered", why, {"records": count})
        self._owed.clear()
        self._askers.clear()
        self._is_answering = False

    async def _tell_again(self, owners: set[str]) -> int:
        """Publish the records of some owners, never more than a slice at once; tell how many."""
        count = 0
        for records in self._directory.walk_owned(owners):
            for record in records:
                self._link.publish(SYNC_TOPIC, record.session_id, encode_record(record))
            count += len(records)
            await asyncio.sleep(0)
            await self._link.drain()
            if not self._link.is_up:
                break
        return count

    def _expire(self, now: datetime) -> None:
        if self._searched_at is None or now - self._searched_at >= EXPIRY_INTERVAL:
            self._searched_at = now
            self._tasks.spawn(self._forget_past(now), name=f"{self._runtime.node} forgets old sessions")

    async def _forget_past(self, now: datetime) -> None:
        for expired in self._directory.expire(now):
            for record in expired:
                why = f"no record since {record.at.isoformat()}"
                self._runtime.write("rsd-expired", why, {"session_id": record.session_id, "mac": record.mac})
            await asyncio.sleep(0)


def _decode_digest(message: Json) -> tuple[str, dict[str, Share]]:
    """Decode whom a digest answers, or nobody, and its shares; raises `DigestError`."""
    match message:
        case {"answers": str(answers), "shares": shares}:
            return answers, decode_shares(shares)
        case _:
            raise DigestError("it says not whom it answers")
