"""Dead-server detection of IOS (aaa-mnt section 9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nad_emulator.server_group import DeadCriteria, ServerGroup


def build(*, time: int = 5, tries: int = 3, deadtime: int = 10) -> ServerGroup:
    criteria = DeadCriteria(time=timedelta(seconds=time), tries=tries)
    return ServerGroup(["psn1", "psn2"], criteria=criteria, deadtime=timedelta(minutes=deadtime))


def test_a_server_that_never_answered_dies_of_its_tries_alone() -> None:
    group = build()
    assert [group.note_timeout("psn1", now) for now in (0.0, 0.1, 0.2)] == [False, False, True]
    assert group.list_candidates() == ["psn2"]


def test_a_server_heard_recently_does_not_die_however_many_timeouts() -> None:
    group = build()
    group.note_reply("psn1", 100.0)
    assert not any(group.note_timeout("psn1", 100.0 + second) for second in range(5))
    assert group.note_timeout("psn1", 105.0)


def test_a_server_silent_for_long_does_not_die_of_few_timeouts() -> None:
    group = build()
    group.note_reply("psn1", 0.0)
    assert not group.note_timeout("psn1", 1000.0)
    assert not group.note_timeout("psn1", 1005.0)
    assert group.note_timeout("psn1", 1010.0)


def test_a_reply_starts_the_count_of_consecutive_timeouts_anew() -> None:
    group = build(time=0)
    group.note_timeout("psn1", 0.0)
    group.note_timeout("psn1", 5.0)
    group.note_reply("psn1", 6.0)
    assert [group.note_timeout("psn1", now) for now in (11.0, 16.0, 21.0)] == [False, False, True]


def test_where_all_servers_are_dead_all_are_worth_asking_in_order() -> None:
    group = build(tries=1)
    group.note_timeout("psn2", 0.0)
    group.note_timeout("psn1", 1.0)
    assert group.list_candidates() == ["psn1", "psn2"]
    group.note_reply("psn2", 2.0)
    assert group.list_candidates() == ["psn2"]


def test_a_dead_server_lives_again_when_its_deadtime_is_over() -> None:
    group = build(tries=1)
    group.note_timeout("psn1", 0.0)
    assert group.revive(599.9) == []
    assert group.list_candidates() == ["psn2"]
    assert group.revive(600.0) == ["psn1"]
    assert group.list_candidates() == ["psn1", "psn2"]


def test_a_revived_server_has_to_meet_the_criteria_again() -> None:
    group = build(tries=2)
    group.note_timeout("psn1", 0.0)
    group.note_timeout("psn1", 0.0)
    group.revive(600.0)
    assert not group.note_timeout("psn1", 601.0)
    assert group.note_timeout("psn1", 602.0)


def test_an_answer_brings_a_dead_server_back_at_once() -> None:
    group = build(tries=1)
    group.note_timeout("psn1", 0.0)
    assert group.note_reply("psn1", 1.0)
    assert group.list_candidates() == ["psn1", "psn2"]
    assert not group.note_reply("psn1", 2.0)


def test_without_deadtime_a_dead_server_is_asked_again_at_once() -> None:
    group = build(tries=1, deadtime=0)
    assert group.note_timeout("psn1", 0.0)
    assert group.revive(0.0) == ["psn1"]


def test_a_timeout_of_a_dead_server_does_not_prolong_its_deadtime() -> None:
    group = build(tries=1)
    group.note_timeout("psn1", 0.0)
    assert not group.note_timeout("psn1", 300.0)
    assert group.revive(600.0) == ["psn1"]


@pytest.mark.parametrize("minutes", [-1, 1441])
def test_a_deadtime_outside_0_to_1440_minutes_is_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="deadtime is 0 to 1440 minutes"):
        build(deadtime=minutes)


def test_criteria_without_a_try_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one try"):
        DeadCriteria(tries=0)
