"""What follows from a posture result: a CoA where the status changed and only there, the lease, the records."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nac.node.owned_tasks import OwnedTasks
from nac.posture import PostureStatus
from psn.coa.order import CoaCommand, CoaOrder
from psn.endpoints.store import EndpointStore
from psn.posture.initial_status import POSTURE_EXPIRY
from psn.posture.outcome import PostureOutcome
from psn.posture.policy import PostureSettings
from psn.posture.result import PostureResult
from psn.session import Session
from psn.session_events import SessionEvent

if TYPE_CHECKING:
    from tests.psn.bench import Bench

MAC = "02:00:00:00:10:01"
SESSION_ID = "7F000301000000010000ABCD"
UNKNOWN, COMPLIANT, NON_COMPLIANT = PostureStatus.UNKNOWN, PostureStatus.COMPLIANT, PostureStatus.NON_COMPLIANT


class Result:
    """Results of the session of one bench, and the CoAs they cause."""

    def __init__(self, bench: Bench, *, lease_days: int = 0) -> None:
        self.bench = bench
        self.session = bench.authenticate()
        bench.list_records()
        self.coas: list[tuple[Session, CoaOrder]] = []
        self.assessed: list[tuple[str, SessionEvent, int]] = []
        self.tasks = OwnedTasks()
        self.outcome = PostureOutcome(
            runtime=bench.runtime,
            lease=PostureSettings(lease_days=lease_days).lease,
            endpoints=bench.endpoints,
            audit=bench.audit,
            listener=self,
            send_coa=lambda session, order: self.send_coa(session, order),
            tasks=self.tasks,
        )

    def apply(self, status: PostureStatus, previous: PostureStatus | None = UNKNOWN, **changes: Any) -> None:
        result = PostureResult(
            session=self.session,
            status=status,
            previous=previous,
            reason="all mandatory requirements passed",
            report="Baseline;Passed;(Antivirus:Mandatory:Passed)",
            policies=("Baseline", "Second"),
            agent_version="Posture Agent for Windows 5.1.0.0",
            agent_configuration="Default agent",
            operating_system="Windows 10.0.19045",
            user_name="alice",
            system_name="LAPTOP1",
            system_domain="lab.test",
            address="127.0.10.1",
        )
        self.outcome.apply(replace(result, **changes))

    async def send_coa(self, session: Session, order: CoaOrder) -> None:
        self.coas.append((session, order))

    def on_session(self, session: Session, event: SessionEvent) -> None:
        self.assessed.append((session.session_id, event, len(self.bench.list_events("posture-result"))))

    def on_stop(self, session_id: str) -> None:
        raise AssertionError(session_id)

    @property
    def expiry(self) -> str | None:
        return self.bench.endpoints.attributes_of(MAC).get(POSTURE_EXPIRY)


@pytest.mark.parametrize(
    ("previous", "status"),
    [
        (UNKNOWN, COMPLIANT),
        (UNKNOWN, NON_COMPLIANT),
        (COMPLIANT, NON_COMPLIANT),
        (NON_COMPLIANT, COMPLIANT),
        (None, COMPLIANT),
    ],
)
async def test_status_that_changes_asks_for_a_reauthentication(
    bench: Bench, previous: PostureStatus | None, status: PostureStatus
) -> None:
    result = Result(bench)
    result.apply(status, previous)
    await result.tasks.join(1)
    cause = f"posture status changed to {status}"
    order = CoaOrder(command=CoaCommand.REAUTHENTICATE_LAST, cause=cause, source_component="Posture")
    assert result.coas == [(result.session, order)]


@pytest.mark.parametrize("status", [COMPLIANT, NON_COMPLIANT])
async def test_status_that_stays_asks_for_none_and_says_so(bench: Bench, status: PostureStatus) -> None:
    """A wrong session found Compliant ends the agent's scan without a CoA (posture.md 5.2)."""
    result = Result(bench)
    result.apply(status, status)
    await result.tasks.join(1)
    assert result.coas == []
    (record,) = bench.list_events("coa-not-needed")
    assert record.reason == f"the status was {status} before: no CoA"


async def test_result_is_in_the_journal_with_its_reason(bench: Bench) -> None:
    Result(bench).apply(COMPLIANT)
    (record,) = bench.list_events("posture-result")
    assert record.reason == "all mandatory requirements passed"
    assert record.facts == {
        "session_id": SESSION_ID,
        "mac": MAC,
        "posture_status": "Compliant",
        "previous": "Unknown",
        "policies": "Baseline, Second",
    }


@pytest.mark.parametrize("previous", [UNKNOWN, COMPLIANT])
async def test_listener_is_told_of_every_result_before_the_journal(bench: Bench, previous: PostureStatus) -> None:
    result = Result(bench)
    result.apply(COMPLIANT, previous)
    assert result.assessed == [(SESSION_ID, SessionEvent.ASSESSED, 0)]


async def test_success_begins_the_lease_and_another_within_it_does_not(bench: Bench) -> None:
    result = Result(bench, lease_days=1)
    result.apply(COMPLIANT)
    first = str(int(bench.clock.now().timestamp() * 1000))
    assert result.expiry == first
    bench.clock.advance(hours=24)
    result.apply(COMPLIANT, COMPLIANT)
    assert result.expiry == first
    bench.clock.instant += timedelta(milliseconds=1)
    result.apply(COMPLIANT, COMPLIANT)
    assert result.expiry == str(int(first) + 86_400_001)
    assert len(bench.list_events("posture-lease")) == 2


@pytest.mark.parametrize(("lease_days", "status"), [(0, COMPLIANT), (1, NON_COMPLIANT)])
async def test_no_lease_begins_where_it_is_off_or_the_endpoint_failed(
    bench: Bench, lease_days: int, status: PostureStatus
) -> None:
    result = Result(bench, lease_days=lease_days)
    result.apply(status)
    assert result.expiry is None


async def test_default_status_that_nobody_assessed_begins_no_lease(bench: Bench) -> None:
    """posture.md 6.3: the lease counts from a success."""
    result = Result(bench, lease_days=1)
    result.apply(COMPLIANT, agent_version="")
    assert result.expiry is None


def test_missing_provisioning_is_told_to_mnt_once_for_each_session(bench: Bench) -> None:
    result = Result(bench)
    for _ in range(2):
        result.outcome.note_unprovisioned(result.session, "macOS 15.1")
    (record,) = bench.list_records()
    assert (record.code, record.first("SessionId")) == (87501, SESSION_ID)
    assert record.first("FailureReason") == "no client provisioning rule selects an agent configuration for macOS 15.1"
    assert record.first("OperatingSystem") == "macOS 15.1"
    assert len(bench.list_events("provisioning-failed")) == 1


async def test_session_without_a_mac_has_no_lease(bench: Bench) -> None:
    result = Result(bench, lease_days=1)
    bench.sessions.set_mac(result.session, "")
    result.apply(COMPLIANT)
    assert bench.endpoints.attributes_of("") == {}


async def test_mnt_is_told_of_provisioning_and_report(bench: Bench) -> None:
    Result(bench).apply(NON_COMPLIANT)
    provisioning, report = bench.list_records()
    assert (provisioning.code, report.code) == (87500, 87000)
    expected = {
        "MacAddress": "02-00-00-00-10-01",
        "OperatingSystem": "Windows 10.0.19045",
        "PostureAgentVersion": "Posture Agent for Windows 5.1.0.0",
        "PostureStatus": "NonCompliant",
        "PosturePolicyMatched": "Baseline, Second",
        "PostureReport": "Baseline;Passed;(Antivirus:Mandatory:Passed)",
        "UserName": "alice",
        "SessionId": SESSION_ID,
        "IpAddress": "127.0.10.1",
        "SystemName": "LAPTOP1",
        "SystemDomain": "lab.test",
    }
    assert {name: report.first(name) for name in expected} == expected
    assert provisioning.first("AgentConfiguration") == "Default agent"
    assert provisioning.first("SessionId") == SESSION_ID


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"agent_configuration": ""}, [87000]),
        ({"is_reassessment": True}, [87001]),
        ({"agent_version": ""}, []),
    ],
    ids=["nothing provisioned", "reassessment", "no agent spoke"],
)
async def test_records_follow_what_has_happened(bench: Bench, changes: dict[str, Any], codes: list[int]) -> None:
    Result(bench).apply(COMPLIANT, **changes)
    assert [record.code for record in bench.list_records()] == codes


async def test_report_reaches_mnt_in_the_spelling_of_real_lines(bench: Bench) -> None:
    """Semicolons are escaped on the wire (aaa-mnt.md 4.4)."""
    Result(bench).apply(COMPLIANT)
    line = bench.collector.list_datagrams()[1].decode()
    assert r"PostureReport=Baseline\;Passed\;(Antivirus:Mandatory:Passed)" in line


async def test_coa_is_not_sent_before_the_lease_is_safe(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "psn1.sqlite"
    bench.endpoints = EndpointStore(bench.runtime, path=path)
    await bench.endpoints.open()
    result = Result(bench, lease_days=1)
    found: list[int] = []

    async def count_rows(session: Session, order: CoaOrder) -> None:
        with closing(sqlite3.connect(path)) as outside:
            found.extend(count for (count,) in outside.execute("SELECT count(*) FROM endpoint_attribute"))

    result.send_coa = count_rows
    result.apply(COMPLIANT)
    assert len(result.tasks) == 1
    await result.tasks.join(1)
    assert found == [1]
    await bench.endpoints.close()
