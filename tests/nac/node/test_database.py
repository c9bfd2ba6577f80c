"""The database of a node: what is committed stays, in its order, on every event loop and in memory too."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from nac.node.database import Database, DatabaseError, DatabaseInUseError, DatabaseUnusableError, Schema
from posturelab.clock import LabLoop

SCHEMA = Schema(application=0x504C5431, version=1, script="CREATE TABLE fact (number INTEGER PRIMARY KEY, word TEXT)")
INSERT = "INSERT INTO fact VALUES (?, ?)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "campus" / "psn1.sqlite"


@pytest.fixture(params=["file", "memory"])
async def database(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Database]:
    database = Database(path if request.param == "file" else None)
    await database.open(SCHEMA)
    yield database
    await database.close()


async def read_words(database: Database) -> list[str]:
    return [word for (word,) in await database.read("SELECT word FROM fact ORDER BY number")]


async def open_and_write(path: Path, *words: str) -> None:
    database = Database(path)
    await database.open(SCHEMA)
    database.write([(INSERT, (None, word)) for word in words])
    await database.close()


async def reopen(path: Path) -> list[str]:
    database = Database(path)
    await database.open(SCHEMA)
    try:
        return await read_words(database)
    finally:
        await database.close()


async def test_what_is_written_can_be_read_when_its_future_has_ended(database: Database) -> None:
    await database.write([(INSERT, (1, "one")), (INSERT, (2, "two"))])
    assert await read_words(database) == ["one", "two"]
    assert await database.read("SELECT word FROM fact WHERE number = ?", (2,)) == [("two",)]


async def test_writes_keep_their_order(database: Database) -> None:
    futures = [
        database.write([("REPLACE INTO fact VALUES (1, ?)", (str(number),)), (INSERT, (None, str(number)))])
        for number in range(50)
    ]
    await asyncio.gather(*futures)
    assert await read_words(database) == ["49", *(str(number) for number in range(50))]


async def test_writes_that_come_together_are_committed_together(path: Path) -> None:
    """A reader of the file, from outside, never sees the one without the other."""
    database = Database(path)
    await database.open(SCHEMA)
    with contextlib.closing(sqlite3.connect(path)) as outside:
        ((before,),) = outside.execute("PRAGMA data_version")
        futures = [database.write([(INSERT, (number, ""))]) for number in range(100)]
        assert database.pending == 100
        await futures[0]
        assert all(future.done() for future in futures)
        assert database.pending == 0
        ((after,),) = outside.execute("PRAGMA data_version")
        assert after == before + 1
    await database.close()


async def test_write_is_all_or_nothing_and_disturbs_no_other(database: Database) -> None:
    first = database.write([(INSERT, (1, "one"))])
    second = database.write([(INSERT, (2, "two")), (INSERT, (1, "one again"))])
    third = database.write([(INSERT, (3, "three"))])
    with pytest.raises(DatabaseError, match="UNIQUE constraint failed"):
        await second
    await asyncio.gather(first, third)
    assert await read_words(database) == ["one", "three"]


async def test_value_that_sqlite_cannot_hold_fails_its_own_write(database: Database) -> None:
    first, second = database.write([(INSERT, (1, "\ud800"))]), database.write([(INSERT, (2, "two"))])
    with pytest.raises(UnicodeEncodeError):
        await first
    await second
    assert await read_words(database) == ["two"]


async def test_write_that_nobody_waits_for_any_more_is_made_all_the_same(database: Database) -> None:
    database.write([(INSERT, (1, "one"))]).cancel()
    await database.write([(INSERT, (2, "two"))])
    assert await read_words(database) == ["one", "two"]


async def test_failing_select_is_an_error_of_the_database(database: Database) -> None:
    with pytest.raises(DatabaseError, match="no such table"):
        await database.read("SELECT * FROM fiction")


async def test_close_commits_what_waits(path: Path) -> None:
    await open_and_write(path, "one", "two")
    assert await reopen(path) == ["one", "two"]


async def test_closed_database_takes_no_more_and_may_be_closed_again(database: Database) -> None:
    await database.close()
    await database.close()
    with pytest.raises(RuntimeError, match="is not open"):
        database.write([(INSERT, (1, "one"))])
    with pytest.raises(RuntimeError, match="is not open"):
        await database.read("SELECT 1")


async def test_database_in_memory_is_empty_when_it_is_opened_again() -> None:
    database = Database(None)
    for _ in range(2):
        await database.open(SCHEMA)
        await database.write([(INSERT, (1, "one"))])
        await database.close()


async def test_second_user_of_a_file_is_told_so(path: Path) -> None:
    first, second = Database(path), Database(path)
    await first.open(SCHEMA)
    with pytest.raises(DatabaseInUseError, match=r"psn1\.sqlite is in use by another process or node"):
        await second.open(SCHEMA)
    await first.close()
    await second.open(SCHEMA)
    await second.close()


@pytest.mark.parametrize("content", [b"no database", b"no database " * 1000, b"SQLite format 3\0" + bytes(4080)])
def test_damaged_file_is_named_and_left_as_it_is(path: Path, content: bytes) -> None:
    async def work() -> None:
        database = Database(path)
        with pytest.raises(DatabaseUnusableError, match=r"psn1\.sqlite cannot be used: "):
            await database.open(SCHEMA)
        await database.close()

    path.parent.mkdir()
    path.write_bytes(content)
    asyncio.run(work())
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (Schema(application=1, version=1, script=""), "belongs to a node of another kind or to another program"),
        (
            Schema(application=SCHEMA.application, version=2, script=""),
            "is of schema version 1, this release knows version 2",
        ),
    ],
)
async def test_file_of_another_schema_is_refused(path: Path, schema: Schema, problem: str) -> None:
    await open_and_write(path, "one")
    with pytest.raises(DatabaseUnusableError, match=problem):
        await Database(path).open(schema)
    assert await reopen(path) == ["one"]


async def test_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmark (url TEXT)")
    with pytest.raises(DatabaseUnusableError, match="belongs to a node of another kind or to another program"):
        await Database(path).open(SCHEMA)


@pytest.mark.parametrize(
    "new_loop",
    [asyncio.new_event_loop, uvloop.new_event_loop, LabLoop, lambda: LabLoop(virtual=True)],
    ids=["asyncio", "uvloop", "live", "virtual"],
)
def test_every_event_loop_of_the_lab_serves(path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def work() -> list[str]:
        await open_and_write(path, "one")
        return await reopen(path)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(work()) == ["one"]


def test_virtual_time_stands_still_while_a_write_is_under_way(path: Path) -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        database = Database(path)
        await database.open(SCHEMA)
        timer = loop.call_later(3600, list)
        await database.write([(INSERT, (number, "x" * 1000)) for number in range(1000)])
        passed = loop.time()
        timer.cancel()
        await database.close()
        return passed

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
        assert runner.run(work()) == 0.0


async def test_nobody_else_may_read_what_it_makes(path: Path) -> None:
    database = Database(path)
    await database.open(SCHEMA)
    await database.write([(INSERT, (1, "one"))])
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in (path.parent, *path.parent.iterdir())}
    assert modes == {
        "campus": 0o700,
        "psn1.sqlite": 0o600,
        "psn1.sqlite-shm": 0o600,
        "psn1.sqlite-wal": 0o600,
        "psn1.sqlite.lock": 0o600,
    }
    await database.close()


PROGRAM = """
import asyncio, resource, sys
from pathlib import Path
from nac.node.database import Database, Schema

SCHEMA = Schema(application={application}, version=1, script={script!r})
INSERT = {insert!r}

async def main():
    database = Database(Path(sys.argv[1]))
    await database.open(SCHEMA)
    {body}

asyncio.run(main())
"""

KILLED = """
    for number in range(1_000_000):
        await database.write([(INSERT, (number, "word"))])
        print(number, flush=True)
"""

FULL = """
    await database.write([(INSERT, (1, "one"))])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    large = database.write([(INSERT, (2, "x" * 1_000_000))])
    small = database.write([(INSERT, (3, "three"))])
    try:
        await large
    except OSError as error:
        print(error)
    await small
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await database.write([(INSERT, (4, "four"))])
    await database.close()
"""


def start_program(body: str, path: Path) -> subprocess.Popen[str]:
    source = PROGRAM.format(application=SCHEMA.application, script=SCHEMA.script, insert=INSERT, body=body.strip())
    root = Path(__file__).parents[3]
    return subprocess.Popen([sys.executable, "-c", source, path], stdout=subprocess.PIPE, text=True, cwd=root)


async def test_process_killed_right_after_a_write_finds_it_again(path: Path) -> None:
    with start_program(KILLED, path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                process.send_signal(signal.SIGKILL)
                break
        acknowledged = 20 + len(process.stdout.readlines())
    assert len(await reopen(path)) > acknowledged


async def test_disk_that_takes_no_more_fails_what_it_does_not_take_and_nothing_else(path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    with start_program(FULL, path) as process:
        output, _ = process.communicate(timeout=30)
    assert "psn1.sqlite cannot be used: " in output
    assert process.returncode == 0
    assert await reopen(path) == ["one", "three", "four"]


async def test_a_file_of_an_earlier_release_is_brought_up_step_by_step(path: Path) -> None:
    await open_and_write(path, "one")
    upgrades = {1: "ALTER TABLE fact ADD COLUMN more TEXT", 2: "UPDATE fact SET more = word || '!'"}
    for _ in range(2):  # the second time there is nothing to do
        database = Database(path)
        await database.open(Schema(application=SCHEMA.application, version=3, script="", upgrades=upgrades))
        assert await database.read("SELECT word, more FROM fact") == [("one", "one!")]
        await database.close()
    with pytest.raises(DatabaseUnusableError, match="is of schema version 3, this release knows version 1"):
        await Database(path).open(SCHEMA)


@pytest.mark.parametrize("upgrades", [{2: ""}, {1: "DROP TABLE fact; DROP TABLE absent", 2: ""}])
async def test_a_file_that_cannot_be_brought_up_is_left_as_it_is(path: Path, upgrades: dict[int, str]) -> None:
    await open_and_write(path, "one")
    with pytest.raises(DatabaseError):
        await Database(path).open(Schema(application=SCHEMA.application, version=3, script="", upgrades=upgrades))
    assert await reopen(path) == ["one"]
