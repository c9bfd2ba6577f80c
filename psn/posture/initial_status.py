"""Which posture status a session begins with: what the session directory shares of it, or what the lease says.

Source: posture.md 6.2 to 6.4; the order of the two is that of 14. The endpoint attribute is named PostureExpiry but
holds the instant of the last counted success, in epoch milliseconds; its age against the lease decides. It comes from
any node, at any time: from a disk that has outlived a lab whose clock was ahead, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from ldd.record import SessionRecord
from nac.posture import PostureStatus
from psn.posture.pip_log import render_shared_status

POSTURE_EXPIRY = "PostureExpiry"
CLOCK_SKEW = timedelta(minutes=5)
"""How far the clock of the node that counted a success may be ahead; what lies further in the future is no success."""

_LONGEST_EXPIRY = 14
"""Digits; enough until the year 5138."""


class InitialStatus(NamedTuple):
    """A status, why it is that in one sentence, and what the log of the session's attributes tells of it, if so."""

    status: PostureStatus
    reason: str
    log: str = ""


def choose_initial_status(
    attributes: Mapping[str, str], *, lease: timedelta | None, now: datetime, shared: SessionRecord | None = None
) -> InitialStatus:
    """Choose the status of a session new to this node; `shared` is the directory's record of it, not a stopped one."""
    if shared is not None and shared.posture_status is PostureStatus.COMPLIANT:
        reason = f"the session directory has this session as Compliant, from its owner {shared.psn}"
        return InitialStatus(shared.posture_status, reason, render_shared_status(shared))
    if lease is None:
        return InitialStatus(PostureStatus.UNKNOWN, "a session new to this node begins Unknown")
    age = _lease_age(attributes, now)
    if age is None:
        return InitialStatus(PostureStatus.UNKNOWN, "the posture lease is on, but this endpoint has no PostureExpiry")
    if age < -CLOCK_SKEW:
        reason = f"the posture lease does not hold: by this node's clock the last success lies {-age} in the future"
        return InitialStatus(PostureStatus.UNKNOWN, reason)
    ago = f"last success {max(age, timedelta())} ago, lease {lease}"
    if age <= lease:
        return InitialStatus(PostureStatus.COMPLIANT, f"the posture lease holds: {ago}")
    return InitialStatus(PostureStatus.UNKNOWN, f"the posture lease has run out: {ago}")


def renew_lease(attributes: Mapping[str, str], *, lease: timedelta | None, now: datetime) -> str | None:
    """Compute the new PostureExpiry after a success where none is known of which the lease holds, else None."""
    if lease is None:
        return None
    age = _lease_age(attributes, now)
    return None if age is not None and -CLOCK_SKEW <= age <= lease else str(_milliseconds(now))


def _lease_age(attributes: Mapping[str, str], now: datetime) -> timedelta | None:
    """Compute the age of PostureExpiry, negative where it is in the future; None where it is absent or no instant."""
    text = attributes.get(POSTURE_EXPIRY, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_EXPIRY):
        return None
    return timedelta(milliseconds=_milliseconds(now) - int(text))


def _milliseconds(instant: datetime) -> int:
    """Convert an instant to epoch milliseconds."""
    return round(instant.timestamp() * 1000)
