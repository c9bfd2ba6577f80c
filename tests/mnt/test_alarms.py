"""Alarms as the monitoring node knows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from mnt.alarms import Alarms, build_link_alarm, read_alarm
from nac.syslog import SyslogRecord
from nac.syslog_catalogue import QUEUE_LINK_ERROR
from tests.mnt.conftest import NOW


def test_an_alarm_is_read_from_its_record(record: Callable[..., SyslogRecord], now: datetime) -> None:
    now += timedelta(hours=1)
    alarm = read_alarm(record(QUEUE_LINK_ERROR.code, Cause="Timeout", session_id=""), now)
    assert (alarm.at, alarm.event_at, alarm.server, alarm.name) == (now, NOW, "psn1", "Queue Link Error")
    assert (alarm.code, alarm.severity, alarm.detail) == (QUEUE_LINK_ERROR.code, "ERROR", "Cause=Timeout")


def test_the_nodes_own_alarm_reads_like_that_of_others(now: datetime) -> None:
    alarm = build_link_alarm("mnt1", [("Message", "From mnt1 To psn1"), ("Cause", "no route")], now)
    assert (alarm.server, alarm.code, alarm.name) == ("mnt1", QUEUE_LINK_ERROR.code, "Queue Link Error")
    assert alarm.detail == "Message=From mnt1 To psn1, Cause=no route"


def test_the_latest_alarms_are_kept_and_can_be_sent_as_json(now: datetime) -> None:
    alarms = Alarms(limit=2)
    alarms.restore(build_link_alarm(name, [("Cause", "x")], now) for name in ("a", "b", "c"))
    told = json.loads(json.dumps(alarms.snapshot()))
    assert [alarm["server"] for alarm in told] == ["b", "c"]
    assert told[0]["at"] == told[0]["event_at"] == now.isoformat()


def test_an_alarm_that_is_told_again_is_one_and_another_is_not(
    record: Callable[..., SyslogRecord], now: datetime
) -> None:
    alarms = Alarms()
    alarm = record(QUEUE_LINK_ERROR.code, Cause="Timeout")
    later = now + timedelta(hours=1)
    assert [alarms.add(read_alarm(alarm, at)) for at in (now, later)] == [True, False]
    for changed in (
        record(QUEUE_LINK_ERROR.code, Cause="Refused"),
        record(QUEUE_LINK_ERROR.code, host="psn2", Cause="Timeout"),
        replace(alarm, at=later),
    ):
        assert alarms.add(read_alarm(changed, later))
    assert [found.event_at for found in alarms.rows] == [now, now, now, later]
