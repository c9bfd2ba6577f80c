"""An endpoint with its agent against real portals, through a proxy as an access port is one; virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from agent_emulator.inventory import Inventory, Product
from nac.agent_profile import AgentProfile
from nac.posture import PostureStatus
from nac.requirement import Category, Check, Operation, Requirement
from psn.posture.policy import AgentConfiguration, Audience, PosturePolicy, PostureSettings, ProvisioningRule

if TYPE_CHECKING:
    from tests.agent_emulator.conftest import Tell, Wire

ANTIVIRUS = Requirement(
    name="Antivirus",
    checks=(Check(name="AV-Installed", category=Category.ANTIVIRUS, operation=Operation.EXISTS),),
    remediation="Install an antivirus product.",
)
SETTINGS = PostureSettings(policies=(PosturePolicy(name="Baseline", requirements=(ANTIVIRUS,)),))
PROTECTED = Inventory(products=(Product(category=Category.ANTIVIRUS, name="Lab Antivirus"),))
BARE = Inventory()


def test_a_redirect_leads_to_the_policy_server_and_a_good_inventory_to_compliant(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        session = await wire.redirect_session(SETTINGS)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        plugged_at = wire.now()
        await wire.settle(endpoint)
        view = endpoint.view()
        assert (view.status, view.policy_server) == ("Compliant", "psn1.lab.test")
        assert view.latest_scan_at == plugged_at + timedelta(seconds=3)
        assert session.posture_status is PostureStatus.COMPLIANT
        assert session.posture_report == (
            "Baseline;Passed;(Antivirus:Mandatory:Passed:"
            "Passed_Conditions[AV-Installed]:Failed_Conditions[]:Skipped_Conditions[])"
        )
        (result,) = wire.results
        assert (result.previous, result.status) == (PostureStatus.UNKNOWN, PostureStatus.COMPLIANT)
        assert (result.user_name, result.system_name, result.address) == ("alice", "laptop1", "127.0.10.1")
        assert result.agent_version == "Posture Agent for Windows 5.1.0.0"
        assert "<primary>psn1.lab.test</primary>" in view.connection_data
        assert any('MSG_NS_SWISS_NEW_SESSION, {{ise_fqdn="psn1.lab.test"}' in line for line in view.log)

    tell(story)


def test_a_missing_product_makes_it_not_compliant_and_the_user_is_told_what_to_do(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        session = await wire.redirect_session(SETTINGS)
        endpoint = await wire.start_endpoint(inventory=BARE)
        await endpoint.plug()
        await wire.settle(endpoint)
        view = endpoint.view()
        assert view.status == "Not Compliant"
        assert "Install an antivirus product." in view.message
        assert session.posture_status is PostureStatus.NON_COMPLIANT

    tell(story)


def test_after_repair_a_rescan_finds_the_policy_server_again_without_a_redirect(tell: Tell) -> None:
    """Probe 4 of posture.md 3.2: the policy server is known from the first completed posture."""

    async def story(wire: Wire) -> None:
        await wire.redirect_session(SETTINGS)
        endpoint = await wire.start_endpoint(inventory=BARE)
        await endpoint.plug()
        await wire.settle(endpoint)
        wire.redirect = ""
        endpoint.change_inventory(PROTECTED)
        assert endpoint.view().status == "Not Compliant"
        await endpoint.rescan()
        await wire.settle(endpoint)
        assert endpoint.view().status == "Compliant"
        assert [result.status for result in wire.results] == [PostureStatus.NON_COMPLIANT, PostureStatus.COMPLIANT]
        (record,) = wire.records("discovery-succeeded")[1:]
        assert "Auth-Status target psn1.lab.test with path /auth/status answered" in record.reason

    tell(story)


def test_a_stale_compliant_session_answers_compliant_at_once_without_scan_and_without_result(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        sessions = await wire.start_portal(SETTINGS)
        sessions.add(wire.session(posture_status=PostureStatus.COMPLIANT))
        wire.redirect_to(wire.session())
        endpoint = await wire.start_endpoint(inventory=BARE)
        await endpoint.plug()
        await wire.settle(endpoint)
        view = endpoint.view()
        assert (view.status, view.latest_scan_at) == ("Compliant", None)
        assert wire.results == []

    tell(story)


def test_no_matching_policy_means_compliant(tell: Tell) -> None:
    """The phantom of posture.md 5.2: a session without groups matches only generic rules."""

    async def story(wire: Wire) -> None:
        audience = Audience(groups=frozenset({"Employees"}))
        policy = PosturePolicy(name="Employees only", requirements=(ANTIVIRUS,), audience=audience)
        session = await wire.redirect_session(PostureSettings(policies=(policy,)), groups=None, posture_status=None)
        endpoint = await wire.start_endpoint(inventory=BARE)
        await endpoint.plug()
        await wire.settle(endpoint)
        assert endpoint.view().status == "Compliant"
        assert session.posture_status is PostureStatus.COMPLIANT
        assert (wire.results[0].previous, wire.results[0].policies) == (None, ())

    tell(story)


def test_without_an_agent_configuration_the_scan_is_bypassed(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        audience = Audience(groups=frozenset({"Employees"}))
        rule = ProvisioningRule(name="Employees", configuration=AgentConfiguration(name="Agent"), audience=audience)
        sessions = await wire.start_portal(PostureSettings(provisioning=(rule,)))
        session = wire.session(groups=None)
        sessions.add(session)
        wire.redirect_to(session)
        endpoint = await wire.start_endpoint()
        await endpoint.plug()
        await wire.settle(endpoint)
        assert endpoint.view().message == (
            "Bypassing AnyConnect scan, your network is configured to use Cisco NAC Agent"
        )

    tell(story)


def test_provisioning_updates_the_profile_and_an_older_agent(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        profile = AgentProfile(discovery_host="discovery.lab.test")
        configuration = AgentConfiguration(name="Agent", package_version="5.1.10.0", profile=profile)
        rule = ProvisioningRule(name="All", configuration=configuration)
        session = await wire.redirect_session(PostureSettings(provisioning=(rule,)))
        endpoint = await wire.start_endpoint(agent_version="5.1.9.0")
        await endpoint.plug()
        await wire.settle(endpoint)
        assert endpoint.view().agent_version == "5.1.10.0"
        session.posture_status = PostureStatus.UNKNOWN
        await endpoint.rescan()
        await wire.settle(endpoint)
        assert "http://discovery.lab.test/auth/discovery?architecture=9" in wire.requests

    tell(story)


def test_without_a_network_it_repeats_until_the_back_off_limit_and_again_after_ten_minutes(tell: Tell) -> None:
    """posture.md 3.4: a failing client restarts about every 630 s."""

    async def story(wire: Wire) -> None:
        endpoint = await wire.start_endpoint()
        await endpoint.plug()
        await asyncio.sleep(3 + 40)
        assert endpoint.view().status == "No policy server detected"
        await asyncio.sleep(1300)
        starts = [record.at for record in wire.records("discovery-started")]
        assert len(starts) == 3
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
        assert all(600 < gap <= 630 for gap in gaps)

    tell(story)


def test_a_network_that_comes_late_is_found_by_a_later_round(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        sessions = await wire.start_portal(SETTINGS)
        session = wire.session(posture_status=PostureStatus.UNKNOWN)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await asyncio.sleep(3.5)
        sessions.add(session)
        wire.redirect_to(session)
        await wire.settle(endpoint, within=5)
        assert endpoint.view().status == "Compliant"

    tell(story)


def test_a_policy_server_of_a_redirect_that_is_silent_for_five_seconds_gives_way_to_one_known_before(
    tell: Tell,
) -> None:
    async def story(wire: Wire) -> None:
        first = await wire.start_portal(SETTINGS)
        await wire.start_portal(SETTINGS, name="psn2")
        session = wire.session(posture_status=PostureStatus.UNKNOWN)
        first.add(session)
        wire.redirect_to(session)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await wire.settle(endpoint)
        wire.redirect_to(session, name="psn2")
        wire.silent.add("psn2.lab.test")
        asked_at = wire.now()
        await endpoint.rescan()
        await wire.settle(endpoint)
        record = wire.records("discovery-succeeded")[-1]
        assert record.facts["policy_server"] == "psn1.lab.test"
        assert record.at == asked_at + timedelta(seconds=5)

    tell(story)


def test_a_policy_server_of_a_redirect_that_knows_no_session_does_not_cut_the_other_redirect_probes_short(
    tell: Tell,
) -> None:
    """It was talked to, so an Auth-Status answer counts only once the silent enroll address has failed too."""

    async def story(wire: Wire) -> None:
        first = await wire.start_portal(SETTINGS)
        await wire.start_portal(SETTINGS, name="psn2")
        session = wire.session(posture_status=PostureStatus.UNKNOWN)
        first.add(session)
        wire.redirect_to(session)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await wire.settle(endpoint)
        wire.redirect_to(session, name="psn2")
        wire.silent.add("enroll.cisco.com")
        asked_at = wire.now()
        await endpoint.rescan()
        await wire.settle(endpoint)
        record = wire.records("discovery-succeeded")[-1]
        assert record.facts["policy_server"] == "psn1.lab.test"
        assert record.at == asked_at + timedelta(seconds=5)
        assert any("psn2" in line and "it answered 404" in line for line in endpoint.view().log)

    tell(story)


def test_a_policy_server_with_a_foreign_name_in_its_certificate_is_not_talked_to(tell: Tell) -> None:
    """Scenario 16 of posture.md 11."""

    async def story(wire: Wire) -> None:
        sessions = await wire.start_portal(SETTINGS, certificate_name="somebody-else.lab.test")
        session = wire.session()
        sessions.add(session)
        wire.redirect_to(session)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await asyncio.sleep(60)
        assert endpoint.view().status == "No policy server detected"
        assert any("certificate is not trusted" in line for line in endpoint.view().log)

    tell(story)


def test_a_policy_server_that_no_server_name_rule_names_is_not_talked_to(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        sessions = await wire.start_portal(SETTINGS)
        session = wire.session()
        sessions.add(session)
        wire.redirect_to(session)
        profile = AgentProfile(server_name_rules=("*.example.com",))
        endpoint = await wire.start_endpoint(profile=profile)
        await endpoint.plug()
        await asyncio.sleep(60)
        assert not any(request.startswith("CONNECT") for request in wire.requests)
        assert any("untrusted server blocked" in line for line in endpoint.view().log)

    tell(story)


def test_nothing_is_sent_to_a_policy_server_that_a_trusted_one_names_but_no_rule_does(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        sessions = await wire.start_portal(SETTINGS, certificate_name="alias.example.com")
        session = wire.session(posture_status=PostureStatus.UNKNOWN)
        sessions.add(session)
        wire.hosts["alias.example.com"] = wire.hosts["psn1.lab.test"]
        wire.redirect_to(session)
        wire.redirect = wire.redirect.replace("psn1.lab.test", "alias.example.com")
        profile = AgentProfile(server_name_rules=("*.example.com",))
        endpoint = await wire.start_endpoint(profile=profile, inventory=PROTECTED)
        await endpoint.plug()
        await asyncio.sleep(10)
        assert "CONNECT alias.example.com" in wire.requests
        assert "CONNECT psn1.lab.test" not in wire.requests
        why = "psn1.lab.test: untrusted server blocked, no server name rule fits"
        assert wire.records("posture-interrupted")[0].reason == why
        assert any(f"Posture interrupted: {why}" in line for line in endpoint.view().log)

    tell(story)


def test_a_machine_that_is_switched_off_and_on_with_its_cable_in_begins_anew(tell: Tell) -> None:
    """posture.md 3.1: power events and the resuming system are triggers."""

    async def story(wire: Wire) -> None:
        session = await wire.redirect_session(SETTINGS)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await wire.settle(endpoint)
        await endpoint.stop()
        await endpoint.stop()
        assert (endpoint.is_plugged, endpoint.view().status) == (True, "Not connected")
        assert endpoint.view().message == "The machine is switched off."
        await endpoint.rescan()
        assert endpoint.view().status == "Not connected"
        session.posture_status = PostureStatus.UNKNOWN
        await endpoint.start()
        await endpoint.start()
        assert endpoint.view().message == "Searching for policy server: the system resumed."
        await wire.settle(endpoint)
        assert endpoint.view().status == "Compliant"
        assert len(wire.records("discovery-started")) == 2

    tell(story)


def test_a_cable_plugged_into_a_machine_that_is_off_is_found_when_it_is_switched_on(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        endpoint = await wire.start_endpoint()
        await endpoint.stop()
        await endpoint.plug()
        assert endpoint.view().message == "The machine is switched off."
        await asyncio.sleep(100)
        assert wire.records("discovery-started") == []
        await endpoint.start()
        await asyncio.sleep(4)
        assert len(wire.records("discovery-started")) == 1
        await endpoint.stop()
        await endpoint.unplug()
        assert endpoint.view().message == "The machine is switched off."

    tell(story)


def test_a_link_that_goes_and_comes_again_starts_the_agent_anew(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        wire.is_up = False
        endpoint = await wire.start_endpoint()
        await endpoint.notice_link()
        await endpoint.plug()
        assert endpoint.view().message == "The network interface is down."
        await endpoint.rescan()
        await asyncio.sleep(100)
        assert wire.records("discovery-started") == []
        wire.is_up = True
        await endpoint.notice_link()
        assert endpoint.view().message == "Searching for policy server: the network interface came up."
        await asyncio.sleep(4)
        assert len(wire.records("discovery-started")) == 1
        wire.is_up = False
        await endpoint.notice_link()
        assert (endpoint.is_plugged, endpoint.view().status) == (True, "Not connected")
        await endpoint.unplug()

    tell(story)


def test_a_cable_pulled_out_while_the_link_comes_up_starts_nothing(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        endpoint = await wire.start_endpoint()
        await endpoint.plug()
        await asyncio.gather(endpoint.notice_link(), endpoint.unplug())
        await asyncio.sleep(100)
        assert wire.records("discovery-started") == []

    tell(story)


def test_a_result_ends_the_search_and_nothing_but_a_trigger_starts_it_again(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        session = await wire.redirect_session(SETTINGS)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await wire.settle(endpoint)
        session.posture_status = PostureStatus.UNKNOWN
        asked = len(wire.requests)
        await asyncio.sleep(8 * 3600)
        assert len(wire.requests) == asked
        assert endpoint.view().status == "Compliant"

    tell(story)


def test_definitions_age_while_the_lab_runs(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        recent = Check(
            name="AV-Definitions", category=Category.ANTIVIRUS, operation=Operation.WITHIN_DAYS, parameter="7"
        )
        requirement = Requirement(name="Definitions", checks=(recent,))
        policy = PosturePolicy(name="Baseline", requirements=(requirement,))
        sessions = await wire.start_portal(PostureSettings(policies=(policy,)))
        product = Product(category=Category.ANTIVIRUS, name="Lab Antivirus", definitions_age=timedelta(days=6))
        session = wire.session(posture_status=PostureStatus.UNKNOWN)
        sessions.add(session)
        wire.redirect_to(session)
        endpoint = await wire.start_endpoint(inventory=Inventory(products=(product,)))
        await endpoint.plug()
        await wire.settle(endpoint)
        assert endpoint.view().status == "Compliant"
        await asyncio.sleep(2 * 86_400)
        session.posture_status = PostureStatus.UNKNOWN
        await endpoint.rescan()
        await wire.settle(endpoint)
        assert endpoint.view().status == "Not Compliant"

    tell(story)


def test_unplugging_ends_the_search_and_tells_the_cable(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        endpoint = await wire.start_endpoint()
        await endpoint.plug()
        await endpoint.plug()
        assert wire.plugged == [("02:00:00:00:10:01", "127.0.10.1")]
        await asyncio.sleep(10)
        await endpoint.unplug()
        await endpoint.unplug()
        asked = len(wire.requests)
        await asyncio.sleep(2000)
        assert len(wire.requests) == asked
        assert wire.plugged == []
        assert endpoint.view().status == "Not connected"
        await endpoint.rescan()
        assert endpoint.view().status == "Not connected"

    tell(story)


def test_the_same_story_writes_the_same_journal_twice(tell: Tell) -> None:
    journals = []

    async def story(wire: Wire) -> None:
        await wire.redirect_session(SETTINGS)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await wire.settle(endpoint)
        journals.append([(record.node, record.event, record.reason) for record in wire.journal])

    tell(story)
    tell(story)
    assert journals[0] == journals[1]
    assert [event for _, event, _ in journals[0]] == [
        "endpoint-plugged",
        "agent-status",
        "discovery-started",
        "discovery-answered",
        "discovery-succeeded",
        "agent-provisioned",
        "agent-status",
        "posture-required",
        "posture-scan",
        "agent-status",
    ]
