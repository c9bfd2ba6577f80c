"""Client provisioning: which agent configuration a session gets, and the discovery answer that tells the agent.

Evaluated anew for every request with the session's attributes (posture.md 5.1 step 1). Where no configuration is
selected the answer lacks the headers of configuration and package, and the agent bypasses the scan (posture.md 4.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nac.discovery import (
    AGENT_CONFIGURATION_PATH,
    PACKAGE_PATH,
    POSTURE_DOMAIN,
    POSTURE_PATH,
    STATUS_PATH,
    DiscoveryAnswer,
)
from nac.posture import PostureStatus
from psn.posture.policy import AgentConfiguration, ProvisioningRule
from psn.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalServer:
    """How agents reach this node's portal, and the nodes beside it."""

    fqdn: str
    port: int
    backup_servers: tuple[str, ...] = ()


def select_configuration(
    rules: Iterable[ProvisioningRule], *, operating_system: str, groups: Iterable[str] | None
) -> AgentConfiguration | None:
    """Select the configuration of the first rule that includes the session; None where none does or it says so."""
    for rule in rules:
        if rule.audience.includes(operating_system=operating_system, groups=groups):
            return rule.configuration
    return None


def build_answer(
    session: Session, configuration: AgentConfiguration | None, *, server: PortalServer
) -> DiscoveryAnswer:
    """Build the answer for a session; one whose authentication was not seen here counts as Unknown."""
    base = f"https://{server.fqdn}:{server.port}"
    configuration_uri = package_uri = ""
    if configuration is not None:
        configuration_uri = f"{AGENT_CONFIGURATION_PATH}?uuid={configuration.uuid}"
        package_uri = f"{PACKAGE_PATH}/{configuration.package_uuid}"
    return DiscoveryAnswer(
        policy_server=server.fqdn,
        posture_path=POSTURE_PATH,
        posture_port=server.port,
        package_port=server.port if configuration else None,
        guest_flow=False,
        configuration_url=base + configuration_uri if configuration else "",
        configuration_uri=configuration_uri,
        package_url=base + package_uri if configuration else "",
        package_uri=package_uri,
        package_version=configuration.package_version if configuration else "",
        status_path=STATUS_PATH,
        backup_servers=server.backup_servers,
        session_id=session.session_id,
        posture_domain=POSTURE_DOMAIN,
        posture_status=session.posture_status or PostureStatus.UNKNOWN,
    )
