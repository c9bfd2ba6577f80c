"""What an Access-Accept carries, in which order (aaa-mnt.md 1.7), and the redirect URL (posture.md 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from psn.accept import AcceptTemplate, build_templates
from psn.config import AuthorizationProfile, Dacl, Redirect
from psn.session import Session
from radius import attribute
from radius.dictionary import Dictionary
from radius.packet import HEADER_LENGTH, Packet, decode, integer
from tests.psn.response import parse_response

if TYPE_CHECKING:
    from tests.psn.bench import Bench

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SESSION_ID = "7F000301000000010000ABCD"
ACS_SESSION_ID = "psn1/480591618/40"
TOKEN = "0123456789abcdef" * 2
PORTAL_ID = "0ce17ad0-6d90-11e5-978e-005056bf2f0a"
PORTAL = "psn1.lab.test:8443"
DACL = Dacl(name="PERMIT-ALL", lines=("permit ip any any",), version=0x65B4F5CB)
REDIRECT = Redirect(acl="ACL-POSTURE-REDIRECT", portal=PORTAL_ID)


def make_session(**fields: Any) -> Session:
    values = {"session_id": SESSION_ID, "user_name": "alice", "acs_session_id": ACS_SESSION_ID, "token": TOKEN}
    return Session(created_at=NOW, updated_at=NOW, **{**values, **fields})


def build(
    dictionary: Dictionary, session: Session | None = None, **profile: Any
) -> tuple[Packet, list[tuple[str, str]]]:
    """Build the attributes of a reply, and the pairs that the log shows."""
    dacl = DACL if profile.get("dacl") else None
    template = AcceptTemplate(
        AuthorizationProfile(name="profile", **profile), dictionary=dictionary, dacl=dacl, portal=PORTAL
    )
    session = session or make_session()
    body, shown = template.build(session, session.user_name.encode())
    header = bytes((2, 1)) + (HEADER_LENGTH + len(body)).to_bytes(2, "big") + bytes(16)
    return decode(header + body), parse_response(shown)


def list_pairs(packet: Packet) -> list[str]:
    return packet.list_text(attribute.CISCO_AVPAIR)


def test_plain_profile_names_the_user_and_marks_the_session(dictionary: Dictionary) -> None:
    packet, _ = build(dictionary)
    assert packet.attributes == [
        (attribute.USER_NAME, b"alice"),
        (attribute.CLASS, f"CACS:{SESSION_ID}:{ACS_SESSION_ID}".encode()),
    ]


def test_everything_a_profile_can_hold_goes_out_in_the_order_of_ise(dictionary: Dictionary) -> None:
    packet, _ = build(
        dictionary,
        session_timeout=timedelta(hours=10),
        idle_timeout=timedelta(minutes=30),
        vlan="employees",
        filter_id="EMPLOYEES",
        airespace_acl="POSTURE",
        dacl="PERMIT-ALL",
        redirect=REDIRECT,
        attributes=((attribute.REPLY_MESSAGE, b"welcome"),),
    )
    assert packet.attributes == [
        (attribute.USER_NAME, b"alice"),
        (attribute.STATE, f"ReauthSession:{SESSION_ID}".encode()),
        (attribute.CLASS, f"CACS:{SESSION_ID}:{ACS_SESSION_ID}".encode()),
        (attribute.SESSION_TIMEOUT, integer(36_000)),
        (attribute.TERMINATION_ACTION, integer(attribute.TERMINATION_RADIUS_REQUEST)),
        (attribute.IDLE_TIMEOUT, integer(1_800)),
        (attribute.TUNNEL_TYPE, bytes((1, 0, 0, 13))),
        (attribute.TUNNEL_MEDIUM_TYPE, bytes((1, 0, 0, 6))),
        (attribute.TUNNEL_PRIVATE_GROUP_ID, b"\1employees"),
        (attribute.FILTER_ID, b"EMPLOYEES.in"),
        (attribute.AIRESPACE_ACL_NAME, b"POSTURE"),
        (attribute.CISCO_AVPAIR, b"ACS:CiscoSecure-Defined-ACL=#ACSACL#-IP-PERMIT-ALL-65b4f5cb"),
        (attribute.CISCO_AVPAIR, b"url-redirect-acl=ACL-POSTURE-REDIRECT"),
        (attribute.REPLY_MESSAGE, b"welcome"),
        (
            attribute.CISCO_AVPAIR,
            f"url-redirect=https://{PORTAL}/portal/gateway?sessionId={SESSION_ID}"
            f"&portal={PORTAL_ID}&action=cpp&token={TOKEN}".encode(),
        ),
    ]


@pytest.mark.parametrize(
    ("profile", "types"),
    [
        ({}, []),
        ({"session_timeout": timedelta(seconds=65)}, ["state", "timeout", "action"]),
        ({"session_timeout": timedelta(seconds=65), "keep_connectivity": False}, ["timeout"]),
        ({"idle_timeout": timedelta(seconds=65)}, []),
    ],
    ids=["no timer", "timer", "timer that ends access", "idle timer"],
)
def test_state_and_termination_action_go_together(
    dictionary: Dictionary, profile: dict[str, Any], types: list[str]
) -> None:
    packet, _ = build(dictionary, **profile)
    names = {attribute.STATE: "state", attribute.SESSION_TIMEOUT: "timeout", attribute.TERMINATION_ACTION: "action"}
    assert [names[type_] for type_, _ in packet.attributes if type_ in names] == types


@pytest.mark.parametrize(
    ("redirect", "url"),
    [
        (REDIRECT, f"https://{PORTAL}/portal/gateway?sessionId=1&portal={PORTAL_ID}&action=cpp&token={TOKEN}"),
        (
            Redirect(acl="ACL", portal="p", action="cwa", host="portal.lab.test:8443"),
            f"https://portal.lab.test:8443/portal/gateway?sessionId=1&portal=p&action=cwa&token={TOKEN}",
        ),
    ],
)
def test_redirect_names_the_acl_and_leads_to_the_portal(dictionary: Dictionary, redirect: Redirect, url: str) -> None:
    packet, _ = build(dictionary, make_session(session_id="1"), redirect=redirect)
    assert list_pairs(packet) == [f"url-redirect-acl={redirect.acl}", f"url-redirect={url}"]


def test_session_id_is_quoted_in_the_url_and_nowhere_else(dictionary: Dictionary) -> None:
    packet, _ = build(dictionary, make_session(session_id="a&b =/c"), redirect=REDIRECT)
    assert "sessionId=a%26b%20%3D/c&portal=" in list_pairs(packet)[-1]
    assert packet.text(attribute.CLASS) == f"CACS:a&b =/c:{ACS_SESSION_ID}"


def test_session_id_that_makes_the_url_longer_than_an_attribute_is_refused(dictionary: Dictionary) -> None:
    longest = 247 - len(
        f"url-redirect=https://{PORTAL}/portal/gateway?sessionId=&portal={PORTAL_ID}&action=cpp&token={TOKEN}"
    )
    packet, _ = build(dictionary, make_session(session_id="x" * longest), redirect=REDIRECT)
    assert len(list_pairs(packet)[-1]) == 247
    with pytest.raises(ValueError, match="248 octets exceed 247"):
        build(dictionary, make_session(session_id="x" * (longest + 1)), redirect=REDIRECT)


def test_value_of_a_profile_longer_than_an_attribute_is_refused_when_the_node_is_built(dictionary: Dictionary) -> None:
    with pytest.raises(ValueError, match="exceed 253"):
        AcceptTemplate(AuthorizationProfile(name="profile", filter_id="x" * 251), dictionary=dictionary)


def test_log_shows_the_reply_as_ise_prints_it(dictionary: Dictionary) -> None:
    packet, shown = build(
        dictionary,
        make_session(user_name="a;b,c}"),
        session_timeout=timedelta(seconds=60),
        vlan="7",
        redirect=REDIRECT,
    )
    assert packet.text(attribute.USER_NAME) == "a;b,c}"
    assert shown == [
        ("User-Name", "a;b,c}"),
        ("State", f"ReauthSession:{SESSION_ID}"),
        ("Class", f"CACS:{SESSION_ID}:{ACS_SESSION_ID}"),
        ("Session-Timeout", "60"),
        ("Termination-Action", "RADIUS-Request"),
        ("Tunnel-Type", "(tag=1) VLAN"),
        ("Tunnel-Medium-Type", "(tag=1) 802"),
        ("Tunnel-Private-Group-ID", "(tag=1) 7"),
        ("cisco-av-pair", "url-redirect-acl=ACL-POSTURE-REDIRECT"),
        ("cisco-av-pair", list_pairs(packet)[-1]),
        ("LicenseTypes", "1"),
    ]


def test_templates_exist_for_every_profile_and_for_permit_access(bench: Bench, dictionary: Dictionary) -> None:
    templates = build_templates(bench.config, dictionary, 18443)
    assert set(templates) == {"PermitAccess", "Full-Access", "Quarantine", "Posture-Redirect"}
    body, _ = templates["Posture-Redirect"].build(make_session(), b"alice")
    assert b"https://psn1.lab.test:18443/portal/gateway?" in body


def test_profile_with_a_dacl_nobody_declared_is_refused(bench: Bench, dictionary: Dictionary) -> None:
    profiles = {"broken": AuthorizationProfile(name="broken", dacl="GONE")}
    with pytest.raises(KeyError, match="GONE"):
        build_templates(replace(bench.config, profiles=profiles), dictionary, 8443)


def test_full_name_of_a_dacl_ends_in_the_time_of_its_last_change() -> None:
    """A published name decodes to 2024-01-27 11:26:03 UTC (aaa-mnt.md 1.8)."""
    changed_at = datetime(2024, 1, 27, 11, 26, 3, tzinfo=UTC)
    dacl = Dacl(name="PERMIT-ALL", lines=(), version=int(changed_at.timestamp()))
    assert dacl.full_name == "#ACSACL#-IP-PERMIT-ALL-65b4e84b"
