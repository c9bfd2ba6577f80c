"""Decoding an Access-Accept as ISE sends it (aaa-mnt 1.7), and what the port enforces then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nad_emulator.acl import parse_acl
from nad_emulator.authorization import Authorization, UnknownAclError, build_enforcement, decode_authorization
from radius import attribute
from radius.packet import Attribute, Code, integer, text
from tests.radius.packets import packet_of

URL = "https://psn1.lab.test:8443/portal/gateway?sessionId=7F000301000000010002E185&portal=27b1bc30&action=cpp&token=ab"
LISTS = {"ACL-POSTURE-REDIRECT": parse_acl("ACL-POSTURE-REDIRECT", ["permit tcp any any eq www"])}


def avpair(value: str) -> Attribute:
    return attribute.CISCO_AVPAIR, text(value)


def decode(*attributes: Attribute) -> Authorization:
    return decode_authorization(packet_of(Code.ACCESS_ACCEPT, list(attributes)), "psn1")


def test_an_accept_of_ise_is_understood_whole() -> None:
    assert decode(
        (attribute.USER_NAME, b"02-00-00-00-10-01"),
        (attribute.STATE, b"ReauthSession:7F000301000000010002E185"),
        (attribute.CLASS, b"CACS:7F000301000000010002E185:psn1/1/1"),
        (attribute.CLASS, b"group-policy"),
        (attribute.SESSION_TIMEOUT, integer(3600)),
        (attribute.TERMINATION_ACTION, integer(1)),
        (attribute.ACCT_INTERIM_INTERVAL, integer(600)),
        (attribute.FILTER_ID, b"ACL-GUEST.in"),
        (attribute.TUNNEL_PRIVATE_GROUP_ID, b"\x01EMPLOYEES"),
        avpair("url-redirect-acl=ACL-POSTURE-REDIRECT"),
        avpair(f"url-redirect={URL}"),
        avpair("ACS:CiscoSecure-Defined-ACL=#ACSACL#-IP-PERMIT-ALL-65b4f5cb"),
        avpair("profile-name=Microsoft-Workstation"),
    ) == Authorization(
        server="psn1",
        user_name=b"02-00-00-00-10-01",
        state=b"ReauthSession:7F000301000000010002E185",
        classes=(b"CACS:7F000301000000010002E185:psn1/1/1", b"group-policy"),
        session_timeout=timedelta(hours=1),
        reauthenticates=True,
        interim_interval=timedelta(minutes=10),
        filter_id="ACL-GUEST",
        vlan="EMPLOYEES",
        redirect_acl="ACL-POSTURE-REDIRECT",
        redirect_url=URL,
        dacl="#ACSACL#-IP-PERMIT-ALL-65b4f5cb",
    )


def test_an_accept_without_attributes_grants_plain_access() -> None:
    assert decode() == Authorization(server="psn1")


@pytest.mark.parametrize(("value", "vlan"), [(b"\x0110", "10"), (b"10", "10"), (b"\x00VOICE", "VOICE"), (b"", None)])
def test_the_tag_of_a_vlan_is_not_part_of_it(value: bytes, vlan: str | None) -> None:
    assert decode((attribute.TUNNEL_PRIVATE_GROUP_ID, value)).vlan == vlan


def test_termination_action_default_does_not_reauthenticate() -> None:
    assert not decode(
        (attribute.SESSION_TIMEOUT, integer(60)), (attribute.TERMINATION_ACTION, integer(0))
    ).reauthenticates


def test_a_session_timeout_of_zero_or_of_three_octets_is_none() -> None:
    assert decode((attribute.SESSION_TIMEOUT, integer(0))).session_timeout is None
    assert decode((attribute.SESSION_TIMEOUT, b"\0\0\1")).session_timeout is None


def test_an_interim_interval_below_a_minute_counts_as_one() -> None:
    assert decode((attribute.ACCT_INTERIM_INTERVAL, integer(5))).interim_interval == timedelta(minutes=1)


@given(st.lists(st.tuples(st.one_of(st.integers(1, 120), st.just(attribute.CISCO_AVPAIR)), st.binary(max_size=247))))
def test_any_attributes_are_an_authorization(attributes: list[Attribute]) -> None:
    decode(*attributes)


def test_a_redirect_url_cannot_carry_a_line_break_into_the_answer() -> None:
    url = decode(avpair("url-redirect=https://psn1/\r\nSet-Cookie: a=b\u00e9")).redirect_url
    assert url == "https://psn1/%0D%0ASet-Cookie:%20a=b%C3%A9"


def test_a_dacl_goes_before_a_filter_id() -> None:
    dacl = parse_acl("#ACSACL#-IP-X-1", ["deny ip any any"])
    enforcement = build_enforcement(Authorization(server="psn1", filter_id="ACL-GUEST"), dacl, LISTS)
    assert enforcement.filter is dacl


def test_a_filter_id_names_a_local_list() -> None:
    name = "ACL-POSTURE-REDIRECT"
    assert build_enforcement(Authorization(server="psn1", filter_id=name), None, LISTS).filter is LISTS[name]


def test_a_filter_id_without_its_list_is_an_error() -> None:
    with pytest.raises(UnknownAclError, match="ACL-GUEST"):
        build_enforcement(Authorization(server="psn1", filter_id="ACL-GUEST"), None, LISTS)


@pytest.mark.parametrize("acl", ["ACL-POSTURE-REDIRCT", None])
def test_a_redirect_without_its_list_redirects_nothing(acl: str | None) -> None:
    granted = Authorization(server="psn1", redirect_url=URL, redirect_acl=acl)
    assert build_enforcement(granted, None, LISTS).redirect is None
