"""The SQL of a monitoring node's store: what writes its rows, and what looks after those that are there.

Rows that only pile up lie in the order of time, so that old ones are found without looking at the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mnt.store_schema import SESSIONS, TABLES, render_instant
from nac.node.database import Database, Statement


def _insert(verb: str, name: str, columns: Iterable[str]) -> str:
    listed = tuple(columns)
    return f"{verb} INTO {name} ({', '.join(listed)}) VALUES ({', '.join('?' * len(listed))})"


INSERTS = {table.name: _insert("INSERT", table.name, ("stream", "number", *table.columns)) for table in TABLES.values()}
REPLACE_SESSION = _insert("REPLACE", SESSIONS.name, SESSIONS.columns)
REMOVE_SESSION = "DELETE FROM sessions WHERE session_id = ?"
REPLACE_STREAM = "REPLACE INTO streams (stream, sender, next, updated_at) VALUES (?, ?, ?, ?)"
REMOVE_STREAM = "DELETE FROM streams WHERE stream = ?"
_INSTANTS = tuple(name for name in SESSIONS.columns if name.endswith("_at"))


async def find_oldest(database: Database) -> datetime | None:
    """Find the instant of the oldest row; rows lie in the order of time."""
    parts = (f"SELECT at FROM (SELECT at FROM {name} ORDER BY id LIMIT 1)" for name in INSERTS)
    found = await database.read(" UNION ALL ".join(parts))
    return min((datetime.fromisoformat(at) for (at,) in found), default=None)


def list_corrections(now: datetime) -> list[Statement]:
    """List what pulls instants back that a clock ahead of ours has left."""
    instant = render_instant(now)
    last = "coalesce((SELECT id FROM {0} WHERE at <= ? ORDER BY id DESC LIMIT 1), 0)"
    pulled = ", ".join(f"{name} = min({name}, ?)" for name in _INSTANTS)
    return [
        *((f"UPDATE {name} SET at = ? WHERE id > {last.format(name)}", (instant, instant)) for name in INSERTS),
        (f"UPDATE sessions SET {pulled} WHERE updated_at > ?", (instant,) * (len(_INSTANTS) + 1)),
        ("UPDATE streams SET updated_at = ? WHERE updated_at > ?", (instant, instant)),
    ]


def list_purges(before: datetime) -> list[Statement]:
    """List what removes the rows from before an instant without looking at those that stay."""
    instant = render_instant(before)
    first = "coalesce((SELECT id FROM {0} WHERE at >= ? ORDER BY id LIMIT 1), 9223372036854775807)"
    return [(f"DELETE FROM {name} WHERE id < {first.format(name)}", (instant,)) for name in INSERTS]
