"""The posture engine: status and stored report, in the syntax of posture.md 5.3."""

from __future__ import annotations

from nac.dialogue import RequirementResult
from nac.posture import PostureStatus
from nac.requirement import Category, Check, Operation, Outcome, Requirement, RequirementKind
from psn.posture.engine import NO_POLICY, evaluate, list_requirements, select_policies
from psn.posture.policy import Audience, PosturePolicy

PASSED, FAILED, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED


def requirement(name: str, kind: RequirementKind, *checks: str) -> Requirement:
    return Requirement(
        name=name,
        kind=kind,
        checks=tuple(Check(name=check, category=Category.ANTIVIRUS, operation=Operation.EXISTS) for check in checks),
    )


def result(name: str, outcome: Outcome, *checks: tuple[str, Outcome]) -> RequirementResult:
    return RequirementResult(requirement=name, outcome=outcome, checks=checks)


ANTIVIRUS = requirement("AV", RequirementKind.MANDATORY, "av-installed", "av-running", "av-definitions")
FIREWALL = requirement("FW", RequirementKind.OPTIONAL, "fw-running")
PATCH = requirement("KB", RequirementKind.AUDIT, "kb5001")
BASELINE = PosturePolicy(name="Baseline", requirements=(ANTIVIRUS, FIREWALL, PATCH))
AV_PASSED = result("AV", PASSED, ("av-installed", PASSED), ("av-running", PASSED), ("av-definitions", PASSED))


def test_a_report_in_which_all_is_well_makes_compliant() -> None:
    results = (AV_PASSED, result("FW", PASSED, ("fw-running", PASSED)), result("KB", PASSED, ("kb5001", PASSED)))
    verdict = evaluate((BASELINE,), results)
    assert verdict.status is PostureStatus.COMPLIANT
    assert verdict.report == (
        "Baseline;Passed;("
        "AV:Mandatory:Passed:Passed_Conditions[av-installed:av-running:av-definitions]"
        ":Failed_Conditions[]:Skipped_Conditions[];"
        "FW:Optional:Passed:Passed_Conditions[fw-running]:Failed_Conditions[]:Skipped_Conditions[];"
        "KB:Audit:Passed:Passed_Conditions[kb5001]:Failed_Conditions[]:Skipped_Conditions[])"
    )


def test_only_a_mandatory_requirement_decides() -> None:
    results = (AV_PASSED, result("FW", FAILED, ("fw-running", FAILED)), result("KB", FAILED, ("kb5001", FAILED)))
    verdict = evaluate((BASELINE,), results)
    assert verdict.status is PostureStatus.COMPLIANT
    assert "Baseline;Passed;(" in verdict.report
    assert "FW:Optional:Failed:" in verdict.report
    assert verdict.unmet == ()


def test_a_failed_mandatory_requirement_makes_non_compliant_and_is_named() -> None:
    failed = result("AV", FAILED, ("av-installed", FAILED), ("av-running", SKIPPED), ("av-definitions", SKIPPED))
    verdict = evaluate((BASELINE,), (failed, result("FW", PASSED)))
    assert verdict.status is PostureStatus.NON_COMPLIANT
    assert verdict.reason == "mandatory requirement not met: AV"
    assert verdict.report.startswith(
        "Baseline;Failed;(AV:Mandatory:Failed:Passed_Conditions[]:Failed_Conditions[av-installed]"
        ":Skipped_Conditions[av-running:av-definitions];"
    )
    assert verdict.unmet == ("AV",)


def test_a_requirement_that_the_report_leaves_out_counts_as_skipped() -> None:
    verdict = evaluate((BASELINE,), ())
    assert verdict.status is PostureStatus.NON_COMPLIANT
    assert "AV:Mandatory:Skipped:Passed_Conditions[]:Failed_Conditions[]" in verdict.report
    assert verdict.unmet == ("AV",)


def test_requirements_and_checks_that_nobody_asked_for_count_for_nothing() -> None:
    odd = result("AV", PASSED, ("av-installed", PASSED), ("x]);Fake;Passed;(", PASSED))
    verdict = evaluate((PosturePolicy(name="P", requirements=(ANTIVIRUS,)),), (odd, result("Other", FAILED)))
    assert verdict.status is PostureStatus.COMPLIANT
    assert "Fake" not in verdict.report


def test_several_policies_are_joined_by_commas() -> None:
    other = PosturePolicy(name="Other", requirements=(FIREWALL,))
    verdict = evaluate((BASELINE, other), (AV_PASSED, result("FW", PASSED, ("fw-running", PASSED))))
    assert verdict.report.count("), Other;Passed;(FW:Optional:Passed:") == 1


def test_no_policy_means_compliant() -> None:
    """posture.md 5.1 step 5."""
    verdict = evaluate((), ())
    assert (verdict.status, verdict.reason, verdict.report) == (PostureStatus.COMPLIANT, NO_POLICY, "")


def test_every_policy_that_concerns_a_session_is_selected() -> None:
    macs = PosturePolicy(
        name="Macs", requirements=(FIREWALL,), audience=Audience(operating_systems=frozenset({"macOS"}))
    )
    staff = PosturePolicy(name="Staff", requirements=(FIREWALL,), audience=Audience(groups=frozenset({"Employees"})))
    chosen = select_policies((BASELINE, macs, staff), operating_system="Windows", groups=("Employees",))
    assert chosen == (BASELINE, staff)
    assert list_requirements(chosen) == (ANTIVIRUS, FIREWALL, PATCH)


def test_a_requirement_of_two_policies_is_unmet_once() -> None:
    other = PosturePolicy(name="Other", requirements=(ANTIVIRUS,))
    assert evaluate((BASELINE, other), ()).unmet == ("AV",)
