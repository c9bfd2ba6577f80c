"""The initial posture status (posture.md 6.2) and the lease (6.3), to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.posture import PostureStatus
from psn.posture_status import POSTURE_EXPIRY, choose_initial_status, renew_lease

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
    chosen, reason = choose_initial_status(attributes, lease=lease, now=now)
    assert chosen is status
    assert words in reason


@pytest.mark.parametrize(
    ("attributes", "lease", "now", "expiry"),
    [
        ({}, None, SUCCEEDED_AT, None),
        ({}, LEASE, SUCCEEDED_AT, EXPIRY),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT + LEASE, None),
        ({POSTURE_EXPIRY: EXPIRY}, LEASE, SUCCEEDED_AT + LEASE + MILLISECOND, "1586592142237"),
    ],
    ids=["lease off", "first success", "success within the lease", "success after the lease"],
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
    status, _ = choose_initial_status({POSTURE_EXPIRY: expiry}, lease=lease, now=succeeded_at + later)
    assert (status is COMPLIANT) == (later <= lease)
