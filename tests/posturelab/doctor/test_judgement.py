"""The doctor's verdicts on what was seen: what is said, what a cause makes superfluous, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from posturelab.doctor import broker as doctor_broker
from posturelab.doctor import control as doctor_control
from posturelab.doctor import probes as doctor_probes
from posturelab.doctor.finding import Finding, Verdict, unite
from posturelab.doctor.judgement import judge
from posturelab.doctor.sight import BrokerSight, ControlSight, Evidence, Outcome, Place, Service, Sight, Target
from posturelab.doctor.targets import list_places, list_targets
from posturelab.topology.model import Topology
from tests.posturelab.documents import load_topology

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
LAB = Place(url="http://127.0.0.1:8600")
UP = dict.fromkeys(("mnt1", "psn1", "psn2"), "")


@pytest.fixture
def topology() -> Topology:
    return load_topology()


def see(topology: Topology, outcomes: Mapping[str, Outcome] | None = None) -> tuple[Sight, ...]:
    """See every port of a topology, those of some nodes with another outcome than an answer."""
    targets = list_targets(topology, [])
    return tuple(
        Sight(target=target, outcome=(outcomes or {}).get(target.node, Outcome.ANSWERED)) for target in targets
    )


def hear(name: str, **told: object) -> ControlSight:
    """Hear from a node in a process of its own."""
    place = Place(url=f"http://{name}", node=name)
    sight = ControlSight(place=place, outcome=Outcome.ANSWERED, node=name, links={name: ""}, ports={name: {}})
    return replace(sight, **told)  # type: ignore[arg-type]


def show(topology: Topology, **seen: object) -> Evidence:
    """Show a sound lab, except for what was seen."""
    lab = ControlSight(
        place=LAB,
        outcome=Outcome.ANSWERED,
        topology="campus",
        ports={name: {} for name in topology.nodes},
        links=UP,
    )
    usual = {"controls": (lab,), "sights": see(topology), "ca_path": "lab-ca.crt"}
    return Evidence(topology=topology, reference="campus", now=NOW, **(usual | seen))  # type: ignore[arg-type]


def say(findings: list[Finding], *verdicts: Verdict) -> list[str]:
    return [finding.text for finding in findings if finding.verdict in (verdicts or {Verdict.WRONG})]


def test_all_waiting_together_leaves_time_to_spare_of_ten_seconds() -> None:
    """APIs, then ports, perhaps twice, then journals; beside these the broker, whose leave takes as long again."""
    assert 2 * doctor_control.TIMEOUT + 2 * doctor_probes.TIMEOUT <= 8
    assert 2 * doctor_broker.TIMEOUT < 8


def test_what_is_true_of_several_nodes_is_said_once_of_all() -> None:
    finding = Finding(verdict=Verdict.WRONG, check="ports", text="it is so", subjects=("a",))
    other = replace(finding, text="it is otherwise")
    assert unite([finding, other, replace(finding, subjects=("b",)), finding]) == [
        replace(finding, subjects=("a", "b")),
        other,
    ]


def test_where_a_topology_names_a_port_for_nodes_each_is_asked_there(topology: Topology) -> None:
    assert list_places(topology, []) == [LAB]
    assert list_places(topology, ["http://elsewhere"]) == [Place(url="http://elsewhere", given=True)]
    control = topology.control.model_copy(update={"node_port": 8601})
    places = list_places(topology.model_copy(update={"control": control}), [])
    assert places[:3] == [
        LAB,
        Place(url="http://127.0.2.1:8601", node="mnt1"),
        Place(url="http://127.0.1.1:8601", node="psn1"),
    ]


def test_places_of_the_environment_keep_no_node_from_being_asked(topology: Topology) -> None:
    elsewhere = Place(url="http://elsewhere", given=True)
    assert list_places(topology, [], ["http://elsewhere"]) == [elsewhere]
    control = topology.control.model_copy(update={"node_port": 8601})
    topology = topology.model_copy(update={"control": control})
    nodes = list_places(topology, [])[1:]
    assert list_places(topology, [], ["http://elsewhere"]) == [elsewhere, *nodes]
    assert list_places(topology, [], [nodes[0].url]) == nodes
    assert list_places(topology, ["http://elsewhere"], [nodes[0].url]) == [elsewhere]


def test_what_a_node_has_told_is_asked_instead_of_what_is_declared(topology: Topology) -> None:
    told = hear("web1", addresses={"web1": "127.9.9.9"}, ports={"web1": {"http": 12345}})
    (target,) = [target for target in list_targets(topology, [told]) if target.node == "web1"]
    assert (target.address, target.port, target.service) == ("127.9.9.9", 12345, Service.TCP)


def test_a_sound_lab_has_nothing_but_fine_lines(topology: Topology) -> None:
    assert {finding.verdict for finding in judge(show(topology))} == {Verdict.FINE}


def test_a_node_that_is_not_there_has_neither_link_nor_ports_nor_clock(topology: Topology) -> None:
    sights = see(topology, {"psn1": Outcome.CLOSED, "psn2": Outcome.CLOSED})
    (finding,) = [finding for finding in judge(show(topology, sights=sights)) if finding.verdict is Verdict.WRONG]
    assert finding.subjects == ("psn1", "psn2")


@pytest.mark.parametrize(
    ("absent", "remedy"),
    [
        (("psn2",), "start it: posturelab node psn2 --topology campus; or its container"),
        (("psn1", "psn2"), "start them: posturelab node psn1 --topology campus, and so on; or their containers"),
    ],
)
def test_how_to_start_nodes_of_their_own_is_said_with_a_name(
    topology: Topology, absent: tuple[str, ...], remedy: str
) -> None:
    evidence = show(topology, sights=see(topology, dict.fromkeys(absent, Outcome.CLOSED)), controls=(hear("mnt1"),))
    (finding,) = [finding for finding in judge(evidence) if finding.verdict is Verdict.WRONG]
    assert (finding.subjects, finding.remedy) == (absent, remedy)


def test_nodes_beyond_a_network_that_loses_everything_are_told_from_dead_ones(topology: Topology) -> None:
    sights = see(topology, {"psn1": Outcome.SILENT})
    assert say(judge(show(topology, sights=sights))) == ["it is not there: no answer from 127.0.1.1"]


def test_who_has_the_port_comes_before_who_misses_it(topology: Topology) -> None:
    sights = see(topology, dict.fromkeys(topology.nodes, Outcome.CLOSED))
    held = replace(sights[1], outcome=Outcome.SILENT, holder="radiusd (pid 42)")
    silent = ControlSight(place=LAB, outcome=Outcome.CLOSED, reason="Connection refused")
    evidence = show(topology, sights=(sights[0], held, *sights[2:]), controls=(silent,))
    assert say(judge(evidence)) == [
        f"{held.target} held by radiusd (pid 42), which does not answer as a node of this lab",
        "no lab runs: none of the 7 nodes of campus answers, "
        "and no control API at http://127.0.0.1:8600 (Connection refused)",
    ]


def test_a_broker_that_is_away_explains_the_links(topology: Topology) -> None:
    controls = tuple(hear(name, links={name: "it is gone"}) for name in UP)
    broker = (BrokerSight("amqp://b:5672/", "Connection refused"),)
    sentence = "the nodes cannot share sessions, the broker is not there: amqp://b:5672/: Connection refused"
    assert say(judge(show(topology, controls=controls, broker=broker))) == [sentence]


def test_a_broker_that_only_this_machine_does_not_reach_is_a_note(topology: Topology) -> None:
    broker = (BrokerSight("amqp://b:5672/", "Connection refused"),)
    findings = judge(show(topology, broker=broker))
    assert say(findings) == []
    assert say(findings, Verdict.NOTE) == [
        "this machine does not get to the broker, but mnt1, psn1, psn2 do: amqp://b:5672/: Connection refused"
    ]


def test_one_member_of_a_cluster_that_is_away_is_a_warning(topology: Topology) -> None:
    broker = (BrokerSight("amqp://a:5672/"), BrokerSight("amqp://b:5672/", "Connection refused"))
    findings = judge(show(topology, broker=broker))
    assert say(findings, Verdict.WRONG, Verdict.WARNING) == [
        "one member of the broker is not there: amqp://b:5672/: Connection refused"
    ]


def test_a_broker_that_refuses_the_login_is_there(topology: Topology) -> None:
    controls = tuple(hear(name, links={name: "it refuses"}) for name in UP)
    refusing = BrokerSight("amqp://b:5672/", "no such user", is_refusal=True)
    (finding,) = [
        finding
        for finding in judge(show(topology, controls=controls, broker=(refusing,)))
        if finding.verdict is Verdict.WRONG
    ]
    assert finding.text == "the nodes cannot share sessions, the broker refuses the login: amqp://b:5672/: no such user"
    assert finding.remedy.startswith("correct user and password in its URL (broker.urls of the topology, ")
    assert finding.remedy.endswith("; RabbitMQ keeps those of its volume's first start")
    away = BrokerSight("amqp://c:5672/", "Connection refused")
    (text,) = say(judge(show(topology, controls=controls, broker=(refusing, away))))
    assert text.startswith("the nodes cannot share sessions, the broker refuses the login or is not there: ")


def test_a_link_that_is_down_though_the_broker_is_there_is_the_nodes_own_trouble(topology: Topology) -> None:
    controls = (hear("mnt1"), hear("psn1", links={"psn1": "no route"}), hear("psn2"))
    findings = judge(show(topology, controls=controls, broker=(BrokerSight("amqp://a:5672/"),)))
    assert say(findings) == ["its link is degraded: no route"]


def test_nodes_without_a_broker_share_nothing(topology: Topology) -> None:
    controls = tuple(hear(name, links={name: None}) for name in UP)
    (finding,) = [finding for finding in judge(show(topology, controls=controls)) if finding.verdict is Verdict.WRONG]
    assert (finding.subjects, finding.check) == (("mnt1", "psn1", "psn2"), "broker")


def test_a_named_broker_that_the_lab_does_not_use_is_a_warning(topology: Topology) -> None:
    evidence = show(topology, broker=(BrokerSight("amqp://a:5672/"),))
    evidence = replace(evidence, controls=(replace(evidence.controls[0], embedded=True),))
    (warning,) = say(judge(evidence), Verdict.WARNING)
    assert warning.endswith("the lab that runs shares over memory and does not use it")


@pytest.mark.parametrize(
    ("aheads", "verdict", "text"),
    [
        ((0, 0, 4), Verdict.FINE, "the clocks of 3 nodes and of this machine agree within 5 s"),
        ((0,), Verdict.FINE, "the clocks of mnt1 and of this machine agree within 5 s"),
        ((0, 0, -7), Verdict.WARNING, "its clock is 0:00:07 behind this machine's"),
        ((60, 61, 62), Verdict.WARNING, "the clocks of all nodes agree, but this machine's is 0:01:00 behind them"),
    ],
)
def test_clocks_of_nodes_are_compared(topology: Topology, aheads: tuple[int, ...], verdict: Verdict, text: str) -> None:
    controls = tuple(hear(name, ahead=timedelta(seconds=ahead)) for name, ahead in zip(UP, aheads, strict=False))
    found = [finding for finding in judge(show(topology, controls=controls)) if finding.check == "clock"]
    assert [(finding.verdict, finding.text) for finding in found] == [(verdict, text)]


def test_the_clock_of_a_node_that_answers_in_two_places_counts_once(topology: Topology) -> None:
    twice = replace(hear("mnt1"), place=Place(url="http://127.0.0.1:8621", given=True))
    found = [finding for finding in judge(show(topology, controls=(hear("mnt1"), twice))) if finding.check == "clock"]
    assert [finding.text for finding in found] == ["the clocks of mnt1 and of this machine agree within 5 s"]


def test_a_lab_behind_this_machine_is_told_why(topology: Topology) -> None:
    evidence = show(topology)
    lab = replace(evidence.controls[0], ahead=timedelta(seconds=-90))
    (note,) = say(judge(replace(evidence, controls=(lab,))), Verdict.NOTE)
    assert note.startswith("the lab's clock is 0:01:30 behind this machine's")


def test_nodes_that_work_without_a_control_api_get_a_warning(topology: Topology) -> None:
    silent = ControlSight(place=LAB, outcome=Outcome.SILENT, reason="no answer in time")
    findings = judge(show(topology, controls=(silent,)))
    assert say(findings) == []
    (warning,) = say(findings, Verdict.WARNING)
    assert warning.startswith("no control API answers at http://127.0.0.1:8600 (no answer in time)")


def test_a_node_that_answers_in_anothers_place_is_named(topology: Topology) -> None:
    swapped = hear("psn1", node="psn2")
    (text,) = say(judge(show(topology, controls=(swapped,))))
    assert text == "psn2 answers at http://psn1, where its control API should be"


def test_a_named_place_where_nothing_answers_is_spoken_of_once(topology: Topology) -> None:
    silent = ControlSight(place=Place(url="http://x", given=True), outcome=Outcome.CLOSED, reason="Connection refused")
    text = "no control API answers at http://x (Connection refused): links, clocks and bound ports not seen"
    assert say(judge(show(topology, controls=(silent,))), Verdict.WRONG, Verdict.WARNING) == [text]


def test_a_node_of_another_lab_in_the_place_of_one_is_not_absent_but_foreign(topology: Topology) -> None:
    place = Place(url="http://psn1", node="psn1")
    foreign = ControlSight(place=place, outcome=Outcome.FOREIGN, topology="office", node="psn1")
    sights = see(topology, {"psn1": Outcome.CLOSED})
    findings = judge(show(topology, controls=(hear("mnt1"), foreign), sights=sights))
    assert say(findings) == ["at http://psn1 runs psn1 of the lab office, not of campus"]


@pytest.mark.parametrize(("given", "verdict"), [(False, Verdict.NOTE), (True, Verdict.WRONG)])
def test_another_lab_beside_the_nodes_is_a_note_unless_the_user_named_its_place(
    topology: Topology, *, given: bool, verdict: Verdict
) -> None:
    foreign = ControlSight(place=replace(LAB, given=given), outcome=Outcome.FOREIGN, topology="office")
    findings = judge(show(topology, controls=(foreign, *map(hear, UP))))
    assert say(findings, Verdict.NOTE, Verdict.WRONG) == ["at http://127.0.0.1:8600 runs the lab office, not campus"]
    assert say(findings, verdict)


def test_a_named_place_where_nothing_answers_is_wrong_though_all_else_works(topology: Topology) -> None:
    silent = ControlSight(place=Place(url="http://x", given=True), outcome=Outcome.CLOSED, reason="Connection refused")
    evidence = show(topology)
    text = "no control API answers at http://x (Connection refused)"
    assert say(judge(replace(evidence, controls=(*evidence.controls, silent)))) == [text]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome.CLOSED, "portal 8443: nothing listens there"),
        (Outcome.SILENT, "portal 8443: no answer in time; the node hangs, or the network loses it"),
        (Outcome.STRANGE, "portal 8443: it does not speak TLS"),
    ],
)
def test_one_port_of_a_node_that_lives_is_spoken_of_alone(topology: Topology, outcome: Outcome, text: str) -> None:
    def break_portal(target: Target) -> bool:
        return (target.node, target.use) == ("psn1", "portal")

    sights = tuple(
        replace(sight, outcome=outcome, reason="it does not speak TLS") if break_portal(sight.target) else sight
        for sight in see(topology)
    )
    findings = judge(show(topology, sights=sights))
    assert say(findings) == [text]
    assert ("psn1",) not in [finding.subjects for finding in findings if finding.verdict is Verdict.FINE]


def test_no_secret_or_password_is_in_what_targets_show_of_themselves(topology: Topology) -> None:
    shown = repr(list_targets(topology, []))
    assert "testing123" not in shown
    assert "lab-admin" not in shown
