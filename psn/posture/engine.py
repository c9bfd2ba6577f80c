"""The posture engine: which policies concern a session, what they require, and what an agent's report amounts to.

Source: posture.md 5.1 (no matching policy means Compliant; only a mandatory requirement decides) and 5.3 for the text
of the stored report: ``policy;Passed|Failed;(requirement:kind:outcome:Passed_Conditions[a:b]:...)``, requirements of a
policy joined by semicolons, policies by commas. The backslash before each semicolon is the escape of syslog.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nac.dialogue import RequirementResult
from nac.posture import PostureStatus
from nac.requirement import Outcome, Requirement, RequirementKind
from psn.posture.policy import PosturePolicy

_SEPARATOR = ";"

NO_POLICY = "no posture policy matches this session, which makes it Compliant"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status that a report amounts to, why, the text to be stored, and the mandatory requirements not met."""

    status: PostureStatus
    reason: str
    report: str
    unmet: tuple[str, ...] = ()


def select_policies(
    policies: Iterable[PosturePolicy], *, operating_system: str, groups: Iterable[str] | None
) -> tuple[PosturePolicy, ...]:
    """Select every policy that concerns a session."""
    return tuple(
        policy for policy in policies if policy.audience.includes(operating_system=operating_system, groups=groups)
    )


def list_requirements(policies: Iterable[PosturePolicy]) -> tuple[Requirement, ...]:
    """List what policies require, each requirement once, in the order of declaration."""
    return tuple({item.name: item for policy in policies for item in policy.requirements}.values())


def evaluate(policies: Iterable[PosturePolicy], results: Iterable[RequirementResult]) -> Verdict:
    """Evaluate a report; a requirement that it leaves out counts as skipped."""
    reported = {result.requirement: result for result in results}
    entries = []
    unmet: dict[str, None] = {}
    for policy in policies:
        outcomes = [_judge(requirement, reported.get(requirement.name)) for requirement in policy.requirements]
        missed = [outcome.requirement.name for outcome in outcomes if outcome.prevents_compliance]
        unmet.update(dict.fromkeys(missed))
        word = Outcome.FAILED if missed else Outcome.PASSED
        details = _SEPARATOR.join(outcome.render() for outcome in outcomes)
        entries.append(f"{policy.name}{_SEPARATOR}{word.value}{_SEPARATOR}({details})")
    report = ", ".join(entries)
    if unmet:
        names = ", ".join(unmet)
        return Verdict(PostureStatus.NON_COMPLIANT, f"mandatory requirement not met: {names}", report, tuple(unmet))
    if not entries:
        return Verdict(PostureStatus.COMPLIANT, NO_POLICY, report)
    return Verdict(PostureStatus.COMPLIANT, "every mandatory requirement is met", report)


@dataclass(frozen=True, slots=True)
class _Judgement:
    """One requirement of one policy, judged."""

    requirement: Requirement
    outcome: Outcome
    checks: tuple[tuple[str, Outcome], ...]

    @property
    def prevents_compliance(self) -> bool:
        """Whether this alone makes the endpoint NonCompliant."""
        return self.requirement.kind is RequirementKind.MANDATORY and self.outcome is not Outcome.PASSED

    def render(self) -> str:
        """Render this requirement's part of a stored report."""
        lists = ":".join(
            f"{outcome.value}_Conditions[{':'.join(name for name, found in self.checks if found is outcome)}]"
            for outcome in Outcome
        )
        return f"{self.requirement.name}:{self.requirement.kind.value}:{self.outcome.value}:{lists}"


def _judge(requirement: Requirement, result: RequirementResult | None) -> _Judgement:
    """Judge a requirement by what the agent says; checks that it does not know count for nothing."""
    reported = dict(result.checks) if result else {}
    outcome = result.outcome if result else Outcome.SKIPPED
    checks = tuple((check.name, reported.get(check.name, Outcome.SKIPPED)) for check in requirement.checks)
    return _Judgement(requirement, outcome, checks)
