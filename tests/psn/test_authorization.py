"""The authorization policy: every word of a condition, the order of rules, and what awaits posture."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

import pytest

from nac.posture import PostureStatus
from psn.authorization import SESSION_FIELDS, AuthorizationPolicy, UnknownConditionError
from psn.config import DENY_ACCESS, PERMIT_ACCESS, AuthorizationProfile, AuthorizationRule, Condition, Redirect
from psn.session import Session, SessionState
from radius import attribute
from radius.client_table import Client
from radius.dictionary import Dictionary
from radius.packet import Code, integer
from radius.secret import Secret
from radius.server import Request
from tests.radius.packets import packet_of

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SWITCH = Client(
    name="switch1", network=IPv4Network("127.0.3.1/32"), secret=Secret("testing123"), groups=("Switches", "Vienna")
)
REQUEST = Request(
    packet_of(
        Code.ACCESS_REQUEST,
        [
            (attribute.NAS_PORT_ID, b"GigabitEthernet1/0/1"),
            (attribute.CISCO_AVPAIR, b"method=mab"),
            (attribute.NAS_PORT_TYPE, integer(15)),
        ],
    ),
    SWITCH,
    ("127.0.3.1", 1645),
    ("127.0.1.1", 1812),
)
KNOWN: dict[str, Any] = {
    "user_name": "alice",
    "mac": "02:00:00:00:10:01",
    "method": "PAP_ASCII",
    "groups": ("Employees", "Everyone"),
    "posture_status": PostureStatus.UNKNOWN,
    "profile": "Full-Access",
    "state": SessionState.STARTED,
}
PHANTOM: dict[str, Any] = {}


def make_session(**fields: Any) -> Session:
    return Session(session_id="A", created_at=NOW, updated_at=NOW, **fields)


def make_policy(
    dictionary: Dictionary, *rules: AuthorizationRule, **profiles: AuthorizationProfile
) -> AuthorizationPolicy:
    return AuthorizationPolicy(rules, profiles=profiles, psn_name="psn1", dictionary=dictionary)


def make_rule(*conditions: Condition, name: str = "rule", profile: str = PERMIT_ACCESS) -> AuthorizationRule:
    return AuthorizationRule(name=name, profile=profile, conditions=conditions)


def condition(word: str, *values: str, negated: bool = False) -> Condition:
    return Condition(attribute=word, values=values, negated=negated)


@pytest.mark.parametrize(
    ("word", "right", "wrong"),
    [
        ("posture", "Unknown", "Compliant"),
        ("group", "Everyone", "Contractors"),
        ("user", "alice", "Alice"),
        ("mac", "02:00:00:00:10:01", "02:00:00:00:10:02"),
        ("method", "PAP_ASCII", "Lookup"),
        ("nad", "switch1", "switch2"),
        ("nad_group", "Vienna", "Graz"),
        ("psn", "psn1", "psn2"),
        ("session:id", "A", "B"),
        ("session:state", "Started", "Authenticated"),
        ("session:profile", "Full-Access", "Quarantine"),
        ("session:nas_ip", "", "127.0.3.1"),
        ("radius:NAS-Port-Id", "GigabitEthernet1/0/1", "GigabitEthernet1/0/2"),
        ("radius:cisco-avpair", "method=mab", "method=dot1x"),
        ("radius:NAS-Port-Type", "Ethernet", "Virtual"),
        ("radius:NAS-Port-Type", "15", "5"),
    ],
)
def test_condition_holds_for_one_of_its_values_and_negated_for_none_of_them(
    dictionary: Dictionary, word: str, right: str, wrong: str
) -> None:
    session = make_session(**KNOWN)
    for test, holds in [
        (condition(word, right), True),
        (condition(word, wrong), False),
        (condition(word, wrong, right), True),
        (condition(word, right, negated=True), False),
        (condition(word, wrong, negated=True), True),
    ]:
        decision = make_policy(dictionary, make_rule(test)).decide(session, REQUEST)
        assert (decision.rule == "rule") is holds


@pytest.mark.parametrize("word", ["posture", "group", "session:profile"])
def test_phantom_matches_only_what_asks_for_nothing(dictionary: Dictionary, word: str) -> None:
    """Rule P10 of posture.md 2.1: no status, no groups, nothing else."""
    session = make_session(**PHANTOM)
    positive = make_policy(dictionary, make_rule(condition(word, "Unknown", "Employees", "1")))
    negative = make_policy(dictionary, make_rule(condition(word, "Unknown", "Employees", "1", negated=True)))
    assert positive.decide(session, REQUEST).rule == "Default"
    assert negative.decide(session, REQUEST).rule == "rule"


def test_first_rule_of_which_all_conditions_hold_decides(dictionary: Dictionary) -> None:
    employees, unknown = condition("group", "Employees"), condition("posture", "Unknown")
    policy = make_policy(
        dictionary,
        make_rule(employees, condition("posture", "Compliant"), name="first"),
        make_rule(employees, unknown, name="second"),
        make_rule(name="third"),
    )
    assert policy.decide(make_session(**KNOWN), REQUEST).rule == "second"
    assert policy.decide(make_session(), REQUEST).rule == "third"


def test_default_denies_where_no_rule_holds(dictionary: Dictionary) -> None:
    decision = make_policy(dictionary).decide(make_session(), REQUEST)
    assert (decision.rule, decision.profile.name, decision.profile.accept) == ("Default", DENY_ACCESS, False)


def test_two_profiles_exist_undeclared_and_can_be_declared(dictionary: Dictionary) -> None:
    rules = (make_rule(condition("user", "nobody"), profile=DENY_ACCESS), make_rule())
    assert make_policy(dictionary, *rules).decide(make_session(), REQUEST).profile.accept
    own = AuthorizationProfile(name=PERMIT_ACCESS, vlan="7")
    decision = make_policy(dictionary, *rules, **{PERMIT_ACCESS: own}).decide(make_session(), REQUEST)
    assert decision.profile is own


PENDING = AuthorizationProfile(name="Redirect", redirect=Redirect(acl="ACL", portal="id"))
GUEST = AuthorizationProfile(name="Redirect", redirect=Redirect(acl="ACL", portal="id", action="cwa"))
PLAIN = AuthorizationProfile(name="Redirect")


@pytest.mark.parametrize(
    ("profile", "conditions", "awaits"),
    [
        (PENDING, [], True),
        (GUEST, [], False),
        (PLAIN, [], False),
        (PLAIN, [condition("posture", "Unknown")], True),
        (PLAIN, [condition("posture", "Compliant")], False),
        (PLAIN, [condition("posture", "Compliant", negated=True)], True),
        (PLAIN, [condition("posture", "Unknown", negated=True)], False),
        (PLAIN, [condition("group", "Unknown")], False),
    ],
)
def test_rule_that_redirects_for_posture_or_asks_for_unknown_lets_wait(
    dictionary: Dictionary, profile: AuthorizationProfile, conditions: list[Condition], *, awaits: bool
) -> None:
    policy = make_policy(dictionary, make_rule(*conditions, profile="Redirect"), make_rule(), Redirect=profile)
    session = make_session(groups=("Unknown",), posture_status=PostureStatus.COMPLIANT)
    for status in PostureStatus:
        session.posture_status = status
        decision = policy.decide(session, REQUEST)
        if decision.profile is profile:
            assert decision.awaits_posture is awaits


@pytest.mark.parametrize("field", SESSION_FIELDS.values())
def test_every_session_word_reads_a_field(field: str) -> None:
    assert field in {known.name for known in fields(Session)}


@pytest.mark.parametrize(
    "word",
    ["postures", "session:", "session:site", "session:token", "nas:x", ""],
)
def test_unknown_word_is_refused_and_the_known_ones_are_named(dictionary: Dictionary, word: str) -> None:
    with pytest.raises(UnknownConditionError, match="posture, group, user, mac, method, nad, nad_group, psn") as caught:
        make_policy(dictionary, make_rule(condition(word, "x")))
    assert caught.value.attribute == word


@pytest.mark.parametrize("name", ["", "No-Such-Attribute"])
def test_unknown_attribute_of_a_request_is_refused_as_such(dictionary: Dictionary, name: str) -> None:
    with pytest.raises(UnknownConditionError, match=f"no dictionary knows the attribute '{name}'"):
        make_policy(dictionary, make_rule(condition(f"radius:{name}", "x")))


def test_value_that_does_not_fit_its_attribute_is_refused(dictionary: Dictionary) -> None:
    with pytest.raises(ValueError, match="NAS-Port: 'five' is not a value of type integer"):
        make_policy(dictionary, make_rule(condition("radius:NAS-Port", "five")))


def test_rule_with_a_profile_nobody_declared_is_refused(dictionary: Dictionary) -> None:
    with pytest.raises(KeyError, match="Full-Access"):
        make_policy(dictionary, make_rule(profile="Full-Access"))
