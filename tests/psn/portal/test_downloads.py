"""Agent configurations and packages are found by the ids that discovery tells, and by no other."""

from __future__ import annotations

from nac.discovery import DiscoveryRequest, decode_answer
from psn.portal.downloads import find_configuration, find_package
from psn.posture.policy import PostureSettings
from tests.psn.portal_bench import PortalBench

RULES = PostureSettings().provisioning


def test_configurations_and_packages_are_found_by_the_ids_of_an_answer() -> None:
    answer = decode_answer(PortalBench().probe(DiscoveryRequest(session_id="A1")).headers)
    configuration = find_configuration(RULES, answer.configuration_uri.partition("uuid=")[2])
    package = find_package(RULES, answer.package_uri.rpartition("/")[2])
    assert configuration is not None
    assert b"<cfg>" in configuration.body
    assert package is not None
    assert package.body == b"Posture Lab agent package 5.1.0.0\n"


def test_other_ids_find_nothing() -> None:
    assert find_configuration(RULES, "nonsense") is None
    assert find_package(RULES, "nonsense") is None
