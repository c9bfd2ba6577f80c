"""The posture part of a topology: requirements, posture policies, agent configurations and client provisioning."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from nac.agent_profile import AgentProfile
from nac.posture import PostureStatus
from nac.requirement import Category, Check, Operation, Requirement, RequirementKind, verify_name
from posturelab.reading.document import Entry
from posturelab.reading.duration import Duration
from posturelab.topology.values import Text, Within, default_of, lasting
from psn.posture.policy import (
    MAXIMUM_LEASE_DAYS,
    AgentConfiguration,
    Audience,
    PosturePolicy,
    PostureSettings,
    ProvisioningRule,
)

NO_AGENT = "none"
"""The configuration of a provisioning rule that hands out no agent."""


def _read_report_name(text: str) -> str:
    verify_name("posture", text)
    return text


ReportName = Annotated[str, AfterValidator(_read_report_name)]
"""A name that a posture report can carry."""


class CheckEntry(Entry):
    """One condition over an endpoint's inventory."""

    name: ReportName
    category: Category
    operation: Operation = Operation.EXISTS
    parameter: str = ""

    @model_validator(mode="after")
    def _builds(self) -> Self:
        self.build()
        return self

    def build(self) -> Check:
        """Build the check as policy service nodes are told of it; raises `ValueError`."""
        return Check(**dict(self))


class RequirementEntry(Entry):
    """Checks that must all pass."""

    kind: RequirementKind = RequirementKind.MANDATORY
    checks: tuple[CheckEntry, ...] = Field(min_length=1)
    remediation: str = ""

    @model_validator(mode="after")
    def _builds(self) -> Self:
        self.build("any")
        return self

    def build(self, name: str) -> Requirement:
        """Build the requirement as policy service nodes are told of it; raises `ValueError`."""
        checks = tuple(check.build() for check in self.checks)
        return Requirement(name=name, kind=self.kind, checks=checks, remediation=self.remediation)


class AudienceEntry(Entry):
    """Whom a policy or rule concerns; what is left out asks for nothing."""

    operating_systems: tuple[Text, ...] = ()
    groups: tuple[Text, ...] = ()

    def build(self) -> Audience:
        """Build the audience."""
        return Audience(operating_systems=frozenset(self.operating_systems), groups=frozenset(self.groups))


class PosturePolicyEntry(Entry):
    """A posture policy: requirements, by name, for an audience."""

    name: ReportName
    requirements: tuple[Text, ...] = Field(min_length=1)
    audience: AudienceEntry = AudienceEntry()


class AgentProfileEntry(Entry):
    """Settings of the posture agent."""

    discovery_host: str = default_of(AgentProfile, "discovery_host")
    call_home: tuple[Text, ...] = default_of(AgentProfile, "call_home")
    server_name_rules: tuple[Text, ...] = default_of(AgentProfile, "server_name_rules")
    network_transition_delay: Annotated[Duration, lasting("2s", "30s")] = default_of(
        AgentProfile, "network_transition_delay"
    )
    backoff_timer_limit: Annotated[Duration, lasting("10s", "10m")] = default_of(AgentProfile, "backoff_timer_limit")
    remediation_timer: Annotated[Duration, lasting("1m", "5h")] = default_of(AgentProfile, "remediation_timer")

    @model_validator(mode="after")
    def _builds(self) -> Self:
        self.build()
        return self

    def build(self) -> AgentProfile:
        """Build the profile; raises `ValueError` for a value outside the range of the profile editor."""
        return AgentProfile(**dict(self))


class AgentConfigurationEntry(Entry):
    """What client provisioning hands out."""

    package_version: Text = default_of(AgentConfiguration, "package_version")
    profile: AgentProfileEntry = AgentProfileEntry()

    def build(self, name: str) -> AgentConfiguration:
        """Build the configuration."""
        return AgentConfiguration(name=name, package_version=self.package_version, profile=self.profile.build())


class ProvisioningEntry(Entry):
    """A line of the client provisioning policy."""

    name: Text
    configuration: Text
    audience: AudienceEntry = AudienceEntry()


class PostureEntry(Entry):
    """The posture settings of a deployment. Without provisioning rules everyone gets the default agent."""

    default_status: Literal["Compliant", "NonCompliant"] = "Compliant"
    lease_days: Annotated[int, Within(0, MAXIMUM_LEASE_DAYS)] = 0
    requirements: dict[ReportName, RequirementEntry] = Field(default_factory=dict)
    policies: tuple[PosturePolicyEntry, ...] = ()
    configurations: dict[Text, AgentConfigurationEntry] = Field(default_factory=dict)
    provisioning: tuple[ProvisioningEntry, ...] = ()

    def build(self) -> PostureSettings:
        """Build the settings; raises `KeyError` for a name that nobody declared."""
        requirements = {name: entry.build(name) for name, entry in self.requirements.items()}
        configurations = {name: entry.build(name) for name, entry in self.configurations.items()}
        policies = tuple(
            PosturePolicy(
                name=entry.name,
                requirements=tuple(requirements[name] for name in entry.requirements),
                audience=entry.audience.build(),
            )
            for entry in self.policies
        )
        rules = tuple(
            ProvisioningRule(
                name=entry.name,
                configuration=None if entry.configuration == NO_AGENT else configurations[entry.configuration],
                audience=entry.audience.build(),
            )
            for entry in self.provisioning
        )
        status = PostureStatus(self.default_status)
        settings = PostureSettings(policies=policies, default_status=status, lease_days=self.lease_days)
        return replace(settings, provisioning=rules) if rules else settings
