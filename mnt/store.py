"""What a monitoring node keeps beyond its own life: sessions, live log, accounting, alarms, and how far it has read.

Decides what belongs into one transaction: rows and the number of the letter they came with, so that a letter that
comes again is known, also after the process was killed (`nac.node.database`). What is noted while a transaction is
under way goes into the next one, a session once, as it then stands. Where the disk takes nothing, what was noted is
kept, within bounds, and goes with the next attempt. Without a path nothing is stored, and only numbers are remembered.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from mnt.session import MonitoredSession
from mnt.store_batch import Batch, FindSession, Stream
from mnt.store_schema import SCHEMA, SESSIONS, Position, StoredRow, Table
from mnt.store_statements import find_oldest, list_corrections
from nac.node.database import Database, DatabaseError, Value
from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime

UNSTORED_LIMIT = 100_000
"""Rows of one table kept while the disk takes nothing."""

_R = TypeVar("_R")


class MonitoringStore:
    """The store of one monitoring node."""

    def __init__(
        self,
        path: Path | None,
        runtime: Runtime,
        *,
        find_session: FindSession,
        unstored_limit: int = UNSTORED_LIMIT,
    ) -> None:
        """Open nothing yet. `find_session` is asked for a session when it is about to be written."""
        self._path = path
        self._database: Database | None = None
        self._runtime = runtime
        self._find_session = find_session
        self._unstored_limit = unstored_limit
        self._streams: dict[str, Stream] = {}
        self._batch = Batch()
        self._committed: asyncio.Future[DatabaseError | None] | None = None
        self._tasks = OwnedTasks()
        self._writes = False
        self._fails = False
        self.oldest_at: datetime | None = None
        """No stored row is older; None while there is none."""

    @property
    def is_open(self) -> bool:
        """Whether anything is stored at present."""
        return self._database is not None

    async def open(self, now: datetime) -> None:
        """Open the file, and pull instants that lie ahead of `now` back to it; raises as `Database.open` does."""
        if self._path is None:
            return
        database = Database(self._path)
        await database.open(SCHEMA)
        try:
            await database.write(list_corrections(now))
            rows = await database.read("SELECT stream, sender, next, updated_at FROM streams")
            self.oldest_at = await find_oldest(database)
        except BaseException:
            await database.close()
            raise
        self._database = database
        self._streams = {
            stream: Stream(sender=sender, next=number, updated_at=datetime.fromisoformat(at))
            for stream, sender, number, at in rows
        }

    async def close(self) -> None:
        """Commit what was noted, and close; a second call does nothing."""
        if self._database is None:
            return
        if self._batch or self._writes:
            await self._begin_commit()
        unstored = self._batch.count_unrepeated()
        if unstored:
            reason = "rows that the disk did not take are lost, for the store is closed"
            self._runtime.write("store-rows-lost", reason, {"rows": unstored})
        database, self._database = self._database, None
        self._batch = Batch()
        await self._tasks.cancel()
        await database.close()

    async def load_sessions(self) -> list[MonitoredSession]:
        """Load all sessions, those longest without news first."""
        return await self._load(SESSIONS, "ORDER BY updated_at, rowid", ())

    async def load_latest(self, table: Table[_R], limit: int) -> list[_R]:
        """Load the latest rows of a table, oldest first."""
        return (await self._load(table, "ORDER BY id DESC LIMIT ?", (limit,)))[::-1]

    def find_next(self, stream: str) -> int | None:
        """Find the number of the next letter of a stream; None where none was read."""
        found = self._streams.get(stream)
        return found.next if found is not None else None

    def knows_sender(self, sender: str) -> bool:
        """Whether a letter of this sender was ever read, in any of its lives."""
        return any(found.sender == sender for found in self._streams.values())

    def note_position(self, position: Position, *, sender: str, now: datetime) -> None:
        """Note that a letter was read."""
        self._streams[position.stream] = Stream(sender=sender, next=position.number + 1, updated_at=now)
        if self._database is not None:
            self._batch.streams[position.stream] = None

    def note_row(self, row: StoredRow, position: Position | None) -> None:
        """Note a row, and the letter it came with."""
        if self._database is None:
            return
        self._batch.add_row(row, position)
        self.oldest_at = self.oldest_at or row.at

    def note_session(self, session_id: str) -> None:
        """Note that a session is new, another one than before, or gone."""
        if self._database is not None:
            self._batch.sessions[session_id] = None

    def note_purge(self, before: datetime) -> None:
        """Note that rows and streams from before an instant are to go; of each sender the latest stream stays."""
        streams = sorted(self._streams.items(), key=lambda item: item[1].updated_at)
        latest = {found.sender: stream for stream, found in streams}
        for stream, found in streams:
            if found.updated_at < before and latest[found.sender] != stream:
                del self._streams[stream]
                if self._database is not None:
                    self._batch.streams[stream] = None
        if self._database is not None:
            self._batch.purged_before = before

    def commit_soon(self) -> None:
        """Commit what was noted, without waiting for it."""
        if self._database is not None and self._batch:
            self._begin_commit()

    async def commit(self) -> None:
        """Wait until what was noted is committed; raises `DatabaseError` where it cannot be, and is kept."""
        if self._database is None:
            return
        error = await asyncio.shield(self._begin_commit())
        if error is not None:
            raise error

    def _begin_commit(self) -> asyncio.Future[DatabaseError | None]:
        """Begin to commit; the result ends when all that was noted is, with what went wrong."""
        if self._committed is None:
            self._committed = asyncio.get_running_loop().create_future()
            if not self._writes:
                self._writes = True
                self._tasks.spawn(self._write(), name=f"store of {self._runtime.node}")
        return self._committed

    async def _write(self) -> None:
        """Commit until nobody waits for it any more."""
        try:
            while self._committed is not None:
                committed, self._committed = self._committed, None
                batch, self._batch = self._batch, Batch()
                try:
                    error = await self._write_batch(batch)
                except BaseException:
                    committed.cancel()
                    raise
                self._report(error)
                committed.set_result(error)
        finally:
            self._writes = False

    async def _write_batch(self, batch: Batch) -> DatabaseError | None:
        """Commit a batch; what is not committed is noted again."""
        assert self._database is not None
        try:
            await self._database.write(batch.list_statements(self._find_session, self._streams))
        except DatabaseError as error:
            self._take_back(batch)
            return error
        if batch.purged_before is not None:
            with suppress(DatabaseError):  # what is committed is; the next purge looks again
                self.oldest_at = await find_oldest(self._database)
        return None

    def _take_back(self, batch: Batch) -> None:
        """Note again what could not be committed."""
        self._batch.put_back(batch)
        for name, count in self._batch.trim(self._unstored_limit).items():
            reason = f"more than {self._unstored_limit} rows of {name} wait for the disk; the oldest are dropped"
            self._runtime.write("store-rows-lost", reason, {"rows": count})

    def _report(self, error: DatabaseError | None) -> None:
        """Tell when writing begins to fail, and when that has ended."""
        if error is not None and not self._fails:
            self._runtime.write("store-failed", f"{error}; what it should hold is kept and tried again")
        elif error is None and self._fails:
            self._runtime.write("store-recovered", "all that waited is stored")
        self._fails = error is not None

    async def _load(self, table: Table[_R], order: str, parameters: tuple[Value, ...]) -> list[_R]:
        if self._database is None:
            return []
        sql = f"SELECT {', '.join(table.columns)} FROM {table.name} {order}"
        return [table.decode(values) for values in await self._database.read(sql, parameters)]
