"""The life of an access session: every pair of state and event, and what happens by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from nad_emulator.access_session import (
    TRANSITIONS,
    AccessSession,
    SessionEvent,
    SessionState,
    UndefinedTransitionError,
)
from nad_emulator.acl import parse_acl
from nad_emulator.authorization import Authorization
from nad_emulator.config import AccessPortConfig, SwitchConfig
from nad_emulator.data_plane import Enforcement, Redirect

CONFIG = SwitchConfig(
    name="switch1",
    address="127.0.3.1",
    servers=(),
    ports=(),
    restart_interval=timedelta(seconds=60),
    unreachable_interval=timedelta(seconds=30),
)
ACTIONS: dict[SessionEvent, Callable[[AccessSession], None]] = {
    SessionEvent.ACCEPTED: lambda session: session.accept(Authorization(server="psn1"), Enforcement()),
    SessionEvent.FAILED: AccessSession.fail,
    SessionEvent.UNANSWERED: AccessSession.miss_servers,
    SessionEvent.RESTARTED: AccessSession.restart,
    SessionEvent.ENDED: AccessSession.end,
}


def build(state: SessionState = SessionState.AUTHENTICATING) -> AccessSession:
    port = AccessPortConfig(name="GigabitEthernet1/0/1")
    return AccessSession(
        session_id="7F000301000000010002E185",
        interface_id=1,
        port=port,
        mac="02:00:00:00:10:01",
        address="127.0.10.1",
        state=state,
    )


@pytest.mark.parametrize("state", SessionState)
@pytest.mark.parametrize("event", SessionEvent)
def test_every_pair_of_state_and_event_is_a_transition_or_a_named_error(
    state: SessionState, event: SessionEvent
) -> None:
    session = build(state)
    expected = TRANSITIONS.get((state, event))
    if expected is not None:
        ACTIONS[event](session)
        assert session.state is expected
        return
    with pytest.raises(UndefinedTransitionError) as caught:
        ACTIONS[event](session)
    assert (caught.value.state, caught.value.event) == (state, event)
    assert session.state is state


def test_access_stays_as_it_is_while_a_reauthentication_runs() -> None:
    session = build()
    session.accept(Authorization(server="psn1"), Enforcement())
    session.restart()
    assert session.is_busy
    assert session.summary == "open"


@pytest.mark.parametrize("event", [SessionEvent.FAILED, SessionEvent.UNANSWERED, SessionEvent.ENDED])
def test_access_closes_with_anything_but_success(event: SessionEvent) -> None:
    session = build()
    session.accept(Authorization(server="psn1"), Enforcement())
    session.restart()
    ACTIONS[event](session)
    assert session.summary == "closed"
    assert session.authorization is None


@pytest.mark.parametrize(
    ("enforcement", "summary"),
    [
        (Enforcement(), "open"),
        (Enforcement(filter=parse_acl("A", ["permit ip any any"])), "open"),
        (Enforcement(filter=parse_acl("A", ["permit tcp any any"])), "restricted"),
        (Enforcement(redirect=Redirect("https://psn1.lab.test/", parse_acl("R", []))), "redirect"),
    ],
)
def test_access_has_one_word(enforcement: Enforcement, summary: str) -> None:
    session = build()
    assert session.summary == "closed"
    session.accept(Authorization(server="psn1"), enforcement)
    assert session.summary == summary


def test_a_failed_session_tries_again_after_the_restart_timer() -> None:
    session = build()
    session.fail()
    restart = session.find_restart(CONFIG)
    assert restart is not None
    assert (restart.after, restart.ends_session) == (timedelta(seconds=60), False)


def test_a_session_without_server_tries_again_after_its_own_interval() -> None:
    session = build()
    session.miss_servers()
    restart = session.find_restart(CONFIG)
    assert restart is not None
    assert restart.after == timedelta(seconds=30)


@pytest.mark.parametrize("reauthenticates", [True, False])
def test_session_timeout_reauthenticates_or_ends_by_termination_action(*, reauthenticates: bool) -> None:
    session = build()
    timeout = timedelta(hours=1)
    granted = Authorization(server="psn1", session_timeout=timeout, reauthenticates=reauthenticates)
    session.accept(granted, Enforcement())
    restart = session.find_restart(CONFIG)
    assert restart is not None
    assert (restart.after, restart.ends_session) == (timeout, not reauthenticates)


def test_without_session_timeout_nothing_happens_by_itself() -> None:
    session = build()
    session.accept(Authorization(server="psn1"), Enforcement())
    assert session.find_restart(CONFIG) is None


def test_the_user_name_is_the_servers_else_the_mac() -> None:
    session = build()
    assert session.user_name == b"020000001001"
    session.accept(Authorization(server="psn1", user_name=b"02-00-00-00-10-01"), Enforcement())
    assert session.user_name == b"02-00-00-00-10-01"
