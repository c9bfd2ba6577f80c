"""Stage 1: targets, and which answer wins; posture.md 3.2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_emulator.discovery import (
    TRANSITIONS,
    Found,
    Happening,
    IllegalTransitionError,
    Stage,
    StageOne,
    Target,
    TargetKind,
    plan_targets,
)
from nac.discovery import NG_DISCOVERY_PATH, POSTURE_PATH, DiscoveryAnswer

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMIT = 5 * SECOND
GATEWAY, ENROLL = (Target(TargetKind.REDIRECTION, host) for host in ("127.0.3.1", "enroll.cisco.com"))
KNOWN_1, KNOWN_2 = (Target(TargetKind.AUTH_STATUS, f"psn{number}.lab.test") for number in (1, 2))
FIRST, SECOND_ANSWER, OWN = (
    DiscoveryAnswer(policy_server=name, posture_path=POSTURE_PATH) for name in ("psn1", "psn2", "owner")
)
REFERRAL = DiscoveryAnswer(policy_server="owner")
ALL = (GATEWAY, ENROLL, KNOWN_1, KNOWN_2)


def begin(*targets: Target) -> StageOne:
    return StageOne(targets, redirect_timeout=LIMIT)


def test_the_targets_are_gateway_enroll_address_discovery_host_and_known_servers() -> None:
    targets = plan_targets(gateway="127.0.3.1", discovery_host="discovery.lab.test", known_servers=[KNOWN_1])
    assert [str(target) for target in targets] == [
        "Redirection target 127.0.3.1",
        "Redirection target enroll.cisco.com",
        "Redirection target discovery.lab.test",
        "Auth-Status target psn1.lab.test with path /auth/status",
    ]


def test_an_adapter_without_gateway_and_a_profile_without_discovery_host_have_no_such_target() -> None:
    assert plan_targets(gateway="", discovery_host="", known_servers=()) == (ENROLL,)


def test_a_discovery_host_that_is_the_enroll_address_is_probed_once() -> None:
    assert plan_targets(gateway="", discovery_host="enroll.cisco.com", known_servers=()) == (ENROLL,)


def test_a_redirect_wins_over_an_earlier_auth_status_answer() -> None:
    stage = begin(*ALL)
    stage.answer(KNOWN_1, FIRST, NOW)
    assert stage.stage is Stage.PROBING
    assert stage.redirect(ENROLL, NOW + SECOND) is True
    stage.reach_server(OWN, NOW + 2 * SECOND)
    assert (stage.stage, stage.found) == (Stage.DECIDED, Found(ENROLL, OWN))


def test_only_the_first_redirect_is_followed() -> None:
    stage = begin(*ALL)
    assert stage.redirect(GATEWAY, NOW) is True
    assert stage.redirect(ENROLL, NOW) is False


def test_auth_status_counts_only_when_every_redirect_probe_has_failed() -> None:
    stage = begin(*ALL)
    stage.answer(KNOWN_1, FIRST, NOW)
    stage.fail(GATEWAY)
    assert not stage.is_over
    stage.fail(ENROLL)
    assert (stage.stage, stage.found) == (Stage.DECIDED, Found(KNOWN_1, FIRST))


def test_the_fastest_auth_status_answer_wins() -> None:
    stage = begin(*ALL)
    stage.answer(KNOWN_1, FIRST, NOW + 2 * SECOND)
    stage.answer(KNOWN_2, SECOND_ANSWER, NOW + SECOND)
    stage.fail(GATEWAY)
    stage.fail(ENROLL)
    assert stage.found == Found(KNOWN_2, SECOND_ANSWER)


def test_an_auth_status_answer_that_comes_after_the_redirects_failed_wins_at_once() -> None:
    stage = begin(GATEWAY, KNOWN_1, KNOWN_2)
    stage.fail(GATEWAY)
    assert stage.stage is Stage.FALLING_BACK
    stage.answer(KNOWN_2, SECOND_ANSWER, NOW)
    assert stage.found == Found(KNOWN_2, SECOND_ANSWER)


def test_a_server_of_a_redirect_that_cannot_be_talked_to_gives_way() -> None:
    stage = begin(*ALL)
    stage.answer(KNOWN_1, FIRST, NOW)
    stage.redirect(GATEWAY, NOW)
    assert not stage.is_over
    stage.miss_server()
    assert stage.found == Found(KNOWN_1, FIRST)


@pytest.mark.parametrize(("waited", "winner"), [(LIMIT, OWN), (LIMIT + timedelta(microseconds=1), FIRST)])
def test_the_server_of_a_redirect_has_five_seconds(waited: timedelta, winner: DiscoveryAnswer) -> None:
    stage = begin(*ALL)
    stage.answer(KNOWN_1, FIRST, NOW)
    stage.redirect(GATEWAY, NOW)
    stage.reach_server(OWN, NOW + waited)
    assert stage.found is not None
    assert stage.found.answer is winner


def test_a_server_of_a_redirect_that_knows_no_session_is_a_failed_redirect_probe() -> None:
    stage = begin(*ALL)
    stage.answer(KNOWN_1, FIRST, NOW)
    stage.redirect(GATEWAY, NOW)
    stage.reach_server(None, NOW)
    assert stage.stage is Stage.PROBING
    stage.fail(ENROLL)
    assert stage.found == Found(KNOWN_1, FIRST)


def test_a_referral_is_not_followed_in_stage_one() -> None:
    stage = begin(*ALL)
    stage.answer(KNOWN_1, REFERRAL, NOW)
    stage.redirect(GATEWAY, NOW)
    stage.reach_server(REFERRAL, NOW)
    assert stage.stage is Stage.PROBING
    stage.fail(ENROLL)
    stage.fail(KNOWN_2)
    assert (stage.stage, stage.found) == (Stage.EXHAUSTED, None)


def test_what_was_found_says_how() -> None:
    asked = Target(TargetKind.NG_DISCOVERY, "psn2.lab.test", path=NG_DISCOVERY_PATH)
    assert [Found(GATEWAY, OWN).reason, Found(KNOWN_1, OWN).reason, Found(asked, OWN).reason] == [
        "the network redirected a probe to it",
        "no redirect led anywhere, Auth-Status target psn1.lab.test with path /auth/status answered",
        "stage 1 led nowhere, Ng-Discovery target psn2.lab.test with path /auth/ng-discovery answered",
    ]
    assert Found(KNOWN_1, OWN, asked).reason == (
        "stage 1 led nowhere, Ng-Discovery target psn2.lab.test with path /auth/ng-discovery named the owner, "
        "Auth-Status target psn1.lab.test with path /auth/status answered"
    )


def test_another_redirect_is_followed_after_one_whose_server_knew_no_session() -> None:
    stage = begin(*ALL)
    stage.answer(KNOWN_1, FIRST, NOW)
    stage.redirect(GATEWAY, NOW)
    stage.reach_server(None, NOW)
    assert stage.redirect(ENROLL, NOW + SECOND) is True
    stage.reach_server(OWN, NOW + SECOND)
    assert stage.found == Found(ENROLL, OWN)


def test_an_answer_without_session_beyond_five_seconds_is_a_missing_server() -> None:
    stage = begin(*ALL)
    stage.redirect(GATEWAY, NOW)
    stage.reach_server(None, NOW + 6 * SECOND)
    assert stage.stage is Stage.FALLING_BACK


def test_a_redirect_that_comes_while_falling_back_is_not_followed() -> None:
    stage = begin(*ALL)
    stage.redirect(GATEWAY, NOW)
    stage.miss_server()
    assert stage.redirect(ENROLL, NOW) is False
    assert stage.stage is Stage.FALLING_BACK


def test_without_any_answer_the_stage_is_exhausted() -> None:
    stage = begin(*ALL)
    for target in ALL:
        assert not stage.is_over
        stage.fail(target)
    assert (stage.stage, stage.found) == (Stage.EXHAUSTED, None)


def test_without_targets_the_stage_is_over_before_it_begins() -> None:
    assert begin().stage is Stage.EXHAUSTED


def reach(stage: Stage) -> StageOne:
    """Build a stage 1 that stands somewhere."""
    one = begin(GATEWAY, KNOWN_1)
    match stage:
        case Stage.CONTACTING:
            one.redirect(GATEWAY, NOW)
        case Stage.FALLING_BACK:
            one.fail(GATEWAY)
        case Stage.DECIDED:
            one.fail(GATEWAY)
            one.answer(KNOWN_1, FIRST, NOW)
        case Stage.EXHAUSTED:
            one.fail(GATEWAY)
            one.fail(KNOWN_1)
    assert one.stage is stage
    return one


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("happening", Happening)
def test_every_pair_of_stage_and_happening_is_in_the_table_or_an_error(stage: Stage, happening: Happening) -> None:
    one = reach(stage)
    if (stage, happening) in TRANSITIONS:
        one._move(happening)
        assert one.stage is TRANSITIONS[stage, happening]
    else:
        with pytest.raises(IllegalTransitionError) as caught:
            one._move(happening)
        assert (caught.value.stage, caught.value.happening) == (stage, happening)


outcomes = st.sampled_from(
    ["redirect, server answers", "redirect, server missing", "redirect, server ignorant", "fails", "answers"]
)


@given(st.permutations(ALL), st.lists(outcomes, min_size=4, max_size=4))
def test_any_order_of_results_ends_with_the_one_rule(order: list[Target], chosen: list[str]) -> None:
    """Whatever comes first: a redirect whose server answers wins, else the fastest Auth-Status answer, else nothing."""
    stage = begin(*ALL)
    answers, redirected = [], False
    for step, (target, outcome) in enumerate(zip(order, chosen, strict=True)):
        now = NOW + step * SECOND
        if target.kind is TargetKind.AUTH_STATUS:
            if outcome == "answers":
                answers.append(target)
                stage.answer(target, FIRST, now)
            else:
                stage.fail(target)
        elif not outcome.startswith("redirect"):
            stage.fail(target)
        elif stage.redirect(target, now):
            if outcome == "redirect, server answers":
                redirected = True
                stage.reach_server(OWN, now)
            elif outcome == "redirect, server ignorant":
                stage.reach_server(None, now)
            else:
                stage.miss_server()
        if stage.is_over:
            break
    assert stage.is_over
    expected = Found(target, OWN) if redirected else Found(answers[0], FIRST) if answers else None
    assert stage.found == expected
