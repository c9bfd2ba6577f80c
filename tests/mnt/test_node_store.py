"""What a monitoring node has acknowledged outlives it, until it is old."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mnt.config import MntConfig
from mnt.session import SessionState
from nac.node.binding import AddressInUseError
from nac.syslog_catalogue import QUEUE_LINK_ERROR
from posturelab.state_folder import forget
from tests.mnt.node_bench import ADDRESS, Bench, build_bench, run

DAY = 86_400


def describe(bench: Bench) -> dict[str, Any]:
    """Describe everything a node knows."""
    node = bench.node
    return {"sessions": node.snapshot(), **node.live_log.snapshot(), "alarms": node.alarms.snapshot()}


def select(folder: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / "mnt1.sqlite")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("send", [Bench.tell, Bench.post], ids=["udp", "letters"])
def test_another_life_knows_what_the_last_one_knew(tmp_path: Path, send: Callable[..., Any]) -> None:
    known: dict[str, Any] = {}

    async def first(bench: Bench) -> None:
        await send(bench, 5200, Calling_Station_ID="02-00-00-00-10-01", PostureStatus="Unknown")
        await send(bench, 3000, Acct_Status_Type="Start")
        await send(bench, 5400, session_id="S2", FailureReason="22056 Subject found in no identity store")
        await send(bench, QUEUE_LINK_ERROR.code, Cause="Timeout")
        known.update(describe(bench))

    async def second(bench: Bench) -> None:
        assert describe(bench) == known
        assert bench.node.directory.find_by_mac("02:00:00:00:10:01") is not None
        await send(bench, 3001, Acct_Status_Type="Stop")
        assert bench.state() is SessionState.TERMINATED

    run(first, state_dir=tmp_path)
    assert [len(rows) for rows in known.values()] == [1, 2, 1, 1]
    run(second, after=1, state_dir=tmp_path)
    assert select(tmp_path, "SELECT state FROM sessions") == [("Terminated",)]


def test_an_alarm_that_comes_by_both_ways_is_one_with_the_instant_of_its_sender(tmp_path: Path) -> None:
    """The datagram comes at once, the letter when the link is back; this node may have started again meanwhile."""
    columns = "SELECT at, event_at, stream FROM alarms"

    async def story(bench: Bench) -> None:
        lines = bench.encode(QUEUE_LINK_ERROR.code, Cause="Timeout")
        letter = json.dumps([line.decode() for line in lines]).encode()
        began = bench.clock.now()
        bench.send(*lines)
        await asyncio.sleep(0.001)
        await bench.node.stop()
        bench.psn1.post("mnt1", letter)
        await asyncio.sleep(60)
        await bench.node.start()
        await bench.post(3002)
        ((at, event_at, stream),) = select(tmp_path, columns)
        assert (event_at, stream) == (f"{began.isoformat(timespec='microseconds')}", None)
        assert [alarm.event_at for alarm in bench.node.alarms.rows] == [began]
        assert bench.events("alarm-raised") == ["alarm-raised"]
        await bench.node.stop()
        bench.psn1.post("mnt1", json.dumps([line.decode() for line in bench.encode(61056)]).encode())
        told = bench.clock.now()
        await asyncio.sleep(60)
        await bench.node.start()
        await bench.post(3002)
        *_, (at, event_at, stream) = select(tmp_path, columns)
        assert event_at == told.isoformat(timespec="microseconds") < str(at)
        assert stream is not None

    run(story, state_dir=tmp_path)


def test_a_node_that_is_silent_for_longer_than_records_are_kept_has_lost_nothing(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.post(3000)
        await bench.post(3002)
        await asyncio.sleep(3600)
        assert bench.events("records-purged") == ["records-purged"]
        assert select(tmp_path, "SELECT number FROM accounting") == []
        await bench.post(3001)
        assert bench.reasons("log-records-missing") == []
        assert select(tmp_path, "SELECT number FROM accounting") == [(3,)]

    run(story, state_dir=tmp_path, record_lifetime=timedelta(minutes=10))


def test_a_node_that_was_made_to_forget_misses_nothing_of_those_it_does_not_know(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        for _ in range(3):
            await bench.post(3002)
        await bench.node.stop()
        forget(tmp_path, ["mnt1"])
        await bench.node.start()
        await bench.post(3002)
        assert bench.reasons("log-records-missing") == []
        assert select(tmp_path, "SELECT number FROM accounting") == [(4,)]

    run(story, state_dir=tmp_path)


def test_a_node_that_starts_again_goes_on_from_its_store(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.post(5200)
        known = describe(bench)
        await bench.node.stop()
        await bench.post(3000)  # waits in the mailbox
        await bench.node.start()
        assert describe(bench)["live_log"] == known["live_log"]
        await asyncio.sleep(0.1)
        assert bench.state() is SessionState.STARTED

    run(story, state_dir=tmp_path)
    assert select(tmp_path, "SELECT next FROM streams") == [(3,)]


def test_a_letter_and_its_number_are_stored_together(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.post(3000, Acct_Status_Type="Start", Acct_Session_Id="1")
        await bench.post(3001, Acct_Status_Type="Stop", Acct_Session_Id="1", Acct_Output_Octets="9")
        await bench.tell(3002, Acct_Status_Type="Interim-Update")
        rows = select(tmp_path, "SELECT number, acct_status_type, output_octets FROM accounting ORDER BY id")
        assert rows == [(1, "Start", None), (2, "Stop", 9), (None, "Interim-Update", None)]

    run(story, state_dir=tmp_path)


def test_the_retention_rules_remove_a_session_from_the_store_too(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(5200)
        assert select(tmp_path, "SELECT session_id FROM sessions") == [("S1",)]
        await asyncio.sleep(3700 + 300)
        assert select(tmp_path, "SELECT session_id FROM sessions") == []

    run(story, state_dir=tmp_path)


def test_old_records_are_purged_by_the_retention_job_and_that_is_told_once(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(3000)
        await asyncio.sleep(2 * DAY - 600)
        await bench.tell(3001)
        await asyncio.sleep(1200)
        assert bench.events("records-purged") == ["records-purged"]
        assert select(tmp_path, "SELECT event_at FROM accounting") == [("2026-01-07T07:50:00.001000+00:00",)]
        await asyncio.sleep(DAY)
        assert bench.events("records-purged") == ["records-purged"]

    run(story, state_dir=tmp_path, record_lifetime=timedelta(days=2))


def test_instants_of_a_life_whose_clock_had_leapt_are_pulled_back(tmp_path: Path) -> None:
    async def leapt(bench: Bench) -> None:
        await asyncio.sleep(9 * DAY)
        await bench.tell(5200)
        await bench.tell(3000)

    async def story(bench: Bench) -> None:
        (session,) = bench.node.directory.list_sessions()
        now = bench.clock.now()
        assert (session.opened_at, session.updated_at, session.started_at) == (now, now, now)
        assert [row.at for row in bench.node.live_log.rows] == [now]
        await asyncio.sleep(5 * DAY + 600)
        assert bench.state() is None

    run(leapt, state_dir=tmp_path)
    run(story, state_dir=tmp_path)


def test_a_lowered_session_limit_is_told(tmp_path: Path) -> None:
    async def first(bench: Bench) -> None:
        for name in ("old", "new"):
            await bench.tell(5200, session_id=name)

    async def second(bench: Bench) -> None:
        assert [session.session_id for session in bench.node.directory] == ["new"]
        assert bench.events() == ["session-removed"]

    run(first, state_dir=tmp_path)
    run(second, state_dir=tmp_path, session_limit=1)
    assert select(tmp_path, "SELECT session_id FROM sessions") == [("new",)]


def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        config = MntConfig(name="mnt2", address=ADDRESS, syslog_port=bench.node.ports["syslog"], state_dir=tmp_path)
        for _ in range(2):  # a lock left behind would refuse the second attempt for another reason
            async with build_bench(config) as second:
                with pytest.raises(AddressInUseError):
                    await second.node.start()
                await second.broker.link("mnt2").start()

    run(story)


def test_the_kept_records_of_a_session_are_json_for_whoever_asks_the_file(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(5200, PostureStatus="Compliant")

    run(story, state_dir=tmp_path)
    ((text,),) = select(tmp_path, "SELECT authentication_record FROM sessions")
    assert ["PostureStatus", "Compliant"] in json.loads(str(text))[-1]
