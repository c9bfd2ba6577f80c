"""An endpoint whose network redirects nothing: stage 2 against real portals and strange servers; virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from agent_emulator.inventory import Inventory, Product
from nac.agent_profile import AgentProfile
from nac.posture import PostureStatus
from nac.requirement import Category
from psn.posture.policy import PostureSettings

if TYPE_CHECKING:
    from tests.agent_emulator.conftest import Tell, Wire

SETTINGS = PostureSettings()
PROTECTED = Inventory(products=(Product(category=Category.ANTIVIRUS, name="Lab Antivirus"),))
REFERRAL = b"HTTP/1.1 200 OK\r\nX-ISE-PDP: psn1.lab.test\r\nContent-Length: 0\r\n\r\n"
REFUSAL = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def call(*names: str) -> AgentProfile:
    """Build a profile that calls these servers home."""
    return AgentProfile(call_home=tuple(f"{name}.lab.test" for name in names))


def test_the_call_home_list_leads_to_the_policy_server(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        await wire.open_session(SETTINGS)
        endpoint = await wire.start_endpoint(profile=call("psn1"), inventory=PROTECTED)
        await endpoint.plug()
        found = await wire.wait_for("discovery-succeeded")
        assert found.reason == (
            "stage 1 led nowhere, Ng-Discovery target psn1.lab.test with path /auth/ng-discovery answered"
        )
        assert found.facts["policy_server"] == "psn1.lab.test"
        log = "\n".join(endpoint.view().log)
        assert "Level: debug Probing MNT stage targets (#1): Ng-Discovery target psn1.lab.test" in log
        url = "https://psn1.lab.test:8443/auth/ng-discovery"
        assert f"Line: 401 Level: debug POST request to URL ({url}), returned status 0 <Operation Success.>" in log

    tell(story)


def test_the_owner_is_found_through_another_policy_server(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        await wire.open_session(SETTINGS)
        await wire.start_stranger("psn2", REFERRAL)
        endpoint = await wire.start_endpoint(profile=call("psn2"), inventory=PROTECTED)
        await endpoint.plug()
        found = await wire.wait_for("discovery-succeeded")
        assert found.reason == (
            "stage 1 led nowhere, Ng-Discovery target psn2.lab.test with path /auth/ng-discovery named the owner, "
            "Auth-Status target psn1.lab.test with path /auth/status answered"
        )
        assert (found.facts["target"], found.facts["referrer"]) == ("psn1.lab.test", "psn2.lab.test")
        assert "POST psn2/auth/ng-discovery" in wire.requests
        assert "GET request to URL (https://psn1.lab.test:8443/auth/status), returned status 0" in str(
            endpoint.view().log
        )

    tell(story)


@pytest.mark.parametrize(("answer", "seconds"), [(b"", 0), (REFUSAL, 0), (None, 5)])
def test_a_server_that_is_silent_or_refuses_gives_way_to_the_next(
    tell: Tell, answer: bytes | None, seconds: int
) -> None:
    async def story(wire: Wire) -> None:
        await wire.open_session(SETTINGS)
        await wire.start_stranger("psn3", answer)
        endpoint = await wire.start_endpoint(profile=call("psn3", "psn1"), inventory=PROTECTED)
        await endpoint.plug()
        found = await wire.wait_for("discovery-succeeded")
        assert found.facts["policy_server"] == "psn1.lab.test"
        assert found.at - wire.records("discovery-started")[0].at == timedelta(seconds=seconds)
        assert wire.requests.count("POST psn3/auth/ng-discovery") == 1

    tell(story)


def test_a_server_that_no_rule_names_is_passed_over(tell: Tell) -> None:
    """Scenario 16 of posture.md 11: the next target is tried."""

    async def story(wire: Wire) -> None:
        await wire.open_session(SETTINGS)
        profile = AgentProfile(call_home=("psn3.example.com", "psn1.lab.test"), server_name_rules=("*.lab.test",))
        endpoint = await wire.start_endpoint(profile=profile, inventory=PROTECTED)
        await endpoint.plug()
        await wire.wait_for("discovery-succeeded")
        assert "CONNECT psn3.example.com" not in wire.requests
        assert any("psn3.example.com" in line and "untrusted server blocked" in line for line in endpoint.view().log)

    tell(story)


def test_nothing_is_sent_to_an_owner_that_no_rule_names(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        await wire.start_stranger("psn2", REFERRAL)
        profile = AgentProfile(call_home=("psn2.lab.test",), server_name_rules=("psn2.*",))
        endpoint = await wire.start_endpoint(profile=profile)
        await endpoint.plug()
        await wire.wait_for("discovery-failed")
        assert "POST psn2/auth/ng-discovery" in wire.requests
        assert "CONNECT psn1.lab.test" not in wire.requests

    tell(story)


def test_a_redirect_leaves_no_room_for_stage_two(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        await wire.redirect_session(SETTINGS)
        await wire.start_stranger("psn3", REFUSAL)
        endpoint = await wire.start_endpoint(profile=call("psn3"), inventory=PROTECTED)
        await endpoint.plug()
        await wire.wait_for("discovery-succeeded")
        assert wire.records("discovery-continued") == []
        assert "CONNECT psn3.lab.test" not in wire.requests

    tell(story)


def test_the_backup_servers_of_the_last_posture_are_asked_when_its_policy_server_is_gone(tell: Tell) -> None:
    """The portal of psn1 names psn9 as its backup; ConnectionData.xml keeps both (posture.md 4.4)."""

    async def story(wire: Wire) -> None:
        await wire.redirect_session(SETTINGS)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await wire.wait_for("posture-scan")
        await asyncio.sleep(1)
        wire.redirect = ""
        del wire.hosts["psn1.lab.test"]
        taken_over = await wire.start_portal(SETTINGS, name="psn9")
        taken_over.add(wire.session(posture_status=PostureStatus.COMPLIANT))
        await endpoint.rescan()
        found = await wire.wait_for("discovery-succeeded")
        assert found.facts["policy_server"] == "psn9.lab.test"
        (record,) = wire.records("discovery-continued")
        assert record.facts["targets"] == (
            "Ng-Discovery target psn1.lab.test with path /auth/ng-discovery, "
            "Ng-Discovery target psn9.lab.test with path /auth/ng-discovery"
        )

    tell(story)


def test_without_an_answer_both_stages_are_repeated_until_the_back_off_limit(tell: Tell) -> None:
    async def story(wire: Wire) -> None:
        await wire.start_stranger("psn3", REFUSAL)
        endpoint = await wire.start_endpoint(profile=call("psn3"))
        await endpoint.plug()
        await wire.wait_for("discovery-failed")
        assert wire.requests.count("POST psn3/auth/ng-discovery") == 5
        assert len(wire.records("discovery-continued")) == 5

    tell(story)


@pytest.mark.parametrize(("answer", "seconds"), [(b"", 0), (None, 10)])
def test_a_known_policy_server_that_stays_silent_in_both_stages_gives_way(
    tell: Tell, answer: bytes | None, seconds: int
) -> None:
    """A holder of a stale session that keeps silent (posture.md 6.5) costs five seconds a stage where it hangs."""

    async def story(wire: Wire) -> None:
        await wire.redirect_session(SETTINGS)
        endpoint = await wire.start_endpoint(inventory=PROTECTED)
        await endpoint.plug()
        await wire.wait_for("posture-scan")
        await asyncio.sleep(1)
        wire.redirect = ""
        await wire.start_stranger("psn1", answer)
        owner = await wire.start_portal(SETTINGS, name="psn9")
        owner.add(wire.session("7F000301000000020000ABCD", posture_status=PostureStatus.UNKNOWN))
        asked_at = wire.now()
        await endpoint.rescan()
        found = await wire.wait_for("discovery-succeeded")
        assert found.facts["policy_server"] == "psn9.lab.test"
        assert found.at - asked_at == timedelta(seconds=seconds)
        assert wire.requests.count("GET psn1/auth/status") == 1

    tell(story)
