"""What one node keeps beyond its own life: an SQLite file, written in groups, in threads.

Decides when to commit, and whose file a file is; knows nothing of what is in it. All writes that come while a
transaction is under way go together into the next one, in their order. A write is over when it is committed: what
follows finds it, also after the process was killed (WAL, synchronous=NORMAL: https://www.sqlite.org/pragma.html); only
a machine that loses power may lose the last moments. A lock file beside the database keeps other processes out, and
the modes of both keep out other users.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from nac.node.private_file import make_private_file, make_private_folder

Value = str | int | float | bytes | None
Statement = tuple[str, Sequence[Value]]
"""One INSERT, UPDATE, DELETE or REPLACE, and its parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a database holds. `application` marks the files of one kind of node (``PRAGMA application_id``).

    `upgrades` are scripts by the version that they make the next one of; a file of an older one is of no use.
    """

    application: int
    version: int
    script: str
    upgrades: Mapping[int, str] = field(default_factory=dict)


class DatabaseError(OSError):
    """A database cannot be opened, read or written; says which and why in one sentence."""


class DatabaseUnusableError(DatabaseError):
    """A file is damaged, another's or of another release: it will never be of use to this node."""


class DatabaseInUseError(DatabaseError):
    """Another process, or another node of this one, has the database open."""


class Database:
    """The database of one node; to be used inside its event loop. Without a path it lives in memory, until closed."""

    def __init__(self, path: Path | None) -> None:
        """Open nothing yet; missing folders are made by `open`."""
        self._path = path
        self._name = "the database in memory" if path is None else str(path)
        self._mutex = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._takes_writes = False
        self._queue: list[_Write] = []
        self._group: list[_Write] = []
        self._job: asyncio.Future[list[Exception | None]] | None = None

    @property
    def pending(self) -> int:
        """How many writes are not committed yet."""
        return len(self._queue) + len(self._group)

    async def open(self, schema: Schema) -> None:
        """Open the file, or make it; `DatabaseError` where it is another's, damaged, or of another schema."""
        if self._connection is not None:
            raise RuntimeError(f"{self._name} is open already")
        await asyncio.get_running_loop().run_in_executor(None, self._open, schema)
        self._takes_writes = True

    async def close(self) -> None:
        """Commit what waits, and close; a second call does nothing."""
        self._takes_writes = False
        while (job := self._begin_job()) is not None:
            await asyncio.wait({job})
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def write(self, statements: Iterable[Statement]) -> asyncio.Future[None]:
        """Write all of these statements, or none; the result ends when they are committed.

        It fails with `DatabaseError` where the disk does not take them, which concerns neither the writes before nor
        those behind. Cancelling it changes nothing. Whoever does not wait for it adds a callback that looks at its
        exception.
        """
        loop = asyncio.get_running_loop()
        if not self._takes_writes:
            raise RuntimeError(f"{self._name} is not open")
        write = _Write(list(statements), loop.create_future())
        if not self.pending:
            loop.call_soon(self._begin_job)
        self._queue.append(write)
        return write.future

    async def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Read the rows of a SELECT; it sees what is committed. Raises `DatabaseError`."""
        return await asyncio.get_running_loop().run_in_executor(None, self._read, sql, parameters)

    def _begin_job(self) -> asyncio.Future[list[Exception | None]] | None:
        """Commit what waits unless a transaction is under way; returns the one that is."""
        if self._job is None and self._queue:
            self._group, self._queue = self._queue, []
            statements = [write.statements for write in self._group]
            self._job = asyncio.get_running_loop().run_in_executor(None, self._commit, statements)
            self._job.add_done_callback(self._end_job)
        return self._job

    def _end_job(self, job: asyncio.Future[list[Exception | None]]) -> None:
        group, self._group, self._job = self._group, [], None
        for write, error in zip(group, job.result(), strict=True):
            if write.future.done():
                continue
            if error is None:
                write.future.set_result(None)
            else:
                write.future.set_exception(error)
        self._begin_job()

    def _commit(self, group: list[list[Statement]]) -> list[Exception | None]:
        """Commit several writes in one transaction, or each in its own where they cannot go together."""
        with self._mutex:
            error = self._transact([statement for statements in group for statement in statements])
            if error is None or len(group) == 1:
                return [error] * len(group)
            return [self._transact(statements) for statements in group]

    def _transact(self, statements: list[Statement]) -> Exception | None:
        assert self._connection is not None
        try:
            self._connection.execute("BEGIN")
            for sql, rows in groupby(statements, key=itemgetter(0)):
                self._connection.executemany(sql, [parameters for _, parameters in rows])
            self._connection.execute("COMMIT")
        except Exception as error:  # whatever it is, it belongs to those who wait for these statements
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            return self._explain(error) if isinstance(error, sqlite3.Error) else error
        return None

    def _read(self, sql: str, parameters: Sequence[Value]) -> list[tuple[Any, ...]]:
        with self._mutex:
            if self._connection is None:
                raise RuntimeError(f"{self._name} is not open")
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise self._explain(error) from None

    def _open(self, schema: Schema) -> None:
        with self._mutex:
            self._lock = None if self._path is None else _acquire_lock(self._path)
            try:
                self._connection = self._connect(schema)
            except BaseException:
                self._release_lock()
                raise

    def _connect(self, schema: Schema) -> sqlite3.Connection:
        if self._path is not None:
            make_private_file(self._path)  # the files that SQLite puts beside it get its mode
        try:
            connection = sqlite3.connect(self._path or ":memory:", isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._explain(error) from None
        try:
            self._prepare(connection, schema)
        except sqlite3.Error as error:
            connection.close()
            raise self._explain(error) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, schema: Schema) -> None:
        """See whose file it is before anything in it is changed; an empty one becomes ours."""
        ((application,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        ((objects,),) = connection.execute("SELECT count(*) FROM sqlite_master")
        is_new = not (application or version or objects)
        if not is_new and application != schema.application:
            raise DatabaseUnusableError(f"{self._name} belongs to a node of another kind or to another program")
        missing = range(version, schema.version)
        if not is_new and (version > schema.version or not all(step in schema.upgrades for step in missing)):
            text = f"{self._name} is of schema version {version}, this release knows version {schema.version}"
            raise DatabaseUnusableError(text)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        if is_new:
            marks = f"PRAGMA application_id={schema.application}; PRAGMA user_version={schema.version}"
            connection.executescript(f"BEGIN; {schema.script}; {marks}; COMMIT")
            return
        for step in missing:
            connection.executescript(f"BEGIN; {schema.upgrades[step]}; PRAGMA user_version={step + 1}; COMMIT")

    def _close(self) -> None:
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._release_lock()

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _explain(self, error: sqlite3.Error) -> DatabaseError:
        is_damaged = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        kind = DatabaseUnusableError if is_damaged else DatabaseError
        return kind(f"{self._name} cannot be used: {error}")


@dataclass(frozen=True, slots=True)
class _Write:
    """Statements that are committed together, and who waits for that."""

    statements: list[Statement]
    future: asyncio.Future[None]


def _acquire_lock(path: Path) -> int:
    """Lock the file beside a database until the result is closed; the file stays, for to remove it would be a race."""
    make_private_folder(path.parent)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise DatabaseInUseError(f"{path} is in use by another process or node") from None
    except BaseException:
        os.close(lock)
        raise
    return lock
