"""Client provisioning: the first rule that includes the session, and the answer it leads to."""

from __future__ import annotations

from datetime import UTC, datetime

from nac.posture import PostureStatus
from psn.portal.provisioning import PortalServer, build_answer, select_configuration
from psn.posture.policy import AgentConfiguration, Audience, ProvisioningRule
from psn.session import Session

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
EMPLOYEES = AgentConfiguration(name="Employees")
OTHERS = AgentConfiguration(name="Others", package_version="5.0.0.0")
RULES = (
    ProvisioningRule(name="Contractors", configuration=None, audience=Audience(groups=frozenset({"Contractors"}))),
    ProvisioningRule(name="Employees", configuration=EMPLOYEES, audience=Audience(groups=frozenset({"Employees"}))),
    ProvisioningRule(name="Windows", configuration=OTHERS, audience=Audience(operating_systems=frozenset({"Windows"}))),
)
SERVER = PortalServer(fqdn="psn1.lab.test", port=8443, backup_servers=("psn2.lab.test",))


def test_the_first_rule_that_includes_the_session_decides() -> None:
    assert select_configuration(RULES, operating_system="WINDOWS", groups=("Employees",)) is EMPLOYEES
    assert select_configuration(RULES, operating_system="WINDOWS", groups=None) is OTHERS
    assert select_configuration(RULES, operating_system="macOS", groups=None) is None
    assert select_configuration(RULES, operating_system="WINDOWS", groups=("Contractors",)) is None


def test_the_answer_names_configuration_and_package() -> None:
    session = Session(session_id="A", created_at=NOW, updated_at=NOW, posture_status=PostureStatus.COMPLIANT)
    answer = build_answer(session, OTHERS, server=SERVER)
    assert answer.configuration_url == f"https://psn1.lab.test:8443/auth/anyconnect?uuid={OTHERS.uuid}"
    assert answer.package_uri == f"/auth/provisioning/download/{OTHERS.package_uuid}"
    assert answer.package_version == "5.0.0.0"
    assert answer.backup_servers == ("psn2.lab.test",)
    assert answer.posture_status is PostureStatus.COMPLIANT


def test_without_a_configuration_the_answer_says_nothing_of_it() -> None:
    """posture.md 4.4: policy server, posture and session id, but no AC headers."""
    answer = build_answer(Session(session_id="A", created_at=NOW, updated_at=NOW), None, server=SERVER)
    assert (answer.configuration_uri, answer.configuration_url, answer.package_uri, answer.package_url) == ("",) * 4
    assert (answer.package_version, answer.package_port) == ("", None)
    assert (answer.policy_server, answer.session_id, answer.posture_port) == ("psn1.lab.test", "A", 8443)
    assert answer.posture_status is PostureStatus.UNKNOWN
