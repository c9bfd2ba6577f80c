"""What a monitoring node's store has noted and not committed yet, and what that changes in the database.

Rows pile up with the number of the letter they came with; of sessions and streams a batch knows only which they are,
so that they are written as they stand by then, and only once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mnt.session import MonitoredSession
from mnt.store_schema import SESSIONS, TABLES, Position, StoredRow, render_instant
from mnt.store_statements import INSERTS, REMOVE_SESSION, REMOVE_STREAM, REPLACE_SESSION, REPLACE_STREAM, list_purges
from nac.node.database import Statement, Value

FindSession = Callable[[str], MonitoredSession | None]
"""Finds a session as it stands; None for one that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """How far a life of a sender has been read."""

    sender: str
    next: int
    updated_at: datetime


@dataclass(slots=True)
class Batch:
    """What goes into one transaction; true where there is anything."""

    rows: dict[str, list[tuple[Value, ...]]] = field(default_factory=lambda: {name: [] for name in INSERTS})
    sessions: dict[str, None] = field(default_factory=dict)
    streams: dict[str, None] = field(default_factory=dict)
    purged_before: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.sessions or self.streams or self.purged_before or any(self.rows.values()))

    def add_row(self, row: StoredRow, position: Position | None) -> None:
        """Add a row, and the letter it came with."""
        table = TABLES[type(row)]
        origin = (position.stream, position.number) if position is not None else (None, None)
        self.rows[table.name].append((*origin, *table.encode(row)))

    def list_statements(self, find_session: FindSession, streams: Mapping[str, Stream]) -> list[Statement]:
        """List what the batch changes, like statements next to each other."""
        found = [(session_id, find_session(session_id)) for session_id in self.sessions]
        statements: list[Statement] = []
        if self.purged_before is not None:
            statements += list_purges(self.purged_before)
        for name, rows in self.rows.items():
            statements += [(INSERTS[name], row) for row in rows]
        statements += [(REMOVE_SESSION, (session_id,)) for session_id, session in found if session is None]
        statements += [(REPLACE_SESSION, SESSIONS.encode(session)) for _, session in found if session is not None]
        for stream in self.streams:
            read = streams.get(stream)
            if read is None:
                statements.append((REMOVE_STREAM, (stream,)))
            else:
                values = (stream, read.sender, read.next, render_instant(read.updated_at))
                statements.append((REPLACE_STREAM, values))
        return statements

    def put_back(self, batch: Batch) -> None:
        """Let what was not committed go before what was noted since."""
        for name, rows in batch.rows.items():
            self.rows[name] = rows + self.rows[name]
        self.sessions = batch.sessions | self.sessions
        self.streams = batch.streams | self.streams
        self.purged_before = self.purged_before or batch.purged_before

    def trim(self, limit: int) -> dict[str, int]:
        """Drop the oldest rows of tables of which there are more than a limit; returns how many, by table."""
        dropped = {name: len(rows) - limit for name, rows in self.rows.items() if len(rows) > limit}
        for name, count in dropped.items():
            del self.rows[name][:count]
        return dropped

    def count_unrepeated(self) -> int:
        """Count the rows that no letter brought: what is not committed is not acknowledged, and letters come again."""
        return sum(stream is None for rows in self.rows.values() for stream, *_ in rows)
