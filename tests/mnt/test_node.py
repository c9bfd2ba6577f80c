"""The monitoring node over a real UDP socket, on virtual time."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from mnt.config import MntConfig
from mnt.retention import RetentionRules
from mnt.session import SessionState
from nac.node.binding import AddressInUseError
from tests.mnt.node_bench import ADDRESS, Bench, build_bench, run, settle

MINUTE = timedelta(minutes=1)


def test_the_story_of_a_session_is_shown_from_syslog_alone() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(5200, Calling_Station_ID="02-00-00-00-10-01", PostureStatus="Unknown")
        assert (bench.state(), bench.node.snapshot()[0]["posture_status"]) == (SessionState.AUTHENTICATED, "Pending")
        await bench.tell(3000, Framed_IP_Address="127.0.10.1", Acct_Status_Type="Start")
        assert bench.state() is SessionState.STARTED
        await bench.tell(87000, PostureStatus="Compliant", UserName="alice")
        await bench.tell(5200, PostureStatus="Compliant", SelectedAuthorizationProfiles="Full-Access")
        await bench.tell(3001, Acct_Status_Type="Stop")
        (session,) = bench.node.snapshot()
        assert (session["state"], session["posture_status"]) == ("Terminated", "Compliant")
        assert [row.posture_status for row in bench.node.live_log.rows] == ["Pending", "Compliant"]
        assert [row.acct_status_type for row in bench.node.live_log.accounting] == ["Start", "Stop"]
        assert bench.events() == [
            "session-authenticated",
            "session-started",
            "posture-status-changed",
            "session-reauthenticated",
            "session-terminated",
        ]

    run(story)


def test_every_journal_record_has_a_reason_and_names_session_and_owner() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(5200, Calling_Station_ID="02-00-00-00-10-01", UserName="alice", PostureStatus="Unknown")
        (record,) = bench.journal
        assert (record.node, record.event) == ("mnt1", "session-authenticated")
        assert record.reason == "passed authentication 5200 of psn1 makes a new session"
        assert record.facts == {
            "session_id": "S1",
            "mac": "02:00:00:00:10:01",
            "user_name": "alice",
            "state": "Authenticated",
            "posture_status": "Pending",
            "profile": "",
            "acs_server": "psn1",
            "last_acct_node": "",
        }

    run(story)


def test_a_view_can_be_sent_as_json() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(5200)
        assert json.loads(json.dumps(bench.node.snapshot()))[0]["session_id"] == "S1"

    run(story)


def test_segments_may_arrive_in_any_order_and_twice() -> None:
    async def story(bench: Bench) -> None:
        datagrams = bench.encode(5200, Filler="x" * 3000, PostureStatus="Compliant")
        assert len(datagrams) > 3
        bench.send(*reversed(datagrams))
        bench.send(*datagrams)
        await settle()
        assert bench.events() == ["session-authenticated"]
        assert len(bench.node.live_log.rows) == 1

    run(story)


def test_a_session_without_start_is_gone_after_60_to_65_minutes() -> None:
    async def story(bench: Bench) -> None:
        await asyncio.sleep(60)
        await bench.tell(5200)
        await asyncio.sleep(59.9 * 60)
        assert bench.state() is SessionState.AUTHENTICATED
        await asyncio.sleep(5 * 60)
        assert bench.state() is None
        assert bench.reasons("session-removed") == ["no accounting start came, it was opened 60 minutes ago or earlier"]

    run(story)


def test_a_terminated_session_is_gone_after_15_to_20_minutes() -> None:
    async def story(bench: Bench) -> None:
        await asyncio.sleep(60)
        await bench.tell(5200)
        await bench.tell(3000)
        await bench.tell(3001, host="psn2")
        await asyncio.sleep(14.9 * 60)
        assert bench.state() is SessionState.TERMINATED
        await asyncio.sleep(5 * 60)
        assert bench.state() is None

    run(story)


def test_a_started_session_is_gone_after_five_days_and_refreshed_by_interims() -> None:
    async def story(bench: Bench) -> None:
        for name in ("silent", "heard"):
            await bench.tell(5200, session_id=name)
            await bench.tell(3000, session_id=name)
        await asyncio.sleep(2 * 86400)
        await bench.tell(3002, session_id="heard")
        await asyncio.sleep(3 * 86400 - 60)
        assert bench.state("silent") is SessionState.STARTED
        await asyncio.sleep(6 * 60)
        assert (bench.state("silent"), bench.state("heard")) == (None, SessionState.STARTED)
        await asyncio.sleep(2 * 86400)
        assert bench.state("heard") is None

    run(story)


def test_the_timers_are_settings() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(5200)
        await asyncio.sleep(119)
        assert bench.state() is SessionState.AUTHENTICATED
        await asyncio.sleep(2)
        assert bench.state() is None

    run(story, retention=RetentionRules(without_start=2 * MINUTE, job_interval=MINUTE))


def test_an_interim_for_an_unknown_session_is_told_and_creates_none() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(3002)
        assert bench.events() == ["record-ignored"]
        (ignored,) = [record for record in bench.journal if record.event == "record-ignored"]
        assert str(ignored.facts["session_id"]) in ignored.reason
        assert bench.node.snapshot() == []
        assert len(bench.node.live_log.accounting) == 1

    run(story)


def test_a_setting_lets_an_interim_create_a_session() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(3002)
        assert bench.state() is SessionState.STARTED

    run(story, accounting_creates_sessions=True)


def test_a_port_in_use_is_named_and_nothing_is_left_behind() -> None:
    async def story(bench: Bench) -> None:
        config = MntConfig(name="mnt2", address=ADDRESS, syslog_port=bench.node.ports["syslog"])
        async with build_bench(config) as second:
            with pytest.raises(AddressInUseError) as caught:
                await second.node.start()
            assert caught.value.port == config.syslog_port
            assert second.node.ports == {"syslog": 0}
            await second.node.stop()

    run(story)


def test_a_node_stops_twice_and_starts_again_with_what_it_knew() -> None:
    async def story(bench: Bench) -> None:
        await bench.tell(5200)
        await bench.node.stop()
        await bench.node.stop()
        assert bench.node.ports == {"syslog": 0}
        await asyncio.sleep(3600)
        assert bench.state() is SessionState.AUTHENTICATED
        await bench.node.start()
        await asyncio.sleep(301)
        assert bench.state() is None

    run(story)


def test_the_node_says_what_it_is() -> None:
    async def story(bench: Bench) -> None:
        assert (bench.node.kind, bench.node.name, bench.node.address) == ("mnt", "mnt1", ADDRESS)
        assert bench.node.ports["syslog"] > 0

    run(story)
