"""The store on a real file: what is committed comes back, also after a kill, and what is old goes."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mnt.alarms import build_link_alarm
from mnt.live_log import LiveLog
from mnt.session import MonitoredSession, SessionState
from mnt.store import MonitoringStore
from mnt.store_schema import ACCOUNTING, ALARMS, AUTHENTICATIONS, SCHEMA, Position, StoredRow
from nac.node.database import DatabaseError, DatabaseInUseError
from nac.node.runtime import Runtime
from nac.syslog import SyslogRecord

Maker = Callable[..., SyslogRecord]
DAY = timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mnt1.sqlite"


@pytest.fixture
def sessions() -> dict[str, MonitoredSession]:
    return {}


@pytest.fixture
def store(path: Path, runtime: Runtime, sessions: dict[str, MonitoredSession]) -> MonitoringStore:
    return MonitoringStore(path, runtime, find_session=sessions.get)


@pytest.fixture
async def open_store(store: MonitoringStore, now: datetime) -> AsyncIterator[MonitoringStore]:
    await store.open(now)
    yield store
    await store.close()


def make_row(record: Maker, at: datetime, code: int = 3002) -> StoredRow:
    row = LiveLog().add(record(code), at)
    assert row is not None
    return row


def make_session(session_id: str, at: datetime) -> MonitoredSession:
    return MonitoredSession(session_id=session_id, state=SessionState.STARTED, opened_at=at, updated_at=at)


def select(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Ask as a person with the command-line tool does, while the node runs."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def test_what_is_committed_can_be_read_by_others_at_once(
    open_store: MonitoringStore, path: Path, record: Maker, now: datetime
) -> None:
    open_store.note_row(make_row(record, now), Position(stream="s", number=7))
    open_store.note_position(Position(stream="s", number=7), sender="psn1", now=now)
    await open_store.commit()
    assert select(path, "SELECT stream, number, server FROM accounting") == [("s", 7, "psn1")]
    assert select(path, "SELECT stream, sender, next FROM streams") == [("s", "psn1", 8)]


async def test_rows_positions_and_sessions_come_back(
    store: MonitoringStore, sessions: dict[str, MonitoredSession], record: Maker, now: datetime
) -> None:
    await store.open(now)
    rows = [make_row(record, now), make_row(record, now, 5200), build_link_alarm("psn1", [("Cause", "why")], now)]
    for number, row in enumerate(rows):
        store.note_row(row, Position(stream="s", number=number))
        store.note_position(Position(stream="s", number=number), sender="psn1", now=now)
    sessions["S1"] = make_session("S1", now)
    store.note_session("S1")
    await store.close()
    await store.open(now)
    assert await store.load_latest(ACCOUNTING, 9) == rows[:1]
    assert await store.load_latest(AUTHENTICATIONS, 9) == rows[1:2]
    assert await store.load_latest(ALARMS, 9) == rows[2:]
    assert [session.snapshot() for session in await store.load_sessions()] == [sessions["S1"].snapshot()]
    assert (store.find_next("s"), store.find_next("another"), store.oldest_at) == (3, None, now)
    await store.close()


async def test_alarms_of_an_earlier_release_have_the_instant_at_which_they_came(
    store: MonitoringStore, path: Path, now: datetime
) -> None:
    with closing(sqlite3.connect(path)) as earlier:
        earlier.executescript(
            SCHEMA.script.replace("event_at TEXT NOT NULL, server TEXT, severity", "server TEXT, severity")
        )
        earlier.execute(f"PRAGMA application_id={SCHEMA.application}")
        earlier.execute("PRAGMA user_version=1")
        row = (now.isoformat(timespec="microseconds"), "psn1")
        earlier.execute("INSERT INTO alarms (at, server, severity, name, detail) VALUES (?, ?, '', '', '')", row)
        earlier.commit()
    await store.open(now)
    store.note_row(build_link_alarm("psn2", [("Cause", "why")], now + DAY), None)
    await store.commit()
    alarms = await store.load_latest(ALARMS, 9)
    assert [(alarm.server, alarm.at, alarm.event_at) for alarm in alarms] == [
        ("psn1", now, now),
        ("psn2", now + DAY, now + DAY),
    ]
    await store.close()


async def test_the_latest_rows_come_oldest_first(open_store: MonitoringStore, record: Maker, now: datetime) -> None:
    for minute in range(4):
        open_store.note_row(make_row(record, now + minute * timedelta(minutes=1)), None)
    await open_store.commit()
    loaded = await open_store.load_latest(ACCOUNTING, 2)
    assert [row.at - now for row in loaded] == [timedelta(minutes=2), timedelta(minutes=3)]


async def test_a_session_is_written_once_for_a_commit_as_it_then_stands(
    open_store: MonitoringStore, path: Path, sessions: dict[str, MonitoredSession], now: datetime
) -> None:
    sessions["S1"] = make_session("S1", now)
    open_store.note_session("S1")
    sessions["S1"].user_name = "alice"
    open_store.note_session("S1")
    await open_store.commit()
    assert select(path, "SELECT session_id, state, user_name FROM sessions") == [("S1", "Started", "alice")]
    del sessions["S1"]
    open_store.note_session("S1")
    await open_store.commit()
    assert select(path, "SELECT * FROM sessions") == []


async def test_sessions_come_back_in_the_order_of_their_news(
    store: MonitoringStore, sessions: dict[str, MonitoredSession], now: datetime
) -> None:
    await store.open(now)
    for name, age in (("older", 2), ("newest", 0), ("newer", 1)):
        sessions[name] = make_session(name, now - age * DAY)
        store.note_session(name)
    await store.close()
    await store.open(now)
    assert [session.session_id for session in await store.load_sessions()] == ["older", "newer", "newest"]
    await store.close()


async def test_instants_of_a_clock_that_was_ahead_are_pulled_back(
    store: MonitoringStore, path: Path, sessions: dict[str, MonitoredSession], record: Maker, now: datetime
) -> None:
    await store.open(now)
    store.note_row(make_row(record, now - DAY), None)
    store.note_row(make_row(record, now + DAY), None)
    store.note_position(Position(stream="s", number=1), sender="psn1", now=now + DAY)
    sessions["S1"] = make_session("S1", now - DAY)
    sessions["S1"].updated_at = now + DAY
    store.note_session("S1")
    await store.close()
    await store.open(now)
    assert [row.at for row in await store.load_latest(ACCOUNTING, 9)] == [now - DAY, now]
    (session,) = await store.load_sessions()
    assert (session.opened_at, session.updated_at, session.started_at) == (now - DAY, now, None)
    assert select(path, "SELECT updated_at FROM streams") == [("2026-01-05T08:00:00.000000+00:00",)]
    await store.close()


async def test_a_purge_removes_what_is_older(
    open_store: MonitoringStore, path: Path, record: Maker, now: datetime
) -> None:
    for age in (3, 2, 1):
        open_store.note_row(make_row(record, now - age * DAY), Position(stream=f"s{age}", number=1))
        open_store.note_row(build_link_alarm("psn1", [("Cause", "why")], now - age * DAY), None)
    await open_store.commit()
    assert open_store.oldest_at == now - 3 * DAY
    open_store.note_purge(now - 2 * DAY)
    await open_store.commit()
    assert select(path, "SELECT stream FROM accounting") == [("s2",), ("s1",)]
    assert select(path, "SELECT count(*) FROM alarms") == [(2,)]
    assert open_store.oldest_at == now - 2 * DAY
    open_store.note_purge(now)
    await open_store.commit()
    assert (select(path, "SELECT count(*) FROM accounting"), open_store.oldest_at) == ([(0,)], None)


async def test_a_purge_removes_streams_long_silent_but_of_no_sender_the_latest(
    store: MonitoringStore, path: Path, now: datetime
) -> None:
    await store.open(now)
    for stream, sender, age in zip("abcde", ("psn1", "psn1", "psn2", "psn3", "psn3"), (5, 4, 9, 3, 1), strict=True):
        store.note_position(Position(stream=stream, number=1), sender=sender, now=now - age * DAY)
    await store.commit()
    for before, left in ((now - 2 * DAY, ["b", "c", "e"]), (now, ["b", "c", "e"])):
        store.note_purge(before)
        await store.commit()
        assert select(path, "SELECT stream FROM streams ORDER BY 1") == [(stream,) for stream in left]
    await store.close()
    await store.open(now)
    assert [store.find_next(stream) for stream in "abcde"] == [None, 2, 2, None, 2]
    assert [store.knows_sender(sender) for sender in ("psn1", "psn2", "psn4")] == [True, True, False]
    await store.close()


async def test_a_stream_that_was_removed_comes_back_with_its_next_letter(
    open_store: MonitoringStore, path: Path, now: datetime
) -> None:
    for stream, age in (("a", 2), ("b", 1)):
        open_store.note_position(Position(stream=stream, number=1), sender="psn1", now=now - age * DAY)
    open_store.note_purge(now - DAY)
    open_store.note_position(Position(stream="a", number=7), sender="psn1", now=now)
    await open_store.commit()
    assert select(path, "SELECT stream, next FROM streams ORDER BY 1") == [("a", 8), ("b", 2)]


async def test_commits_that_overlap_lose_and_double_nothing(
    open_store: MonitoringStore, path: Path, record: Maker, now: datetime
) -> None:
    async def note(number: int) -> None:
        open_store.note_row(make_row(record, now), Position(stream="s", number=number))
        if number % 3:
            await open_store.commit()
            assert select(path, f"SELECT count(*) FROM accounting WHERE number = {number}") == [(1,)]
        else:
            open_store.commit_soon()

    for start in range(0, 60, 20):
        await asyncio.gather(*(note(number) for number in range(start, start + 20)))
    await open_store.commit()
    assert select(path, "SELECT count(*), count(DISTINCT number) FROM accounting") == [(60, 60)]


async def test_what_the_disk_does_not_take_is_kept_and_told_once(
    open_store: MonitoringStore, path: Path, runtime: Runtime, record: Maker, now: datetime
) -> None:
    spoiler = sqlite3.connect(path, isolation_level=None)
    spoiler.execute("ALTER TABLE accounting RENAME TO away")
    for number in (1, 2):
        open_store.note_row(make_row(record, now), Position(stream="s", number=number))
        open_store.note_position(Position(stream="s", number=number), sender="psn1", now=now)
        with pytest.raises(DatabaseError):
            await open_store.commit()
    spoiler.execute("ALTER TABLE away RENAME TO accounting")
    spoiler.close()
    await open_store.commit()
    assert select(path, "SELECT number FROM accounting") == [(1,), (2,)]
    assert [entry.event for entry in runtime.journal] == ["store-failed", "store-recovered"]


async def test_what_waits_for_a_disk_is_bounded(path: Path, runtime: Runtime, record: Maker, now: datetime) -> None:
    store = MonitoringStore(path, runtime, find_session=lambda _: None, unstored_limit=10)
    await store.open(now)
    spoiler = sqlite3.connect(path, isolation_level=None)
    spoiler.execute("ALTER TABLE accounting RENAME TO away")
    row = make_row(record, now)
    for number in range(13):
        store.note_row(row, Position(stream="s", number=number))
    with pytest.raises(DatabaseError):
        await store.commit()
    spoiler.execute("ALTER TABLE away RENAME TO accounting")
    spoiler.close()
    await store.close()
    assert select(path, "SELECT count(*), min(number) FROM accounting") == [(10, 3)]
    assert "store-rows-lost" in [entry.event for entry in runtime.journal]


async def test_what_no_disk_takes_until_the_end_is_told(
    store: MonitoringStore, path: Path, runtime: Runtime, record: Maker, now: datetime
) -> None:
    await store.open(now)
    spoiler = sqlite3.connect(path, isolation_level=None)
    spoiler.execute("DROP TABLE accounting")
    spoiler.close()
    for position in (None, Position(stream="s", number=1), Position(stream="s", number=2)):
        store.note_row(make_row(record, now), position)
    await store.close()
    await store.close()
    failed, lost = runtime.journal
    assert (failed.event, lost.event) == ("store-failed", "store-rows-lost")
    assert lost.facts == {"rows": 1}, "letters that are not acknowledged come again"


async def test_letters_that_no_disk_takes_are_not_lost(
    store: MonitoringStore, path: Path, runtime: Runtime, record: Maker, now: datetime
) -> None:
    await store.open(now)
    spoiler = sqlite3.connect(path, isolation_level=None)
    spoiler.execute("ALTER TABLE accounting RENAME TO away")
    store.note_row(make_row(record, now), Position(stream="s", number=1))
    store.note_position(Position(stream="s", number=1), sender="psn1", now=now)
    await store.close()
    spoiler.execute("ALTER TABLE away RENAME TO accounting")
    spoiler.close()
    await store.open(now)
    assert store.find_next("s") is None, "it will be taken when it comes again"
    assert [entry.event for entry in runtime.journal] == ["store-failed"]
    await store.close()


async def test_a_commit_that_its_waiter_gives_up_takes_place(
    open_store: MonitoringStore, path: Path, record: Maker, now: datetime
) -> None:
    open_store.note_row(make_row(record, now), None)
    waiter = asyncio.ensure_future(open_store.commit())
    await asyncio.sleep(0)
    waiter.cancel()
    await open_store.commit()
    assert select(path, "SELECT count(*) FROM accounting") == [(1,)]


async def test_a_second_node_is_refused_the_file(open_store: MonitoringStore, path: Path, runtime: Runtime) -> None:
    assert open_store.is_open
    with pytest.raises(DatabaseInUseError):
        await MonitoringStore(path, runtime, find_session=lambda _: None).open(runtime.clock.now())


def test_a_damaged_file_is_named_and_left_alone(store: MonitoringStore, path: Path, now: datetime) -> None:
    path.write_bytes(b"no database, just some text that is longer than the head of one" * 9)
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match=r"mnt1\.sqlite"):
        asyncio.run(store.open(now))
    assert not store.is_open
    assert path.read_bytes() == before


async def test_without_a_path_only_positions_are_remembered(runtime: Runtime, record: Maker, now: datetime) -> None:
    store = MonitoringStore(None, runtime, find_session=lambda _: None)
    await store.open(now)
    store.note_row(make_row(record, now), None)
    store.note_session("S1")
    store.note_position(Position(stream="s", number=4), sender="psn1", now=now)
    store.commit_soon()
    await store.commit()
    assert (store.find_next("s"), store.oldest_at, store.is_open) == (5, None, False)
    assert await store.load_sessions() == []
    await store.close()


_WRITER = """
import asyncio, random, sys
from datetime import UTC, datetime
from pathlib import Path
from mnt.letter_intake import LetterIntake
from mnt.live_log import LiveLog
from mnt.store import MonitoringStore
from ldd.link import Delivery
from nac.node.clock import SystemClock
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.syslog import SyslogEncoder
from nac.syslog_catalogue import ACCOUNTING_INTERIM

async def main():
    clock = SystemClock()
    runtime = Runtime(node="mnt1", clock=clock, random=random.Random(1), journal=Journal(clock))
    store = MonitoringStore(Path(sys.argv[1]), runtime, find_session=lambda _: None)
    await store.open(clock.now())
    log = LiveLog()
    intake = LetterIntake(
        runtime, store, lambda record, position: store.note_row(log.add(record, clock.now()), position)
    )
    encoder = SyslogEncoder("psn1")
    first = int(sys.argv[2])
    while True:
        letters = [
            [encoder.encode(ACCOUNTING_INTERIM, clock.now(), f"CPMSessionID=S{number}, ")[0].decode()]
            for number in range(first, first + 10)
        ]
        await intake.receive(Delivery(sender="psn1", stream="life", first=first, letters=letters))
        first += 10
        print(first, flush=True)

asyncio.run(main())
"""


def test_a_killed_node_has_everything_it_acknowledged_exactly_once(path: Path) -> None:
    acknowledged = 1
    for _ in range(2):
        # What was not acknowledged comes again, and some of what was, as its acknowledgement may be lost.
        first = max(1, acknowledged - 15)
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(first)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            while acknowledged < first + 200:
                acknowledged = int(process.stdout.readline())
            process.kill()
            acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
        ((rows, numbers, least, greatest),) = select(
            path, "SELECT count(*), count(DISTINCT number), min(number), max(number) FROM accounting"
        )
        assert isinstance(greatest, int)
        assert greatest >= acknowledged - 1
        assert (rows, numbers, least) == (greatest, greatest, 1)
        assert select(path, "SELECT next FROM streams") == [(greatest + 1,)]
