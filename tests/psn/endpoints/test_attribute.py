"""One endpoint attribute between nodes: its JSON in both directions, and nothing else than that taken for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psn.endpoints.attribute import EndpointAttribute, EndpointAttributeError, encode_attribute, parse_attribute

ATTRIBUTE = EndpointAttribute(
    mac="02:00:00:00:10:01",
    name="PostureExpiry",
    value="1767600000000",
    at=datetime(2026, 1, 5, 8, 0, 0, 123457, UTC),
    node="psn1",
)
MEMBERS = {
    "mac": "02:00:00:00:10:01",
    "attribute": "PostureExpiry",
    "value": "1767600000000",
    "at": 1767600000.123457,
    "node": "psn1",
}


def test_attribute_has_the_documented_members() -> None:
    assert json.loads(encode_attribute(ATTRIBUTE)) == MEMBERS


def test_attribute_comes_back_as_it_was_and_members_unknown_here_are_ignored() -> None:
    assert parse_attribute({**MEMBERS, "later": 1}) == ATTRIBUTE


@given(st.integers(0, 8_000_000_000_000_000), st.text("aö 1;,\\\"'", max_size=30))
def test_every_instant_and_value_survives(microseconds: int, value: str) -> None:
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    attribute = EndpointAttribute(mac=ATTRIBUTE.mac, name="a", value=value, at=at, node="psn1")
    assert parse_attribute(json.loads(encode_attribute(attribute))) == attribute


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mac": "02-00-00-00-10-01"}, "mac is no MAC address"),
        ({"mac": 2}, "mac is no text"),
        ({"attribute": ""}, "attribute is no text"),
        ({"attribute": "x" * 129}, "attribute is no printable text of at most 128 characters"),
        ({"value": None}, "value is no text"),
        ({"value": "9" * 257}, "value is no printable text of at most 256 characters"),
        ({"value": "a\nb"}, "value is no printable text of at most 256 characters"),
        ({"value": "\ud800"}, "value is no printable text of at most 256 characters"),
        ({"node": []}, "node is no text"),
        ({"at": "now"}, "at is no instant in seconds"),
        ({"at": True}, "at is no instant in seconds"),
        ({"at": float("nan")}, "at is no instant in seconds"),
        ({"at": -1}, "at is no instant in seconds"),
        ({"at": 1e300}, "at is no instant in seconds"),
    ],
)
def test_damaged_record_is_refused_with_its_problem(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(EndpointAttributeError, match=f"not an endpoint attribute: {problem}"):
        parse_attribute(MEMBERS | change)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(EndpointAttributeError):
        parse_attribute(value)


@given(st.dictionaries(st.sampled_from(sorted(MEMBERS)), st.none() | st.integers() | st.floats() | st.text()))
def test_any_object_is_an_attribute_or_refused(members: dict[str, Any]) -> None:
    try:
        attribute = parse_attribute(members)
    except EndpointAttributeError:
        return
    assert parse_attribute(json.loads(encode_attribute(attribute))) == attribute


def test_later_value_counts_and_the_node_settles_a_tie() -> None:
    def build(seconds: int, node: str) -> EndpointAttribute:
        at = ATTRIBUTE.at + timedelta(seconds=seconds)
        return EndpointAttribute(mac=ATTRIBUTE.mac, name="a", value="", at=at, node=node)

    first, second, third = build(0, "psn1"), build(0, "psn2"), build(1, "psn1")
    assert first.precedence < second.precedence < third.precedence
