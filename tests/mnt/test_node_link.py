"""The monitoring node and its link: letters, alarms, and its replica of the session directory."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import ssl
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trustme

from ldd.era import Era
from ldd.record import TOPIC, RecordState, SessionRecord, encode_record
from mnt.session import SessionState
from nac.syslog_catalogue import QUEUE_LINK_ERROR
from posturelab.mistake import MistakeWatch
from tests.mnt.node_bench import Bench, run, settle


def test_letters_and_datagrams_tell_one_story() -> None:
    async def story(bench: Bench) -> None:
        await bench.post(5200)
        await bench.tell(3000)
        await bench.post(3001)
        assert bench.state() is SessionState.TERMINATED
        assert bench.events() == ["session-authenticated", "session-started", "session-terminated"]

    run(story)


def test_letters_wait_for_a_node_that_is_away_and_come_once() -> None:
    async def story(bench: Bench) -> None:
        await bench.node.stop()
        for _ in range(3):
            await bench.post(3002)
        await bench.node.start()
        await settle()
        assert len(bench.node.live_log.accounting) == 3
        bench.broker.cut("mnt1")
        bench.broker.restore("mnt1")
        await asyncio.sleep(5)
        assert len(bench.node.live_log.accounting) == 3

    run(story)


def test_a_damaged_letter_is_refused_and_the_next_one_taken() -> None:
    async def story(bench: Bench) -> None:
        bench.psn1.post("mnt1", b'{"no": "letter"}')
        await bench.post(5200)
        await asyncio.sleep(5)
        assert bench.events() == ["letter-refused", "session-authenticated"]

    run(story)


def test_an_alarm_of_another_node_is_a_row_and_nothing_else() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(QUEUE_LINK_ERROR.code, Message="From psn1 To psn2", Cause="Timeout")
        (alarm,) = bench.node.alarms.rows
        assert (alarm.server, alarm.detail) == ("psn1", "Message=From psn1 To psn2, Cause=Timeout, CPMSessionID=S1")
        (entry,) = bench.journal
        assert (entry.event, entry.facts) == ("alarm-raised", {"server": "psn1", "severity": "ERROR", "code": 61056})
        assert (list(bench.node.live_log.rows), bench.node.snapshot()) == ([], [])

    run(story)


def test_the_nodes_own_broken_link_is_an_alarm_and_its_end_is_told() -> None:
    async def story(bench: Bench) -> None:
        assert bench.events() == []
        bench.broker.cut("mnt1", reason="the cable is out")
        bench.broker.restore("mnt1")
        await settle()
        (alarm,) = bench.node.alarms.rows
        assert (alarm.server, alarm.code) == ("mnt1", QUEUE_LINK_ERROR.code)
        assert alarm.detail == "Message=From mnt1 To the message broker, Cause=the cable is out"
        assert bench.events() == ["queue-link-error", "alarm-raised", "queue-link-restored"]
        assert "the cable is out" in bench.reasons("queue-link-error")[0]

    run(story)


def test_a_broker_that_is_not_there_keeps_no_node_from_starting() -> None:
    async def story(bench: Bench) -> None:
        await bench.node.stop()
        bench.broker.fail()
        await bench.node.start()
        await bench.tell(5200)
        assert bench.state() is SessionState.AUTHENTICATED
        assert "queue-link-error" in bench.events()

    run(story)


@pytest.mark.parametrize(("era", "count"), [(Era.OFF, 0), (Era.DIRECTORY, 1), (Era.POSTURE_SHARING, 1)])
def test_the_replica_follows_the_others_except_in_the_era_without(era: Era, count: int) -> None:
    async def story(bench: Bench) -> None:
        now = bench.clock.now()
        record = SessionRecord(
            session_id="S1",
            mac="02:00:00:00:10:01",
            calling_station_id="02-00-00-00-10-01",
            addresses=(),
            psn="psn1",
            psn_ip="127.0.1.1",
            psn_fqdn="psn1.lab.test",
            nas_ip="127.0.3.1",
            state=RecordState.AUTHENTICATED,
            version=1,
            authenticated_at=now,
            at=now,
        )
        bench.psn1.publish(TOPIC, "S1", encode_record(record))
        await settle()
        assert len(bench.node.rsd.list_sessions()) == count

    run(story, era=era)


def test_the_api_is_open_where_there_is_a_certificate() -> None:
    authority = trustme.CA()
    server, trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(trust)

    async def story(bench: Bench) -> None:
        await bench.tell(5200, Calling_Station_ID="02-00-00-00-10-01")
        port = bench.node.ports["api"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        head = "GET /admin/API/mnt/Session/MACAddress/02:00:00:00:10:01 HTTP/1.1\r\nHost: mnt1\r\nConnection: close\r\n"
        writer.write(f"{head}Authorization: Basic YWRtaW46c2VjcmV0\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        assert answer.startswith("HTTP/1.1 200")
        assert "<acs_server>psn1</acs_server>" in answer
        writer.close()
        await bench.node.stop()
        assert bench.node.ports == {"syslog": 0, "api": 0}
        await bench.node.start()

    run(story, tls=server, api_port=0, api_password="secret")


def test_everything_can_be_sent_as_json() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(5200)
        await bench.tell(3001, Acct_Session_Time="5")
        await bench.tell(QUEUE_LINK_ERROR.code)
        told = json.loads(json.dumps([bench.node.live_log.snapshot(), bench.node.alarms.snapshot()]))
        assert told[0]["accounting"][0]["session_time"] == 5
        assert told[1][0]["name"] == "Queue Link Error"

    run(story)


def test_a_store_that_is_locked_is_no_mistake_and_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0.01))  # how long a lock is waited for

    async def story(bench: Bench) -> None:
        watch = MistakeWatch(bench.journal)
        asyncio.get_running_loop().set_exception_handler(watch)
        path = tmp_path / "mnt1.sqlite"
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                await bench.post(3002)
            await asyncio.sleep(5)
            assert bench.events("store-failed", "store-recovered") == ["store-failed"]
            other.execute("ROLLBACK")
            await asyncio.sleep(5)
            assert bench.events("store-failed", "store-recovered") == ["store-failed", "store-recovered"]
            assert other.execute("SELECT number FROM accounting ORDER BY number").fetchall() == [(1,), (2,), (3,)]
            assert other.execute("SELECT next FROM streams").fetchall() == [(4,)]
        await bench.post(3002)
        assert len(bench.node.live_log.accounting) == 4
        assert watch.mistakes == []

    run(story, state_dir=tmp_path)


def test_a_node_that_stops_takes_letters_until_its_link_has_ended_but_no_sessions() -> None:
    async def story(bench: Bench) -> None:
        stopping = asyncio.create_task(bench.node.stop())
        bench.psn1.publish(TOPIC, "S1", b"{}")
        bench.psn1.post("mnt1", json.dumps([line.decode() for line in bench.encode(3002)]).encode())
        await stopping
        assert "rsd-record-refused" not in bench.events()
        await bench.node.start()
        await settle()
        assert len(bench.node.live_log.accounting) == 1

    run(story, era=Era.POSTURE_SHARING)
