"""What the portal hands out by id: agent configurations, and stand-ins for agent packages."""

from __future__ import annotations

from collections.abc import Iterable

from nac.agent_profile import encode_profile
from psn.portal.request import PortalAnswer
from psn.posture.policy import AgentConfiguration, ProvisioningRule


def find_configuration(rules: Iterable[ProvisioningRule], uuid: str) -> PortalAnswer | None:
    """Find an agent configuration; None where no rule hands out one of this id."""
    for configuration in _list_configurations(rules):
        if str(configuration.uuid) == uuid:
            return PortalAnswer(content_type="text/xml", body=encode_profile(configuration.profile))
    return None


def find_package(rules: Iterable[ProvisioningRule], uuid: str) -> PortalAnswer | None:
    """Find a stand-in for an agent package; None where no rule hands out one of this id."""
    for configuration in _list_configurations(rules):
        if str(configuration.package_uuid) == uuid:
            body = f"Posture Lab agent package {configuration.package_version}\n".encode()
            return PortalAnswer(content_type="application/octet-stream", body=body)
    return None


def _list_configurations(rules: Iterable[ProvisioningRule]) -> list[AgentConfiguration]:
    return [rule.configuration for rule in rules if rule.configuration is not None]
