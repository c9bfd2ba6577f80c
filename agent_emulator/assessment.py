"""The assessment: requirements held against an inventory.

A check that presupposes a product is skipped where there is none; that it exists is another check's question. A
requirement passes where all its checks pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from agent_emulator.inventory import Inventory, Product
from nac.dialogue import RequirementResult
from nac.requirement import Category, Check, Operation, Outcome, Requirement


def assess(
    requirements: Iterable[Requirement], inventory: Inventory, *, elapsed: timedelta
) -> tuple[RequirementResult, ...]:
    """Hold requirements against an inventory taken up `elapsed` ago, by which definitions have aged since."""
    return tuple(_assess(requirement, inventory, elapsed) for requirement in requirements)


def _assess(requirement: Requirement, inventory: Inventory, elapsed: timedelta) -> RequirementResult:
    checks = tuple((check.name, _check(check, inventory, elapsed)) for check in requirement.checks)
    passed = all(outcome is Outcome.PASSED for _, outcome in checks)
    return RequirementResult(
        requirement=requirement.name, outcome=Outcome.PASSED if passed else Outcome.FAILED, checks=checks
    )


def _check(check: Check, inventory: Inventory, elapsed: timedelta) -> Outcome:
    match check.category:
        case Category.FILE:
            return _judge(check.parameter in inventory.files)
        case Category.SERVICE:
            return _judge(check.parameter in inventory.services)
        case Category.PATCH:
            return _judge(check.parameter in inventory.patches)
        case _:
            return _check_products(check, inventory, elapsed)


def _check_products(check: Check, inventory: Inventory, elapsed: timedelta) -> Outcome:
    """Check the products of a category; one that satisfies the check is enough."""
    if check.operation is Operation.WITHIN_DAYS:
        products = inventory.list_products(check.category)
        return _judge_any(_has_recent_definitions(product, check, elapsed) for product in products)
    products = inventory.list_products(check.category, check.parameter)
    if check.operation is Operation.RUNNING:
        return _judge_any(product.running for product in products)
    return _judge(bool(products))


def _has_recent_definitions(product: Product, check: Check, elapsed: timedelta) -> bool:
    age = product.definitions_age
    return age is not None and age + elapsed <= check.maximum_age


def _judge(holds: bool) -> Outcome:  # noqa: FBT001
    return Outcome.PASSED if holds else Outcome.FAILED


def _judge_any(answers: Iterable[bool]) -> Outcome:
    """Judge by any of several answers; none at all means that there was nothing to ask."""
    found = tuple(answers)
    return _judge(any(found)) if found else Outcome.SKIPPED
