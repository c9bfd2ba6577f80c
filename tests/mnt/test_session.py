"""States of a session: every pair of state and event, against the rules of posture.md 1.1 and aaa-mnt.md 5.1."""

from __future__ import annotations

from itertools import product

import pytest

from mnt.session import EVENTS, TRANSITIONS, SessionEvent, SessionState

LIVE = (SessionState.AUTHENTICATED, SessionState.POSTURED, SessionState.STARTED)


def expected(state: SessionState | None, event: SessionEvent) -> SessionState | None:
    """Where the rules say a session goes, written as sentences rather than as a table."""
    if state not in LIVE:
        return SessionState.AUTHENTICATED if event is SessionEvent.PASSED_AUTHENTICATION else None
    if event is SessionEvent.ACCOUNTING_STOP:
        return SessionState.TERMINATED
    if event is SessionEvent.ACCOUNTING_START:
        return SessionState.STARTED
    if event is SessionEvent.POSTURE_REPORT and state is SessionState.AUTHENTICATED:
        return SessionState.POSTURED
    return state


@pytest.mark.parametrize(("state", "event"), list(product((None, *SessionState), SessionEvent)))
def test_every_pair_of_state_and_event_follows_the_rules(state: SessionState | None, event: SessionEvent) -> None:
    assert TRANSITIONS.get((state, event)) is expected(state, event)


def test_every_event_has_a_message_code() -> None:
    assert set(EVENTS.values()) == set(SessionEvent)


@pytest.mark.parametrize("code", [5232, 5400, 5405, 5413, 5417, 5419, 3003, 3004, 87500, 87501])
def test_other_codes_speak_of_no_session(code: int) -> None:
    assert code not in EVENTS
