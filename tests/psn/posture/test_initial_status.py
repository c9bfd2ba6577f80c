"""The initial posture status (posture.md 6.2) and the lease (6.3), to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus
from psn.posture.initial_status import CLOCK_SKEW, POSTURE_EXPIRY, choose_initial_status, renew_lease

EXPIRY = "1586332942236"
"""The value of a published screenshot; it decodes to 2020-04-08 08:02:22.236 UTC."""
SUCCEEDED_AT = datetime(2020, 4, 8, 8, 2, 22, 236_000, tzinfo=UTC)
LEASE = timedelta(days=3)
MILLISECOND = timedelta(milliseconds=1)

UNKNOWN, COMPLIANT = PostureStatus.UNKNOWN, PostureStatus.COMPLIANT


@pytest.mark.parametrize(
    ("attributes", "lease", "now", "status", "words"),
    [
        ({}, None, SUCCEEDED_AT, UNKNOWN, "new to this node"),
        ({POSTURE_EXPIRY: EXPIRY}, None, SUCCEEDED_AT, UNKNOWN, "new to this node"),
        ({}, LEASE, SUCCEEDED_AT, UNKNOWN, "no PostureExpiry"),
        ({POSTURE_EXPIRY: ""}, LEASE, SUCCEEDED_AT, UNKNOWN, "no PostureExpiry"),
        ({POSTURE_EXPIRY: "soon"}, LEASE, SUCCEEDED_AT, UNKNOWN, "no PostureExpiry"),
        ({POSTURE_EXPIRY: "\u00b2"}, LEASE, SUCCEEDED_AT, UNKNOWN, "no PostureExpiry"),
        ({POSTURE_EXPIRY: "\u0661"}, LEASE, SUCCEEDED_AT, UNKNOWN, "no PostureExpiry"),
        ({POSTURE_EXPIRY: "-1"}, LEASE, SUCCEEDED_AT, UNKNOWN, "no PostureExpiry"),
        ({POSTURE_EXPIRY: "9" * 15}, LEASE, SUCCEEDED_AT, UNKNOWN, "no PostureExpiry"),
        ({POSTURE_EXPIRY: "9" * 20}, LEASE, SUCCEEDED_AT, UNKNOWN, "no PostureExpiry"),
        ({POSTURE_EXPIRY: "9" * 14}, LEASE, SUCCEEDED_AT, UNKNOWN, "in the future"),
        (
            {POSTURE_EXPIRY: EXPIRY},
            LEASE,
            SUCCEEDED_AT - CLOCK_SKEW - MILLISECOND,
            UNKNOWN,
            "0:05:00.001000 in the fut",
        ),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT - CLOCK_SKEW, COMPLIANT, "last success 0:00:00 ago"),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT, COMPLIANT, "holds"),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT + LEASE, COMPLIANT, "holds"),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT + LEASE + MILLISECOND, UNKNOWN, "has run out"),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT + timedelta(days=100), UNKNOWN, "has run out"),
        ({POSTURE_EXPIRY: EXPIRY}, timedelta(days=365), SUCCEEDED_AT + timedelta(days=100), COMPLIANT, "holds"),
    ],
)
def test_session_new_to_a_node_begins_with(
    attributes: dict[str, str], lease: timedelta | None, now: datetime, status: PostureStatus, words: str
) -> None:
    initial = choose_initial_status(attributes, lease=lease, now=now)
    assert initial.status is status
    assert words in initial.reason
    assert not initial.log


def share(status: PostureStatus | None) -> SessionRecord:
    return SessionRecord(
        session_id="A",
        mac="02:00:00:00:10:01",
        psn="psn2",
        psn_ip="127.0.1.2",
        psn_fqdn="psn2.lab.test",
        state=RecordState.STARTED,
        posture_status=status,
        version=1,
        authenticated_at=SUCCEEDED_AT,
        at=SUCCEEDED_AT,
    )


def test_session_that_the_directory_has_as_compliant_begins_so_before_any_lease_is_asked() -> None:
    """posture.md 6.4 and 14; the classes of the log lines are those of a public log."""
    initial = choose_initial_status({}, lease=LEASE, now=SUCCEEDED_AT, shared=share(COMPLIANT))
    assert initial.status is COMPLIANT
    assert initial.reason == "the session directory has this session as Compliant, from its owner psn2"
    lines = initial.log.split("\n")
    assert {line.partition(" -::- ")[0] for line in lines} == {
        "cpm.nsf.session.impl.PIPManager",
        "cpm.nsf.session.impl.SessionCache",
        "cisco.cpm.posture.pip.PostureStatusPIP",
    }
    assert lines[-1].endswith("for mac 02-00-00-00-10-01 - Attribute Session.PostureStatus value is Compliant")


@pytest.mark.parametrize("shared", [None, UNKNOWN, PostureStatus.NON_COMPLIANT, PostureStatus.NOT_APPLICABLE])
def test_session_of_any_other_status_begins_as_if_nobody_knew_it(shared: PostureStatus | None) -> None:
    now = SUCCEEDED_AT
    for attributes in ({}, {POSTURE_EXPIRY: EXPIRY}):
        alone = choose_initial_status(attributes, lease=LEASE, now=now)
        assert choose_initial_status(attributes, lease=LEASE, now=now, shared=share(shared)) == alone


@pytest.mark.parametrize(
    ("attributes", "lease", "now", "expiry"),
    [
        ({}, None, SUCCEEDED_AT, None),
        ({}, LEASE, SUCCEEDED_AT, EXPIRY),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT + LEASE, None),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT + LEASE + MILLISECOND, "1586592142237"),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT - CLOCK_SKEW, None),
        ({POSTURE_EXPIRY: "9" * 14}, LEASE, SUCCEEDED_AT, EXPIRY),
        ({POSTURE_EXPIRY: "9" * 20}, LEASE, SUCCEEDED_AT, EXPIRY),
    ],
    ids=[
        "lease off",
        "first success",
        "success within the lease",
        "success after the lease",
        "clocks that differ",
        "success in the future",
        "no instant",
    ],
)
def test_success_writes_posture_expiry_only_first_and_after_the_lease(
    attributes: dict[str, str], lease: timedelta | None, now: datetime, expiry: str | None
) -> None:
    assert renew_lease(attributes, lease=lease, now=now) == expiry


@given(
    st.integers(0, 1 << 40).map(lambda count: SUCCEEDED_AT + count * MILLISECOND),
    st.integers(0, 400 * 86_400_000).map(lambda count: count * MILLISECOND),
    st.integers(1, 365).map(lambda days: timedelta(days=days)),
)
def test_renewed_lease_holds_exactly_its_days(succeeded_at: datetime, later: timedelta, lease: timedelta) -> None:
    expiry = renew_lease({}, lease=lease, now=succeeded_at)
    assert expiry is not None
    initial = choose_initial_status({POSTURE_EXPIRY: expiry}, lease=lease, now=succeeded_at + later)
    assert (initial.status is COMPLIANT) == (later <= lease)
