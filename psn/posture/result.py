"""The end of a posture exchange: the status it gives a session, what others need to know of it, and who is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from nac.dialogue import PostureReport, PostureRequest
from nac.discovery import find_agent
from nac.posture import PostureStatus
from psn.posture.engine import evaluate
from psn.posture.policy import PosturePolicy
from psn.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class PostureResult:
    """One result. `previous` is the status before it, None where no authentication was seen here."""

    session: Session
    status: PostureStatus
    previous: PostureStatus | None
    reason: str
    report: str
    """As stored and logged, before the escaping of syslog; empty where no policy matched."""
    policies: tuple[str, ...]
    agent_version: str
    """``Posture Agent for Windows 5.1.0.0``."""
    agent_configuration: str
    """Name of what client provisioning selected; empty where it selected nothing."""
    operating_system: str
    user_name: str
    system_name: str = ""
    system_domain: str = ""
    address: str = ""
    is_reassessment: bool = False


class PostureSink(Protocol):
    """Whoever the portal tells what it has found out: `psn.posture.outcome.PostureOutcome` in a node."""

    def apply(self, result: PostureResult) -> None:
        """Do what follows from a result; the session has it already."""
        ...

    def note_unprovisioned(self, session: Session, operating_system: str) -> None:
        """Take note that client provisioning selects nothing for the agent of a session."""
        ...

    async def settled(self) -> None:
        """Wait until what the node keeps of its results is safe."""
        ...


def apply_result(
    session: Session,
    submission: PostureRequest | PostureReport,
    *,
    policies: Iterable[PosturePolicy],
    agent_configuration: str,
    remote: str,
) -> PostureResult:
    """Evaluate what an agent submitted and write status, report and agent version into the session.

    An initial request reports nothing; it is given here only where no policy matches it.
    """
    policies = tuple(policies)
    report = submission if isinstance(submission, PostureReport) else None
    verdict = evaluate(policies, report.results if report else ())
    previous = session.posture_status
    session.posture_status = verdict.status
    session.posture_report = verdict.report
    session.unmet = verdict.unmet
    session.agent_version = render_agent_version(submission)
    return PostureResult(
        session=session,
        status=verdict.status,
        previous=previous,
        reason=verdict.reason,
        report=verdict.report,
        policies=tuple(policy.name for policy in policies),
        agent_version=session.agent_version,
        agent_configuration=agent_configuration,
        operating_system=f"{submission.os} {submission.os_version}".strip(),
        user_name=report.user_name if report else session.user_name,
        system_name=report.system_name if report else "",
        system_domain=report.system_domain if report else "",
        address=submission.addresses[0] if submission.addresses else remote,
    )


def render_agent_version(submission: PostureRequest | PostureReport) -> str:
    """Render the agent's version as session and log show it; empty where it did not say."""
    if isinstance(submission, PostureReport):
        version = submission.agent_version
    else:
        agent = find_agent(submission.user_agent)
        version = agent.version if agent else ""
    return f"Posture Agent for {submission.os} {version}" if version else ""
