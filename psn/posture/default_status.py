"""The default posture status: what a session gets whose endpoint can have no agent (posture.md 6.2, rule 5).

Such an endpoint is known by its browser, when the redirect has brought it to the portal. Phones and tablets are the
common case; the names are those that browsers put into User-Agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nac.posture import PostureStatus
from psn.posture.result import PostureResult
from psn.session import Session

_SYSTEMS: Mapping[str, str] = MappingProxyType(
    {"Android": "Android", "iPhone": "iOS", "iPad": "iOS", "CrOS": "ChromeOS"}
)
"""Operating systems without an agent, by the word that betrays them."""


def find_agentless_system(user_agent: str) -> str | None:
    """Find the operating system of a browser for which no agent exists, or None."""
    for word, system in _SYSTEMS.items():
        if word in user_agent:
            return system
    return None


def apply_default_status(session: Session, status: PostureStatus, *, system: str, remote: str) -> PostureResult:
    """Write the default status into a session that waits for posture; nobody has assessed anything."""
    previous = session.posture_status
    session.posture_status = status
    return PostureResult(
        session=session,
        status=status,
        previous=previous,
        reason=f"there is no agent for {system}: the default posture status applies",
        report="",
        policies=(),
        agent_version="",
        agent_configuration="",
        operating_system=system,
        user_name=session.user_name,
        address=remote,
    )
