"""Posture policies, client provisioning rules and posture settings of a deployment, as declared.

A policy or rule applies by operating system and identity group. A session without groups, because no authentication
was seen here, matches only what asks for none (posture.md 5.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from nac.agent_profile import AgentProfile
from nac.posture import PostureStatus
from nac.requirement import Requirement, verify_name

MAXIMUM_LEASE_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Whom a policy or rule concerns; an empty set asks for nothing."""

    operating_systems: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def includes(self, *, operating_system: str, groups: Iterable[str] | None) -> bool:
        """Tell whether an endpoint of this system in a session of these groups is meant."""
        systems = {name.casefold() for name in self.operating_systems}
        if systems and operating_system.casefold() not in systems:
            return False
        return not self.groups or not self.groups.isdisjoint(groups or ())


EVERYONE = Audience()


@dataclass(frozen=True, slots=True, kw_only=True)
class PosturePolicy:
    """A named list of requirements for an audience."""

    name: str
    requirements: tuple[Requirement, ...]
    audience: Audience = EVERYONE

    def __post_init__(self) -> None:
        """Refuse a name that cannot be reported; raises `ValueError`."""
        verify_name("posture policy", self.name)


_DEFAULT_PROFILE = AgentProfile()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfiguration:
    """What client provisioning hands out: the agent's profile and the version of its package."""

    name: str
    package_version: str = "5.1.0.0"
    profile: AgentProfile = _DEFAULT_PROFILE

    @property
    def uuid(self) -> UUID:
        """Id of the configuration in its URL; the same name has the same one on every node."""
        return uuid5(NAMESPACE_URL, f"agent-configuration:{self.name}")

    @property
    def package_uuid(self) -> UUID:
        """Id of the package in its URL."""
        return uuid5(NAMESPACE_URL, f"agent-package:{self.package_version}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningRule:
    """A line of the client provisioning policy; the first that includes the session decides."""

    name: str
    configuration: AgentConfiguration | None
    """None: no agent for these; the answer then has no headers of configuration and package."""
    audience: Audience = EVERYONE


DEFAULT_PROVISIONING = ProvisioningRule(name="Default", configuration=AgentConfiguration(name="Default agent"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PostureSettings:
    """Policies, client provisioning, the status of endpoints without an agent, and the lease in days (0: off)."""

    policies: tuple[PosturePolicy, ...] = ()
    provisioning: tuple[ProvisioningRule, ...] = (DEFAULT_PROVISIONING,)
    default_status: PostureStatus = PostureStatus.COMPLIANT
    lease_days: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that contradict themselves; raises `ValueError`."""
        if not 0 <= self.lease_days <= MAXIMUM_LEASE_DAYS:
            raise ValueError(f"the posture lease is {self.lease_days} days, outside 0..{MAXIMUM_LEASE_DAYS}")
        known: dict[str, Requirement] = {}
        for policy in self.policies:
            for requirement in policy.requirements:
                name = requirement.name
                if known.setdefault(name, requirement) != requirement:
                    raise ValueError(f"posture policy {policy.name!r}: another policy declares {name!r} differently")

    @property
    def lease(self) -> timedelta | None:
        """How long a success counts; None while the lease is off."""
        return timedelta(days=self.lease_days) if self.lease_days else None
