"""Replicas of the session directory side by side."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

from rich.console import Console

from ldd.directory import RadiusSessionDirectory
from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus
from posturelab.directory_view import compare_replicas, print_directory

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)


def make_record(
    version: int, posture: PostureStatus | None = None, *, state: RecordState = RecordState.STARTED
) -> SessionRecord:
    return SessionRecord(
        session_id="0A",
        mac="02:00:00:00:10:01",
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


def show(replicas: dict[str, RadiusSessionDirectory], era: str = "posture-sharing") -> list[str]:
    """Print the table; the lines with single blanks."""
    console = Console(file=io.StringIO(), width=140)
    print_directory(console, compare_replicas(replicas), era=era)
    assert isinstance(console.file, io.StringIO)
    return [re.sub(" +", " ", line) for line in console.file.getvalue().splitlines()]


def test_nodes_that_hold_the_same_share_a_row() -> None:
    record = make_record(3, PostureStatus.COMPLIANT)
    replicas = {"psn1": make_replica(record), "mnt1": make_replica(record)}
    (session,) = compare_replicas(replicas)
    assert session["differing"] == []
    assert session["nodes"]["mnt1"] == {"owner": "psn1", "state": "Started", "posture": "Compliant", "version": 3}
    assert show(replicas)[1:] == ["0A 02:00:00:00:10:01", " psn1 Started Compliant 3 psn1, mnt1"]


def test_a_node_that_lacks_something_is_named() -> None:
    new, old = make_record(2, PostureStatus.COMPLIANT), make_record(1)
    replicas = {"psn3": make_replica(), "psn2": make_replica(old), "psn1": make_replica(new)}
    (session,) = compare_replicas(replicas)
    assert session["differing"] == ["psn3", "psn2"]
    assert show(replicas)[1:] == [
        "0A 02:00:00:00:10:01",
        " psn1 Started Compliant 2 psn1",
        " absent psn3",
        " psn1 Started 1 psn2",
        "not every replica is equal: psn2, psn3 lack what another node knows",
    ]


def test_whoever_missed_the_end_of_a_session_lacks_something_and_not_who_knows_of_it() -> None:
    old, stopped = make_record(1), make_record(2, state=RecordState.STOPPED)
    assert show({"psn1": make_replica(stopped), "psn2": make_replica(old)})[1:] == [
        "0A 02:00:00:00:10:01",
        " psn1 Stopped 2 psn1",
        " psn1 Started 1 psn2",
        "not every replica is equal: psn2 lacks what another node knows",
    ]
    assert compare_replicas({"psn1": make_replica(stopped)}) == []


def test_without_sharing_there_is_no_table() -> None:
    assert show({}, era="off") == ["the nodes share no sessions: the topology says ldd: off"]
