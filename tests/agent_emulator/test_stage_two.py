"""Stage 2: whom the agent asks, in which order, and whose answer counts; posture.md 3.3."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_emulator.discovery import Found, Target, TargetKind
from agent_emulator.stage_two import StageTwo, plan_stage_two
from nac.discovery import NG_DISCOVERY_PATH, POSTURE_PATH, DiscoveryAnswer

FIRST, SECOND = (Target(TargetKind.NG_DISCOVERY, f"psn{number}.lab.test", path=NG_DISCOVERY_PATH) for number in (1, 2))
OWNER = Target(TargetKind.AUTH_STATUS, "owner.lab.test")
SESSION = DiscoveryAnswer(policy_server="owner.lab.test", posture_path=POSTURE_PATH)
REFERRAL = DiscoveryAnswer(policy_server="owner.lab.test")


def see(stage: StageTwo) -> tuple[Target | None, Found | None]:
    return stage.question, stage.found


def test_the_call_home_list_comes_before_the_known_servers_and_each_server_once() -> None:
    targets = plan_stage_two(
        call_home=("psn3.lab.test", "psn2.lab.test:9443"),
        known_servers=[("psn1.lab.test", 8443), ("psn3.lab.test", 8443), ("psn2.lab.test", 8443)],
    )
    assert [(target.host, target.port) for target in targets] == [
        ("psn3.lab.test", 8443),
        ("psn2.lab.test", 9443),
        ("psn1.lab.test", 8443),
        ("psn2.lab.test", 8443),
    ]
    assert str(targets[0]) == "Ng-Discovery target psn3.lab.test with path /auth/ng-discovery"


def test_a_server_that_holds_a_session_decides() -> None:
    stage = StageTwo((FIRST, SECOND))
    assert stage.question == FIRST
    stage.take(SESSION)
    assert see(stage) == (None, Found(FIRST, SESSION))


def test_after_no_answer_the_next_target_is_asked() -> None:
    stage = StageTwo((FIRST, SECOND))
    stage.take(None)
    assert stage.question == SECOND
    stage.take(None)
    assert see(stage) == (None, None)


def test_the_owner_that_a_server_names_is_asked_for_the_status() -> None:
    stage = StageTwo((FIRST, SECOND))
    stage.take(REFERRAL)
    assert stage.question == OWNER
    stage.take(SESSION)
    assert see(stage) == (None, Found(OWNER, SESSION, FIRST))


def test_the_owner_is_asked_on_the_port_that_the_referral_names() -> None:
    stage = StageTwo((FIRST,))
    stage.take(DiscoveryAnswer(policy_server="owner.lab.test", posture_port=18443))
    assert stage.question == Target(TargetKind.AUTH_STATUS, "owner.lab.test", 18443)


def test_an_owner_that_does_not_answer_or_refers_further_gives_way_to_the_next_target() -> None:
    for answer in (None, REFERRAL):
        stage = StageTwo((FIRST, SECOND))
        stage.take(REFERRAL)
        stage.take(answer)
        assert stage.question == SECOND
        stage.take(SESSION)
        assert stage.found == Found(SECOND, SESSION)


def test_without_targets_the_stage_is_over_before_it_begins() -> None:
    stage = StageTwo(())
    assert see(stage) == (None, None)


@given(st.lists(st.sampled_from([None, REFERRAL, SESSION]), min_size=10, max_size=10))
def test_it_ends_after_at_most_two_questions_for_each_target(answers: list[DiscoveryAnswer | None]) -> None:
    stage = StageTwo((FIRST, SECOND))
    asked = 0
    while stage.question is not None:
        stage.take(answers[asked])
        asked += 1
    assert asked <= 4
    assert (stage.found is not None) == (answers[asked - 1] is SESSION)
