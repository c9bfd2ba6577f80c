"""Checks and requirements: one that exists is valid."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nac.requirement import Category, Check, Operation, Requirement


def test_a_check_of_definitions_has_a_maximum_age() -> None:
    check = Check(name="AV", category=Category.ANTIVIRUS, operation=Operation.WITHIN_DAYS, parameter="7")
    assert check.maximum_age == timedelta(days=7)


@pytest.mark.parametrize(
    ("category", "operation", "parameter", "why"),
    [
        (Category.FIREWALL, Operation.WITHIN_DAYS, "7", "firewall has no 'within-days'"),
        (Category.SERVICE, Operation.EXISTS, "sshd", "service has no 'exists'"),
        (Category.FILE, Operation.EXISTS, "", "say which file"),
        (Category.PATCH, Operation.EXISTS, "", "say which patch"),
        (Category.ANTIVIRUS, Operation.WITHIN_DAYS, "", "'' is not a number of days"),
        (Category.ANTIVIRUS, Operation.WITHIN_DAYS, "-1", "'-1' is not a number of days"),
        (Category.ANTIVIRUS, Operation.WITHIN_DAYS, "3651", "'3651' is not a number of days"),
        (Category.ANTIVIRUS, Operation.WITHIN_DAYS, "٣", "'٣' is not a number of days"),
    ],
)
def test_a_check_that_asks_nothing_sensible_is_refused(
    category: Category, operation: Operation, parameter: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Check(name="C", category=category, operation=operation, parameter=parameter)


@pytest.mark.parametrize("name", ["", "a:b", "a;b", "a[b", "a(b", "a,b", "a\\b", " a", "x" * 101])
def test_a_name_that_would_break_a_report_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="check name"):
        Check(name=name, category=Category.FIREWALL, operation=Operation.EXISTS)


def test_a_requirement_needs_checks_of_different_names() -> None:
    check = Check(name="C", category=Category.FIREWALL, operation=Operation.EXISTS)
    with pytest.raises(ValueError, match="'R' has no checks"):
        Requirement(name="R", checks=())
    with pytest.raises(ValueError, match="'R' has two checks of one name"):
        Requirement(name="R", checks=(check, check))
