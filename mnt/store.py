"""What a monitoring node keeps beyond its own life: sessions, live log, accounting, alarms, and how far it has read.

Decides what belongs into one transaction: rows and the number of the letter they came with, so that a letter that
comes again is known, also after the process was killed (`nac.database`). What is noted while a transaction is under way
goes into the next one, a session once, as it then stands. Where the disk takes nothing, what was noted is kept, within
bounds, and goes with the next attempt. Without a path nothing is stored, and only numbers are remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from mnt.session import MonitoredSession
from mnt.store_schema import SCHEMA, SESSIONS, TABLES, Position, StoredRow, Table, render_instant
from nac.database import Database, DatabaseError, Statement, Value
from nac.owned_tasks import OwnedTasks
from nac.runtime import Runtime

UNSTORED_LIMIT = 100_000
"""Rows of one table kept while the disk takes nothing."""

_R = TypeVar("_R")
_Row = tuple[Value, ...]


def _insert(verb: str, name: str, columns: Iterable[str]) -> str:
    listed = tuple(columns)
    return f"{verb} INTO {name} ({', '.join(listed)}) VALUES ({', '.join('?' * len(listed))})"


_INSERTS = {
    table.name: _insert("INSERT", table.name, ("stream", "number", *table.columns)) for table in TABLES.values()
}
_REPLACE_SESSION = _insert("REPLACE", SESSIONS.name, SESSIONS.columns)
_REMOVE_SESSION = "DELETE FROM sessions WHERE session_id = ?"
_REPLACE_STREAM = "REPLACE INTO streams (stream, sender, next, updated_at) VALUES (?, ?, ?, ?)"
_INSTANTS = tuple(name for name in SESSIONS.columns if name.endswith("_at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """How far a life of a sender has been read."""

    sender: str
    next: int
    updated_at: datetime


@dataclass(slots=True)
class _Batch:
    """What is noted and not yet committed."""

    rows: dict[str, list[_Row]] = field(default_factory=lambda: {name: [] for name in _INSERTS})
    sessions: dict[str, None] = field(default_factory=dict)
    streams: dict[str, None] = field(default_factory=dict)
    purged_before: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.sessions or self.streams or self.purged_before or any(self.rows.values()))


class MonitoringStore:
    """The store of one monitoring node."""

    def __init__(
        self,
        path: Path | None,
        runtime: Runtime,
        *,
        find_session: Callable[[str], MonitoredSession | None],
        unstored_limit: int = UNSTORED_LIMIT,
    ) -> None:
        """Open nothing yet. `find_session` is asked for a session when it is about to be written."""
        self._path = path
        self._database: Database | None = None
        self._runtime = runtime
        self._find_session = find_session
        self._unstored_limit = unstored_limit
        self._streams: dict[str, _Stream] = {}
        self._batch = _Batch()
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
            await database.write(_list_corrections(now))
            rows = await database.read("SELECT stream, sender, next, updated_at FROM streams")
            self.oldest_at = await _find_oldest(database)
        except BaseException:
            await database.close()
            raise
        self._database = database
        self._streams = {
            stream: _Stream(sender=sender, next=number, updated_at=datetime.fromisoformat(at))
            for stream, sender, number, at in rows
        }

    async def close(self) -> None:
        """Commit what was noted, and close; a second call does nothing."""
        if self._database is None:
            return
        if self._batch or self._writes:
            await self._begin_commit()
        unstored = sum(map(len, self._batch.rows.values()))
        if unstored:
            reason = "rows that the disk did not take are lost, for the store is closed"
            self._runtime.write("store-rows-lost", reason, {"rows": unstored})
        database, self._database = self._database, None
        self._batch = _Batch()
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

    def note_position(self, position: Position, *, sender: str, now: datetime) -> None:
        """Note that a letter was read."""
        self._streams[position.stream] = _Stream(sender=sender, next=position.number + 1, updated_at=now)
        if self._database is not None:
            self._batch.streams[position.stream] = None

    def note_row(self, row: StoredRow, position: Position | None) -> None:
        """Note a row, and the letter it came with."""
        if self._database is None:
            return
        table = TABLES[type(row)]
        origin = (position.stream, position.number) if position is not None else (None, None)
        self._batch.rows[table.name].append((*origin, *table.encode(row)))
        self.oldest_at = self.oldest_at or row.at

    def note_session(self, session_id: str) -> None:
        """Note that a session is new, another one than before, or gone."""
        if self._database is not None:
            self._batch.sessions[session_id] = None

    def note_purge(self, before: datetime) -> None:
        """Note that rows and streams from before an instant are to go."""
        for stream in [name for name, found in self._streams.items() if found.updated_at < before]:
            del self._streams[stream]
            self._batch.streams.pop(stream, None)
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
                batch, self._batch = self._batch, _Batch()
                try:
                    error = await self._write_batch(batch)
                except BaseException:
                    committed.cancel()
                    raise
                self._report(error)
                committed.set_result(error)
        finally:
            self._writes = False

    async def _write_batch(self, batch: _Batch) -> DatabaseError | None:
        """Commit a batch; what is not committed is noted again."""
        assert self._database is not None
        try:
            await self._database.write(self._list_statements(batch))
        except DatabaseError as error:
            self._take_back(batch)
            return error
        if batch.purged_before is not None:
            with suppress(DatabaseError):  # what is committed is; the next purge looks again
                self.oldest_at = await _find_oldest(self._database)
        return None

    def _list_statements(self, batch: _Batch) -> list[Statement]:
        """List what a batch changes, like statements next to each other."""
        found = [(session_id, self._find_session(session_id)) for session_id in batch.sessions]
        statements: list[Statement] = []
        if batch.purged_before is not None:
            statements += _list_purges(batch.purged_before)
        for name, rows in batch.rows.items():
            statements += [(_INSERTS[name], row) for row in rows]
        statements += [(_REMOVE_SESSION, (session_id,)) for session_id, session in found if session is None]
        statements += [(_REPLACE_SESSION, SESSIONS.encode(session)) for _, session in found if session is not None]
        for stream in batch.streams:
            read = self._streams[stream]
            statements.append((_REPLACE_STREAM, (stream, read.sender, read.next, render_instant(read.updated_at))))
        return statements

    def _take_back(self, batch: _Batch) -> None:
        """Note again what could not be committed, before what was noted since."""
        for name, rows in batch.rows.items():
            rows += self._batch.rows[name]
            dropped = len(rows) - self._unstored_limit
            if dropped > 0:
                del rows[:dropped]
                reason = f"more than {self._unstored_limit} rows of {name} wait for the disk; the oldest are dropped"
                self._runtime.write("store-rows-lost", reason, {"rows": dropped})
        self._batch = replace(
            batch,
            sessions=batch.sessions | self._batch.sessions,
            streams={stream: None for stream in batch.streams | self._batch.streams if stream in self._streams},
            purged_before=self._batch.purged_before or batch.purged_before,
        )

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


async def _find_oldest(database: Database) -> datetime | None:
    """Find the instant of the oldest row; rows lie in the order of time."""
    parts = (f"SELECT at FROM (SELECT at FROM {name} ORDER BY id LIMIT 1)" for name in _INSERTS)
    found = await database.read(" UNION ALL ".join(parts))
    return min((datetime.fromisoformat(at) for (at,) in found), default=None)


def _list_corrections(now: datetime) -> list[Statement]:
    """List what pulls instants back that a clock ahead of ours has left."""
    instant = render_instant(now)
    last = "coalesce((SELECT id FROM {0} WHERE at <= ? ORDER BY id DESC LIMIT 1), 0)"
    pulled = ", ".join(f"{name} = min({name}, ?)" for name in _INSTANTS)
    return [
        *((f"UPDATE {name} SET at = ? WHERE id > {last.format(name)}", (instant, instant)) for name in _INSERTS),
        (f"UPDATE sessions SET {pulled} WHERE updated_at > ?", (instant,) * (len(_INSTANTS) + 1)),
        ("UPDATE streams SET updated_at = ? WHERE updated_at > ?", (instant, instant)),
    ]


def _list_purges(before: datetime) -> list[Statement]:
    """List what removes the rows from before an instant without looking at those that stay."""
    instant = render_instant(before)
    first = "coalesce((SELECT id FROM {0} WHERE at >= ? ORDER BY id LIMIT 1), 9223372036854775807)"
    return [
        *((f"DELETE FROM {name} WHERE id < {first.format(name)}", (instant,)) for name in _INSERTS),
        ("DELETE FROM streams WHERE updated_at < ?", (instant,)),
    ]
