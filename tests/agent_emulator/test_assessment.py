"""The assessment: each kind of check against an inventory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent_emulator.assessment import assess
from agent_emulator.inventory import Inventory, Product
from nac.requirement import Category, Check, Operation, Outcome, Requirement

DAY = timedelta(days=1)
PASSED, FAILED, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED
INVENTORY = Inventory(
    products=(
        Product(category=Category.ANTIVIRUS, name="Lab Antivirus", definitions_age=6 * DAY),
        Product(category=Category.ANTIVIRUS, name="Old Antivirus", running=False, definitions_age=90 * DAY),
        Product(category=Category.FIREWALL, name="Lab Firewall", running=False),
        Product(category=Category.ANTISPYWARE, name="Lab Antispyware"),
    ),
    files=frozenset({"C:\\Lab\\agent.ini"}),
    services=frozenset({"labd"}),
    patches=frozenset({"KB5001"}),
)
EXISTS, RUNNING, WITHIN = Operation.EXISTS, Operation.RUNNING, Operation.WITHIN_DAYS


@pytest.mark.parametrize(
    ("category", "operation", "parameter", "outcome"),
    [
        (Category.ANTIVIRUS, EXISTS, "", PASSED),
        (Category.ANTIVIRUS, EXISTS, "Old Antivirus", PASSED),
        (Category.ANTIVIRUS, EXISTS, "Other Antivirus", FAILED),
        (Category.ANTIVIRUS, RUNNING, "", PASSED),
        (Category.ANTIVIRUS, RUNNING, "Old Antivirus", FAILED),
        (Category.ANTIVIRUS, RUNNING, "Other Antivirus", SKIPPED),
        (Category.ANTIVIRUS, WITHIN, "6", PASSED),
        (Category.ANTIVIRUS, WITHIN, "5", FAILED),
        (Category.ANTISPYWARE, WITHIN, "5", FAILED),
        (Category.FIREWALL, EXISTS, "", PASSED),
        (Category.FIREWALL, RUNNING, "", FAILED),
        (Category.DISK_ENCRYPTION, EXISTS, "", FAILED),
        (Category.DISK_ENCRYPTION, RUNNING, "", SKIPPED),
        (Category.FILE, EXISTS, "C:\\Lab\\agent.ini", PASSED),
        (Category.FILE, EXISTS, "C:\\other", FAILED),
        (Category.SERVICE, RUNNING, "labd", PASSED),
        (Category.SERVICE, RUNNING, "sshd", FAILED),
        (Category.PATCH, EXISTS, "KB5001", PASSED),
        (Category.PATCH, EXISTS, "KB5002", FAILED),
    ],
)
def test_a_check_holds_or_not(category: Category, operation: Operation, parameter: str, outcome: Outcome) -> None:
    check = Check(name="C", category=category, operation=operation, parameter=parameter)
    (result,) = assess((Requirement(name="R", checks=(check,)),), INVENTORY, elapsed=timedelta(0))
    assert result.checks == (("C", outcome),)
    assert result.outcome is (PASSED if outcome is PASSED else FAILED)


def test_definitions_age_with_the_time_that_passes() -> None:
    check = Check(name="C", category=Category.ANTIVIRUS, operation=WITHIN, parameter="7")
    requirement = Requirement(name="R", checks=(check,))
    outcomes = [assess((requirement,), INVENTORY, elapsed=elapsed)[0].outcome for elapsed in (DAY, 2 * DAY)]
    assert outcomes == [PASSED, FAILED]


def test_a_requirement_passes_where_all_its_checks_pass() -> None:
    first = Check(name="First", category=Category.FIREWALL, operation=EXISTS)
    second = Check(name="Second", category=Category.FIREWALL, operation=RUNNING)
    requirements = (Requirement(name="A", checks=(first,)), Requirement(name="B", checks=(first, second)))
    results = assess(requirements, INVENTORY, elapsed=timedelta(0))
    assert [(result.requirement, result.outcome) for result in results] == [("A", PASSED), ("B", FAILED)]
    assert results[1].checks == (("First", PASSED), ("Second", FAILED))
