"""Replicas of the session directory side by side."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus
from posturelab.commands.directory_view import MOST_SHOWN, print_directory
from posturelab.observation.replicas import compare_replicas, describe_directory

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)


def make_record(
    version: int,
    posture: PostureStatus | None = None,
    *,
    state: RecordState = RecordState.STARTED,
    session_id: str = "0A",
    mac: str = "02:00:00:00:10:01",
) -> SessionRecord:
    return SessionRecord(
        session_id=session_id,
        mac=mac,
        psn="psn1",
        psn_ip="127.0.1.1",
        psn_fqdn="psn1.lab.test",
        state=state,
        posture_status=posture,
        version=version,
        authenticated_at=AT,
        at=AT,
    )


def make_replica(*records: SessionRecord) -> RadiusSessionDirectory:
    replica = RadiusSessionDirectory()
    for record in records:
        replica.merge(record)
    return replica


def show(
    replicas: dict[str, RadiusSessionDirectory],
    era: Era = Era.POSTURE_SHARING,
    *,
    width: int = 140,
    stopped: tuple[str, ...] = (),
    endpoint: str = "",
) -> list[str]:
    """Print the table."""
    console = Console(file=io.StringIO(), width=width)
    print_directory(console, describe_directory(replicas, era=era, stopped=stopped), endpoint=endpoint)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def squeeze(lines: list[str]) -> list[str]:
    """Leave single blanks."""
    return [re.sub(" +", " ", line) for line in lines]


def test_nodes_that_hold_the_same_share_a_row() -> None:
    record = make_record(3, PostureStatus.COMPLIANT)
    replicas = {"psn1": make_replica(record), "mnt1": make_replica(record)}
    (session,) = compare_replicas(replicas)
    assert session["differing"] == []
    assert session["nodes"]["mnt1"] == {"owner": "psn1", "state": "Started", "posture": "Compliant", "version": 3}
    assert squeeze(show(replicas))[1:] == [
        "0A 02:00:00:00:10:01",
        " psn1 Started Compliant 3 psn1, mnt1",
        "1 session",
        "every replica is equal",
    ]


def test_a_node_that_lacks_something_is_named() -> None:
    new, old = make_record(2, PostureStatus.COMPLIANT), make_record(1)
    replicas = {"psn3": make_replica(), "psn2": make_replica(old), "psn1": make_replica(new)}
    (session,) = compare_replicas(replicas)
    assert session["differing"] == ["psn3", "psn2"]
    assert squeeze(show(replicas))[1:] == [
        "0A 02:00:00:00:10:01",
        " psn1 Started Compliant 2 psn1",
        " absent psn3",
        " psn1 Started 1 psn2",
        "1 session",
        "not every replica is equal: psn2, psn3 lack what another node knows",
    ]


def test_whoever_missed_the_end_of_a_session_lacks_something_and_not_who_knows_of_it() -> None:
    old, stopped = make_record(1), make_record(2, state=RecordState.STOPPED)
    assert squeeze(show({"psn1": make_replica(stopped), "psn2": make_replica(old)}))[1:] == [
        "0A 02:00:00:00:10:01",
        " psn1 Stopped 2 psn1",
        " psn1 Started 1 psn2",
        "1 session",
        "not every replica is equal: psn2 lacks what another node knows",
    ]
    assert compare_replicas({"psn1": make_replica(stopped)}) == []


def test_without_sharing_there_is_no_table() -> None:
    assert show({}, Era.OFF) == ["the nodes share no sessions: the topology says ldd: off"]


def test_a_node_that_does_not_run_lacks_nothing_and_is_named() -> None:
    lines = show({"psn1": make_replica(make_record(1))}, stopped=("psn2", "mnt1"))
    assert lines[-2:] == ["1 session", "not running: psn2, mnt1"]


def test_no_session_is_a_sentence() -> None:
    assert show({"psn1": make_replica(), "psn2": make_replica()}) == ["no session is shared"]
    assert show({}, endpoint="laptop1", stopped=("psn1",)) == ["no session of laptop1 is shared", "not running: psn1"]


def test_one_endpoints_sessions_are_selected_by_its_mac() -> None:
    records = [make_record(1), make_record(1, session_id="0B", mac="02:00:00:00:10:02")]
    told = describe_directory({"psn1": make_replica(*records)}, era=Era.DIRECTORY, mac="02:00:00:00:10:02")
    assert [session["session_id"] for session in told["sessions"]] == ["0B"]


def test_of_many_sessions_those_come_first_whose_replicas_differ() -> None:
    records = [make_record(1, session_id=f"{number:024X}") for number in range(1000)]
    told = {"psn1": make_replica(*records), "psn2": make_replica(*records[:-1])}
    lines = show(told, width=80)
    assert lines[1].startswith(records[-1].session_id)
    assert lines[-2:] == [
        f"1000 sessions, {MOST_SHOWN} of them shown (name an endpoint, or take --json)",
        "not every replica is equal: psn2 lacks what another node knows",
    ]
    assert len(lines) < 3 * MOST_SHOWN


@pytest.mark.parametrize("width", [40, 71, 72, 80, 140])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    session_id = "7F0003010000000100000ABC"
    record = make_record(12, PostureStatus.NON_COMPLIANT, session_id=session_id)
    nodes = {f"policy-service-{number}": make_replica(record) for number in range(9)} | {"mnt1": make_replica()}
    lines = show(nodes, width=width, stopped=tuple(f"psn{number}" for number in range(20)))
    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    for expected in ("NonCompliant 12", "policy-service-8", "absent", "mnt1", "psn19"):
        assert expected in words
    assert session_id in "".join(words.split())


def test_a_session_id_is_no_markup() -> None:
    assert "[bold]A" in show({"psn1": make_replica(make_record(1, session_id="[bold]A"))})[1]
