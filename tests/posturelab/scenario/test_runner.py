"""Telling stories: the shipped ones hold, the same seed tells the same, and what does not hold is said."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from nac.node.binding import AddressInUseError, bind_udp
from nac.node.journal import JournalRecord
from posturelab.journal.events import EVENTS
from posturelab.lab import Lab
from posturelab.scenario.expectation import Check
from posturelab.scenario.file import Story, load_stories, load_story
from posturelab.scenario.model import Step
from posturelab.scenario.report import describe_outcome
from posturelab.scenario.runner import Outcome, run_story

SCENARIOS = Path(__file__).parents[3] / "scenarios"
STORIES = {story.path.relative_to(SCENARIOS).as_posix(): story for story in load_stories([SCENARIOS])}
HEAD = "name: A story\ndescription: of a laptop\n"
PORT = re.compile(r"(?<=:)\d+|(?<=%3A)\d+")
VOLATILE_FACTS = frozenset({"port", "log"})


class Listener:
    """A narrator that only remembers."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self, story: Story, *, seed: int, live: bool) -> None:
        self.told.append(f"begin {story.scenario.name} {seed} {live}")

    def tell_pause(self, at: timedelta, pause: timedelta) -> None:
        self.told.append(f"pause {pause.total_seconds()}")

    def tell_step(self, at: timedelta, step: Step) -> None:
        self.told.append(f"step {step.note}")

    def tell_record(self, at: timedelta, record: JournalRecord) -> None:
        if self.told[-1] != "records":
            self.told.append("records")

    def tell_checks(self, at: timedelta, checks: list[Check]) -> None:
        self.told.append(f"checks {len(checks)}")

    def end(self, outcome: Outcome) -> None:
        self.told.append(f"end {outcome.passed}")


@pytest.fixture
def tell(tmp_path: Path, block: int) -> Teller:
    return Teller(tmp_path, block)


class Teller:
    """Tells stories on this process's addresses."""

    def __init__(self, folder: Path, block: int) -> None:
        self.listener = Listener()
        self._folder = folder
        self._block = block

    def __call__(self, steps: str, *, live: bool = False) -> Outcome:
        path = self._folder / "story.yaml"
        path.write_text(f"{HEAD}steps:\n{steps}")
        return self.run(load_story(path), live=live)

    def run(self, story: Story, *, seed: int | None = None, live: bool = False) -> Outcome:
        return run_story(story.relocate(self._block), narrator=self.listener, seed=seed, live=live)


def list_failures(outcome: Outcome) -> list[str]:
    failed = [check for step in outcome.steps for check in step.checks if not check.held]
    return [f"{check.subject} {check.fact}: {check.expected} / {check.actual}" for check in failed]


def strip(record: JournalRecord) -> tuple[str, str, str, dict[str, str]]:
    """What two runs of one seed have in common: everything but times and ports."""
    facts = {name: PORT.sub("", str(value)) for name, value in record.facts.items() if name not in VOLATILE_FACTS}
    return record.node, record.event, PORT.sub("", record.reason), facts


@pytest.mark.parametrize("name", STORIES)
def test_a_shipped_story_holds_on_virtual_time(tell: Teller, name: str) -> None:
    outcome = tell.run(STORIES[name])
    assert outcome.errors == ()
    assert list_failures(outcome) == []
    assert {record.event for record in outcome.records} <= EVENTS
    assert outcome.passed


@pytest.mark.parametrize("name", ["posture/redirect-to-compliant.yaml", "posture/redirect-to-non-compliant.yaml"])
def test_a_posture_story_holds_in_real_time(tell: Teller, name: str) -> None:
    outcome = tell.run(STORIES[name], live=True)
    assert list_failures(outcome) == []
    assert outcome.passed


@pytest.mark.parametrize("name", STORIES)
def test_the_same_seed_tells_the_same_story(tell: Teller, name: str) -> None:
    first, second = (tell.run(STORIES[name], seed=7) for _ in range(2))
    assert [strip(record) for record in first.records] == [strip(record) for record in second.records]


def test_a_story_is_told_in_order(tell: Teller) -> None:
    outcome = tell("- note: plug in\n  do: {plug: laptop1}\n  expect:\n    laptop1: {access: redirect}\n")
    assert tell.listener.told == ["begin A story 1 False", "step plug in", "records", "checks 1", "end True"]
    assert outcome.steps[0].begun_at == timedelta(0)


def test_what_does_not_hold_is_said_with_what_is(tell: Teller) -> None:
    outcome = tell(
        "- note: nobody is plugged in\n"
        "  within: 2s\n"
        "  expect:\n"
        "    laptop1: {agent: Compliant, owner: psn1, psn: Compliant, profile: A, mnt: Started, mnt_posture: Pending,\n"
        "              access: open, others: {psn1: Compliant}}\n"
        "  seen: [{event: endpoint-plugged, node: laptop1, facts: {mac: 02:00:00:00:10:01}}]\n"
    )
    assert not outcome.passed
    assert list_failures(outcome) == [
        "laptop1 agent: Compliant / Not connected",
        "laptop1 owner: psn1 / ",
        "laptop1 psn: Compliant / no session",
        "laptop1 profile: A / ",
        "laptop1 mnt: Started / no session",
        "laptop1 mnt_posture: Pending / ",
        "laptop1 access: open / closed",
        "laptop1 at psn1: Compliant / no session",
        "laptop1 endpoint-plugged (mac=02:00:00:00:10:01): seen / not seen",
    ]
    assert outcome.steps[0].settled_at == timedelta(seconds=2)


def test_what_must_not_be_seen_is_watched_for_the_whole_time(tell: Teller) -> None:
    outcome = tell(
        "- note: plug in\n  do: {plug: laptop1}\n  within: 1m\n  not_seen: [{event: posture-scan}, {event: mistake}]\n"
    )
    assert list_failures(outcome) == ["any node posture-scan: not seen / seen"]
    assert outcome.steps[0].settled_at == timedelta(minutes=1)


def test_records_before_the_last_action_are_not_looked_at(tell: Teller) -> None:
    seen = "seen: [{event: endpoint-plugged}]"
    outcome = tell(
        f"- note: in\n  do: {{plug: laptop1}}\n  {seen}\n"
        f"- note: still\n  {seen}\n"
        f"- note: out\n  do: {{unplug: laptop1}}\n  within: 0s\n  {seen}\n"
    )
    assert [step.checks[0].held for step in outcome.steps] == [True, True, False]


def test_times_are_from_the_beginning_or_from_the_step_before(tell: Teller) -> None:
    outcome = tell(
        "- note: a\n  at: 1m\n- note: b\n  after: 10s\n- note: c\n  do: {advance: 1h}\n- note: d\n  at: 2h\n"
    )
    begun = [round(step.begun_at.total_seconds()) for step in outcome.steps]
    assert begun == [60, 70, 70, 7200]
    assert round(outcome.virtual_seconds) == 7200


def test_a_live_lab_leaps_too(tell: Teller) -> None:
    outcome = tell("- note: a\n  do: {advance: 5d}\n", live=True)
    assert outcome.virtual_seconds > 5 * 86400 > outcome.wall_seconds


def test_a_live_story_says_for_how_long_it_waits(tell: Teller) -> None:
    steps = "- note: a\n  at: 0s\n- note: b\n  after: 40ms\n"
    tell(steps, live=True)
    assert [told for told in tell.listener.told if told.startswith("pause")] == ["pause 0.04"]
    tell(steps)
    assert sum(told.startswith("pause") for told in tell.listener.told) == 1, "virtual time does not wait"


COA = "- note: in\n  do: {plug: laptop1}\n  within: 1m\n  expect:\n    laptop1: {access: open}\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("reauthenticate", "{access: open, mnt: Started}"),
        ("reauth", "{access: open, mnt: Started}"),
        ("rerun", "{access: open, mnt: Started}"),
        ("bounce", "{access: closed, mnt: Terminated}"),
        ("disable", "{access: closed, mnt: Terminated}"),
    ],
)
def test_a_coa_is_sent_by_the_owner(tell: Teller, command: str, expected: str) -> None:
    coa = f"- note: coa\n  do: {{coa: {{endpoint: laptop1, command: {command}}}}}\n  expect:\n    laptop1: {expected}\n"
    outcome = tell(COA + coa + "  seen: [{event: coa-acknowledged, node: psn1}]\n")
    assert list_failures(outcome) == []


def test_a_disconnect_begins_a_new_session(tell: Teller) -> None:
    disconnect = "- note: out\n  do: {coa: {endpoint: laptop1, command: disconnect}}\n"
    outcome = tell(COA + disconnect + "  seen: [{event: session-ended}, {event: session-started, node: switch1}]\n")
    assert list_failures(outcome) == []


def test_what_cannot_be_done_fails_the_story(tell: Teller) -> None:
    outcome = tell(
        "- note: nobody there\n  do: {coa: {endpoint: laptop1}}\n"
        "- note: nobody at home\n  do: [{stop: psn2}, {coa: {endpoint: laptop1, psn: psn2}}]\n"
        "- note: no session\n  do: {reauthenticate: laptop1}\n"
        "- note: no session\n  do: {new_session_id: {endpoint: laptop1}}\n"
        "- note: no session\n  do: {misdirect: {endpoint: laptop1, send: interim, to: psn2}}\n"
    )
    no_session = "GigabitEthernet1/0/1 has no session"
    assert list_failures(outcome) == [
        "action coa laptop1: done / no node is known to own a session of laptop1",
        "action coa laptop1: done / psn2 does not run",
        f"action reauthenticate laptop1: done / {no_session}",
        f"action new_session_id laptop1: done / {no_session}",
        f"action misdirect laptop1: done / {no_session} whose accounting has begun",
    ]


def test_a_coa_of_another_node_goes_through_the_owner_unless_it_is_direct(tell: Teller) -> None:
    asked = "- note: coa\n  do: {{coa: {{endpoint: laptop1, psn: psn2{}}}}}\n  seen: [{{event: {}, node: {}}}]\n"
    proxied = asked.format("", "coa-acknowledged", "psn1")
    direct = asked.format(", direct: true", "coa-failed", "psn2")
    assert list_failures(tell(COA + proxied + direct)) == []


def test_what_a_switch_does_wrong_can_be_asked_of_it(tell: Teller) -> None:
    outcome = tell(
        COA + "- note: a timer\n  do: {reauthenticate: laptop1}\n"
        "  seen: [{event: access-accept, node: psn1, facts: {known_session: true}}]\n"
        "- note: astray\n  do: {misdirect: {endpoint: laptop1, send: interim, to: psn2}}\n"
        "  expect:\n    laptop1: {owner: psn1, psn: Compliant, others: {psn2: no status}}\n"
        "- note: a new id\n  do: {new_session_id: {endpoint: laptop1, stop: false}}\n"
        "  expect:\n    laptop1: {owner: psn1, psn: Unknown}\n  not_seen: [{event: accounting-stop}]\n"
    )
    assert list_failures(outcome) == []


def test_a_link_that_is_cut_keeps_its_node_from_knowing(tell: Teller) -> None:
    outcome = tell(
        "- note: cut\n  do: {fault: {cut_link: psn2}}\n"
        + COA
        + "- note: known to all but one\n  expect:\n    laptop1:\n      directory:\n"
        "        mnt1: {owner: psn1, posture: Compliant}\n        psn2: {owner: '', posture: ''}\n"
        "- note: restored\n  do: {fault: {restore_link: psn2}}\n  expect:\n    laptop1:\n"
        "      directory: {psn2: {owner: psn1, posture: Compliant}}\n"
        "- note: not so\n  within: 0s\n  expect:\n    laptop1: {directory: {psn2: {owner: psn2}}}\n"
    )
    assert list_failures(outcome) == ["laptop1 owner in the directory of psn2: psn2 / psn1"]


def test_a_node_that_runs_is_not_started_again(tell: Teller) -> None:
    outcome = tell(
        "- note: on\n  do: {start: psn1}\n  seen: [{event: node-unchanged, node: lab, facts: {name: psn1}}]\n"
        "- note: off\n  do: [{stop: psn1}, {stop: psn1}]\n"
        "  seen: [{event: node-stopped, facts: {name: psn1, kind: psn}}, {event: node-unchanged}]\n"
        "- note: on again\n  do: {start: psn1}\n  seen: [{event: node-started}]\n"
    )
    assert list_failures(outcome) == []
    assert tell.listener.told.count("begin A story 1 False") == 1


@pytest.mark.parametrize("name", ["laptop1", "switch1", "web1", "mnt1"])
def test_every_stop_and_start_is_told_by_the_lab(tell: Teller, name: str) -> None:
    outcome = tell(f"- note: a\n  do: [{{stop: {name}}}, {{start: {name}}}]\n")
    told = [record.event for record in outcome.records if record.node == "lab"]
    assert told == ["node-stopped", "node-started"]


def test_an_address_in_use_within_a_story_moves_it_nowhere(tell: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    async def find_it_taken(lab: Lab, name: str) -> None:
        raise AddressInUseError("127.0.1.1", 1812, "udp", "radiusd (pid 42)")

    monkeypatch.setattr(Lab, "start_node", find_it_taken)
    outcome = tell("- note: on\n  do: {start: psn1}\n")
    assert list_failures(outcome) == [
        "action start psn1: done / psn1 cannot start: udp 127.0.1.1:1812 is in use by radiusd (pid 42)"
    ]
    assert tell.listener.told.count("begin A story 1 False") == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("by nothing"), ConnectionError("by peer")])
def test_a_mistake_in_an_action_fails_its_story_alone(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def stumble(lab: Lab, _: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("posturelab.scenario.runner.perform", stumble)
        outcome = tell("- note: a\n  do: {advance: 90s}\n- note: b\n")
    assert list_failures(outcome) == [f"action advance 1m30s: done / {type(error).__name__}: {error}"]
    assert [step.note for step in outcome.steps] == ["a", "b"]
    assert describe_outcome(outcome)["verdict"] == "failed"
    assert tell("- note: a\n").passed


def test_a_story_goes_elsewhere_where_its_addresses_are_in_use(tell: Teller) -> None:
    story = STORIES["posture/redirect-to-compliant.yaml"]
    with ExitStack() as held:
        with suppress(AddressInUseError):  # a lab that runs beside this test holds it as well
            held.enter_context(bind_udp("127.0.2.1", 20514))
        outcome = run_story(story, narrator=tell.listener)
    assert outcome.passed
    assert outcome.story.topology.nodes["mnt1"].address != "127.0.2.1"


def test_a_mistake_of_the_lab_fails_the_story(tell: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Lab.__aenter__

    async def start_and_stumble(self: Lab) -> Lab:
        asyncio.get_running_loop().call_later(1, lambda: 1 / 0)
        return await start(self)

    monkeypatch.setattr(Lab, "__aenter__", start_and_stumble)
    outcome = tell("- note: a\n  at: 2s\n")
    assert not outcome.passed
    assert "ZeroDivisionError" in outcome.errors[0]
    assert [record.reason for record in outcome.records if record.event == "mistake"] == list(outcome.errors)


def test_a_story_that_stands_still_has_failed_and_is_told_so_far(tell: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait_for_nothing(lab: Lab, _: object) -> None:
        for node in lab.nodes.values():
            await node.stop()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("posturelab.scenario.runner.perform", wait_for_nothing)
    outcome = tell("- note: a\n  at: 2s\n- note: b\n  do: {plug: laptop1}\n")
    assert not outcome.passed
    assert outcome.errors[-1].startswith("virtual time stands still: ")
    assert [step.note for step in outcome.steps] == ["a"]
    assert tell.listener.told[-1] == "end False"
    assert describe_outcome(outcome)["verdict"] == "failed"
