"""Posture policies and settings: whom they concern, and what contradicts itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nac.requirement import Category, Check, Operation, Requirement, RequirementKind
from psn.posture.policy import AgentConfiguration, Audience, PosturePolicy, PostureSettings

CHECK = Check(name="AV", category=Category.ANTIVIRUS, operation=Operation.EXISTS)


@pytest.mark.parametrize(
    ("audience", "operating_system", "groups", "included"),
    [
        (Audience(), "Windows", ("Employees",), True),
        (Audience(), "", None, True),
        (Audience(operating_systems=frozenset({"Windows"})), "WINDOWS", None, True),
        (Audience(operating_systems=frozenset({"Windows"})), "macOS", None, False),
        (Audience(groups=frozenset({"Employees"})), "Windows", ("Staff", "Employees"), True),
        (Audience(groups=frozenset({"Employees"})), "Windows", ("Staff",), False),
        (Audience(groups=frozenset({"Employees"})), "Windows", (), False),
    ],
)
def test_an_audience_is_a_system_and_a_group(
    *, audience: Audience, operating_system: str, groups: tuple[str, ...] | None, included: bool
) -> None:
    assert audience.includes(operating_system=operating_system, groups=groups) is included


def test_a_session_without_groups_matches_only_what_asks_for_none() -> None:
    """posture.md 5.2, the phantom."""
    assert not Audience(groups=frozenset({"Employees"})).includes(operating_system="Windows", groups=None)
    assert Audience().includes(operating_system="Windows", groups=None)


def test_the_lease_is_off_at_zero_days() -> None:
    assert PostureSettings().lease is None
    assert PostureSettings(lease_days=7).lease == timedelta(days=7)


@pytest.mark.parametrize("days", [-1, 366])
def test_a_lease_outside_the_products_range_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.365"):
        PostureSettings(lease_days=days)


def test_two_policies_may_share_a_requirement_but_not_disagree_about_it() -> None:
    first = Requirement(name="Antivirus", checks=(CHECK,))
    second = Requirement(name="Antivirus", checks=(CHECK,), kind=RequirementKind.AUDIT)
    one, same = (PosturePolicy(name=name, requirements=(first,)) for name in ("One", "Same"))
    PostureSettings(policies=(one, same))
    with pytest.raises(ValueError, match="another policy declares 'Antivirus' differently"):
        PostureSettings(policies=(one, PosturePolicy(name="Other", requirements=(second,))))


def test_a_policy_name_that_would_break_a_report_is_refused() -> None:
    with pytest.raises(ValueError, match="posture policy name"):
        PosturePolicy(name="a;b", requirements=())


def test_a_configuration_has_the_same_ids_on_every_node() -> None:
    assert AgentConfiguration(name="Agent").uuid == AgentConfiguration(name="Agent").uuid
    assert AgentConfiguration(name="Agent").uuid != AgentConfiguration(name="Other").uuid
