"""What is noted for the store and not committed: in which order it goes, and what goes first where it is too much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from mnt.live_log import LiveLog
from mnt.store_batch import Batch, Stream
from mnt.store_schema import Position
from nac.node.database import Statement
from nac.syslog import SyslogRecord

AddRow = Callable[[Batch, int | None], None]


@pytest.fixture
def add_row(record: Callable[..., SyslogRecord], now: datetime) -> AddRow:
    """Add the row of an accounting record, which came by UDP or with the letter of a number."""
    row = LiveLog().add(record(3002), now)
    assert row is not None

    def add(batch: Batch, number: int | None) -> None:
        batch.add_row(row, None if number is None else Position(stream="s", number=number))

    return add


def list_statements(batch: Batch, **streams: Stream) -> list[Statement]:
    return batch.list_statements(lambda _: None, streams)


def list_numbers(batch: Batch) -> list[object]:
    return [values[1] for sql, values in list_statements(batch) if sql.startswith("INSERT")]


def test_a_batch_is_true_where_anything_is_noted(add_row: AddRow, now: datetime) -> None:
    assert not Batch()
    assert Batch(sessions={"S1": None})
    assert Batch(streams={"s": None})
    assert Batch(purged_before=now)
    batch = Batch()
    add_row(batch, 1)
    assert batch


def test_a_stream_is_written_as_it_stands_and_one_that_is_forgotten_goes(now: datetime) -> None:
    batch = Batch(streams={"s": None, "t": None})
    statements = list_statements(batch, t=Stream(sender="psn1", next=7, updated_at=now))
    assert [sql.split()[0] for sql, _ in statements] == ["DELETE", "REPLACE"]
    assert [values[:3] for _, values in statements] == [("s",), ("t", "psn1", 7)]


def test_what_was_not_committed_goes_before_what_was_noted_since(add_row: AddRow, now: datetime) -> None:
    failed = Batch(sessions={"S1": None, "S2": None}, streams={"s": None}, purged_before=now)
    since = Batch(sessions={"S2": None, "S3": None}, streams={"t": None})
    for number in range(2):
        add_row(failed, number)
        add_row(since, 2 + number)
    since.put_back(failed)
    assert list_numbers(since) == [0, 1, 2, 3]
    assert (list(since.sessions), list(since.streams)) == (["S1", "S2", "S3"], ["s", "t"])
    assert since.purged_before == now


def test_the_oldest_rows_of_a_table_go_first(add_row: AddRow) -> None:
    batch = Batch()
    for number in range(5):
        add_row(batch, number)
    assert batch.trim(3) == {"accounting": 2}
    assert list_numbers(batch) == [2, 3, 4]
    assert batch.trim(3) == {}


def test_rows_that_no_letter_brings_again_are_counted(add_row: AddRow) -> None:
    batch = Batch()
    for number in (1, None, 2, None):
        add_row(batch, number)
    assert batch.count_unrepeated() == 2
