"""The agent's profile: XML in both directions, ranges of the profile editor, and any octets."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.agent_profile import AgentProfile, decode_profile, encode_profile, parse_call_home
from nac.posture_message import MalformedMessageError

PROFILE = AgentProfile(
    discovery_host="discovery.lab.test",
    call_home=("psn1.lab.test", "psn2.lab.test:8443"),
    server_name_rules=("*.lab.test",),
    backoff_timer_limit=timedelta(seconds=60),
)


@pytest.mark.parametrize("profile", [PROFILE, AgentProfile()])
def test_a_profile_is_its_xml_and_back(profile: AgentProfile) -> None:
    assert decode_profile(encode_profile(profile)) == profile


def test_a_profile_is_written_as_the_agents_configuration_file() -> None:
    assert b"<cfg><DiscoveryHost>discovery.lab.test</DiscoveryHost>" in encode_profile(PROFILE)


@pytest.mark.parametrize(
    "setting",
    [
        {"network_transition_delay": timedelta(seconds=1)},
        {"backoff_timer_limit": timedelta(seconds=601)},
        {"remediation_timer": timedelta(minutes=301)},
    ],
)
def test_values_outside_the_profile_editors_ranges_are_refused(setting: dict[str, timedelta]) -> None:
    with pytest.raises(ValueError, match="outside"):
        AgentProfile(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "server"),
    [("psn1.lab.test", ("psn1.lab.test", 8443)), ("psn1.lab.test:9443", ("psn1.lab.test", 9443))],
)
def test_an_entry_of_the_call_home_list_is_a_host_and_a_port(entry: str, server: tuple[str, int]) -> None:
    assert parse_call_home(entry) == server


@pytest.mark.parametrize("entry", ["", ":8443", "psn1:", "psn1:0", "psn1:65536", "https://psn1", "psn1/auth", "psn 1"])
def test_an_entry_of_the_call_home_list_that_is_no_server_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"is not fqdn\[:port\]"):
        AgentProfile(call_home=(entry,))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"<CallHomeList />", b"<CallHomeList>psn1,https://psn2</CallHomeList>", "'https://psn2' is not fqdn"),
        (b"<NetworkTransitionDelay>3<", b"<NetworkTransitionDelay>99<", "outside 2..30 s"),
        (b"<NetworkTransitionDelay>3<", b"<NetworkTransitionDelay>soon<", "'soon' is not a number of seconds"),
        (b"<CallHomeList />", b"", "lacks 'CallHomeList'"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(old: bytes, new: bytes, fault: str) -> None:
    with pytest.raises(MalformedMessageError, match=fault):
        decode_profile(encode_profile(AgentProfile()).replace(old, new))


@given(st.binary())
def test_any_octets_make_a_profile_or_the_documented_error(data: bytes) -> None:
    with suppress(MalformedMessageError):
        decode_profile(data)
