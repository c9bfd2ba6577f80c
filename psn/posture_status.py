"""Which posture status a session begins with, and the posture lease that may decide it.

Source: posture.md 6.2 and 6.3. The endpoint attribute is named PostureExpiry but holds the instant of the last
counted success, in epoch milliseconds; its age against the lease decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from nac.posture import PostureStatus

POSTURE_EXPIRY = "PostureExpiry"


def choose_initial_status(
    attributes: Mapping[str, str], *, lease: timedelta | None, now: datetime
) -> tuple[PostureStatus, str]:
    """Choose the status of a session new to this node, and say why in one sentence."""
    if lease is None:
        return PostureStatus.UNKNOWN, "a session new to this node begins Unknown"
    age = _lease_age(attributes, now)
    if age is None:
        return PostureStatus.UNKNOWN, "the posture lease is on, but this endpoint has no PostureExpiry"
    if age <= lease:
        return PostureStatus.COMPLIANT, f"the posture lease holds: last success {age} ago, lease {lease}"
    return PostureStatus.UNKNOWN, f"the posture lease has run out: last success {age} ago, lease {lease}"


def renew_lease(attributes: Mapping[str, str], *, lease: timedelta | None, now: datetime) -> str | None:
    """Compute the new PostureExpiry after a success: at the first one and after the lease ran out, else None."""
    if lease is None:
        return None
    age = _lease_age(attributes, now)
    return None if age is not None and age <= lease else str(_milliseconds(now))


def _lease_age(attributes: Mapping[str, str], now: datetime) -> timedelta | None:
    """Compute the age of PostureExpiry; None where it is absent or no number."""
    text = attributes.get(POSTURE_EXPIRY, "")
    return timedelta(milliseconds=_milliseconds(now) - int(text)) if text.isdecimal() else None


def _milliseconds(instant: datetime) -> int:
    """Convert an instant to epoch milliseconds."""
    return round(instant.timestamp() * 1000)
