"""The tables of the store: their columns are the fields, and a row comes back as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnt.live_log import AccountingRow, LiveLog
from mnt.session import MonitoredSession, SessionState
from mnt.store_schema import ACCOUNTING, ALARMS, AUTHENTICATIONS, SCHEMA, SESSIONS, Table, render_instant
from nac.posture import PostureStatus
from nac.syslog import SyslogRecord

Maker = Callable[..., SyslogRecord]


@pytest.fixture
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA.script)
    return connection


@pytest.mark.parametrize("table", [SESSIONS, AUTHENTICATIONS, ACCOUNTING, ALARMS], ids=lambda table: table.name)
def test_the_columns_are_the_fields(connection: sqlite3.Connection, table: Table[Any]) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")]
    assert [name for name in columns if name not in ("id", "stream", "number")] == list(table.columns)


@given(
    state=st.sampled_from(SessionState),
    status=st.none() | st.sampled_from(PostureStatus),
    user=st.text(st.characters(codec="utf-8")),
    started=st.none() | st.timedeltas(timedelta(0), timedelta(days=999)),
)
def test_a_session_comes_back_as_it_was(
    now: datetime, state: SessionState, status: PostureStatus | None, user: str, started: timedelta | None
) -> None:
    session = MonitoredSession(
        session_id="S1",
        state=state,
        opened_at=now,
        updated_at=now,
        started_at=None if started is None else now + started,
        user_name=user,
        posture_status=status,
    )
    again = SESSIONS.decode(SESSIONS.encode(session))
    assert again.snapshot() == session.snapshot()
    assert again.posture_status is status


def test_rows_of_the_live_log_come_back_as_they_were(record: Maker, now: datetime) -> None:
    log = LiveLog()
    log.add(record(5400, FailureReason="22056 Subject found in no identity store"), now)
    log.add(record(3001, Acct_Session_Time="60", Acct_Input_Octets="7", Acct_Input_Gigawords="1"), now)
    assert AUTHENTICATIONS.decode(AUTHENTICATIONS.encode(log.rows[0])) == log.rows[0]
    row = ACCOUNTING.decode(ACCOUNTING.encode(log.accounting[0]))
    assert row == log.accounting[0]
    assert (row.session_time, row.input_octets, row.output_octets) == (60, (1 << 32) + 7, None)


def test_the_greatest_number_a_peer_can_send_fits_into_a_column(
    connection: sqlite3.Connection, record: Maker, now: datetime
) -> None:
    greatest = str((1 << 32) - 1)
    row = LiveLog().add(record(3001, Acct_Input_Octets=greatest, Acct_Input_Gigawords=greatest), now)
    assert isinstance(row, AccountingRow)
    values = ACCOUNTING.encode(row)
    connection.execute(f"INSERT INTO accounting ({', '.join(ACCOUNTING.columns)}) VALUES ({'?, ' * 12}?)", values)
    assert connection.execute("SELECT input_octets FROM accounting").fetchone() == ((1 << 63) - 1,)


def test_instants_sort_as_they_follow_each_other(now: datetime) -> None:
    elsewhere = now.astimezone(timezone(timedelta(hours=9)))
    assert render_instant(now) == render_instant(elsewhere) == "2026-01-05T08:00:00.000000+00:00"
    assert render_instant(now) < render_instant(now + timedelta(microseconds=1))
