"""The posture status that a session takes over from another node, from the Access-Request to the rule it meets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ldd.era import Era
from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus
from psn.posture.initial_status import POSTURE_EXPIRY
from psn.posture.policy import PostureSettings
from radius import attribute

if TYPE_CHECKING:
    from tests.psn.bench import Bench, BuildBench

MAC = "02:00:00:00:10:01"
SESSION_ID = "7F000301000000010000ABCD"


def share(bench: Bench, **changes: Any) -> None:
    """Let the directory know the session of another node."""
    values: dict[str, Any] = {
        "session_id": SESSION_ID,
        "mac": MAC,
        "psn": "psn2",
        "psn_ip": "127.0.1.2",
        "psn_fqdn": "psn2.lab.test",
        "state": RecordState.STARTED,
        "posture_status": PostureStatus.COMPLIANT,
        "version": 1,
        "authenticated_at": bench.clock.now(),
        "at": bench.clock.now(),
    }
    assert bench.rsd.merge(SessionRecord(**values | changes))


@pytest.mark.parametrize(
    ("era", "profile"),
    [(Era.POSTURE_SHARING, "Full-Access"), (Era.DIRECTORY, "Posture-Redirect"), (Era.OFF, "Posture-Redirect")],
)
def test_session_that_fails_over_keeps_its_status_where_statuses_are_shared(
    build_bench: BuildBench, era: Era, profile: str
) -> None:
    """posture.md 6.4, scenario 9 of 11."""
    bench = build_bench(era=era)
    share(bench)
    assert bench.authenticate().profile == profile
    (record,) = bench.list_events("access-accept")
    assert ("from its owner psn2" in record.reason) is (era is Era.POSTURE_SHARING)
    assert ("PostureStatusPIP" in str(record.facts.get("log"))) is (era is Era.POSTURE_SHARING)


def test_shared_status_goes_before_the_lease_and_a_stopped_session_has_none(build_bench: BuildBench) -> None:
    """posture.md 14: the status of this id, then the lease, then Unknown."""
    bench = build_bench(posture=PostureSettings(lease_days=1))
    bench.endpoints.set_attribute(MAC, POSTURE_EXPIRY, str(int(bench.clock.now().timestamp() * 1000)))
    share(bench)
    share(bench, session_id="B", state=RecordState.STOPPED)
    bench.authenticate()
    bench.authenticate(session_id="B")
    bench.authenticate(session_id="C")
    reasons = [record.reason for record in bench.list_events("access-accept")]
    assert ["psn2" in reason for reason in reasons] == [True, False, False]
    assert ["the posture lease holds" in reason for reason in reasons] == [False, True, True]


def test_session_known_here_keeps_its_status_whatever_is_shared(bench: Bench) -> None:
    bench.authenticate()
    share(bench)
    assert bench.authenticate().posture_status is PostureStatus.UNKNOWN


def test_phantom_that_is_authenticated_takes_the_shared_status(bench: Bench) -> None:
    bench.account(attribute.ACCT_INTERIM_UPDATE, bench.avpair(f"audit-session-id={SESSION_ID}"))
    share(bench)
    assert bench.authenticate().posture_status is PostureStatus.COMPLIANT
