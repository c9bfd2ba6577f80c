"""The retention rules M4 to M7 of posture.md 1.1, told the time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mnt.retention import RetentionRules
from mnt.session import MonitoredSession, SessionState

MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
RULES = RetentionRules()


def make_session(state: SessionState, opened_at: datetime) -> MonitoredSession:
    return MonitoredSession(session_id="S", state=state, opened_at=opened_at, updated_at=opened_at)


def test_the_timers_are_those_of_the_reference() -> None:
    assert (RULES.without_start, RULES.after_stop) == (60 * MINUTE, 15 * MINUTE)
    assert (RULES.in_started, RULES.job_interval) == (timedelta(hours=120), 5 * MINUTE)


@pytest.mark.parametrize("state", [SessionState.AUTHENTICATED, SessionState.POSTURED])
def test_a_session_without_start_goes_after_an_hour_whatever_news_came(state: SessionState, now: datetime) -> None:
    session = make_session(state, now)
    session.updated_at = now + 59 * MINUTE
    assert RULES.find_reason(session, now + 60 * MINUTE - INSTANT) is None
    reason = RULES.find_reason(session, now + 60 * MINUTE)
    assert reason == "no accounting start came, it was opened 60 minutes ago or earlier"


def test_a_terminated_session_goes_a_quarter_of_an_hour_after_its_stop(now: datetime) -> None:
    session = make_session(SessionState.TERMINATED, now - timedelta(days=9))
    session.terminated_at = now
    assert RULES.find_reason(session, now + 15 * MINUTE - INSTANT) is None
    reason = RULES.find_reason(session, now + 15 * MINUTE)
    assert reason == "its accounting stop was processed 15 minutes ago or earlier"


def test_a_started_session_goes_after_five_days_without_news(now: datetime) -> None:
    session = make_session(SessionState.STARTED, now)
    session.started_at = now
    session.updated_at = now + timedelta(days=4)
    assert RULES.find_reason(session, now + timedelta(days=9) - INSTANT) is None
    reason = RULES.find_reason(session, now + timedelta(days=9))
    assert reason == "it is started and the last news came 5 days ago or earlier"


def test_a_setting_counts_the_five_days_from_the_start(now: datetime) -> None:
    rules = RetentionRules(interim_extends_started=False)
    session = make_session(SessionState.STARTED, now)
    session.started_at = now + MINUTE
    session.updated_at = now + timedelta(days=4)
    assert rules.find_reason(session, now + timedelta(days=5)) is None
    reason = rules.find_reason(session, now + timedelta(days=5) + MINUTE)
    assert reason == "it was started 5 days ago or earlier"


@pytest.mark.parametrize("timer", ["without_start", "after_stop", "in_started", "job_interval"])
def test_a_timer_that_is_not_positive_is_refused(timer: str) -> None:
    with pytest.raises(ValueError, match=timer):
        RetentionRules(**{timer: timedelta()})  # type: ignore[arg-type]
