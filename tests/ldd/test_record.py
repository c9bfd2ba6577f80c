"""The session record and its JSON: names, round trip, and whatever else may come from a bus."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.record import LAST_VERSION, RecordError, SessionRecord, decode_record, encode_record
from tests.ldd.conftest import session_record

if TYPE_CHECKING:
    from tests.ldd.conftest import BuildRecord

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=5,
)
NAMES = (
    "auditSessionID",
    "endpointMAC",
    "callingStationId",
    "ipAddressLst",
    "psnName",
    "psnIp",
    "psnFqdn",
    "nasIP",
    "nasIPv6",
    "status",
    "postureStatus",
    "acctSessionID",
    "version",
    "authenticatedAt",
    "timeStamp",
)

ODD = (
    None,
    True,
    0,
    -1,
    1,
    1.5,
    2**63,
    10**400,
    math.nan,
    math.inf,
    1e300,
    "",
    "1",
    "\ud800",
    "\0",
    "x" * 254,
    [],
    [1],
    ["::1"],
    {},
)


def spell(record: SessionRecord, **changes: Any) -> dict[str, Any]:
    """Give a record's JSON value, some members of it changed."""
    members: dict[str, Any] = json.loads(encode_record(record))
    return members | changes


@given(session_record())
def test_what_is_encoded_is_decoded_again(record: SessionRecord) -> None:
    assert decode_record(spell(record)) == record


@given(value=anything | st.builds(dict, st.dictionaries(st.sampled_from(NAMES), anything)))
def test_any_value_decodes_or_raises_the_one_documented_error(value: object) -> None:
    try:
        decode_record(value)
    except RecordError:
        return


@given(record=session_record(), name=st.sampled_from(NAMES), value=anything)
def test_any_value_of_any_member_decodes_or_raises_the_one_documented_error(
    record: SessionRecord, name: str, value: object
) -> None:
    try:
        decoded = decode_record(spell(record, **{name: value}))
    except RecordError:
        return
    assert decode_record(spell(decoded)) == decoded


def test_ten_thousand_damaged_records_decode_or_raise_the_one_documented_error(build_record: BuildRecord) -> None:
    chance = random.Random(1)
    whole = spell(build_record(nas_ipv6="::1"))
    refused = 0
    for _ in range(10_000):
        members = whole | {name: chance.choice(ODD) for name in chance.sample(NAMES, chance.randint(1, 3))}
        for name in chance.sample(NAMES, chance.randint(0, 1)):
            del members[name]
        try:
            decode_record(members)
        except RecordError:
            refused += 1
    assert 9_000 < refused < 10_000


def test_names_on_the_wire_are_the_public_ones(build_record: BuildRecord) -> None:
    """Names of lsd.log, posture.md 7; psnName, psnFqdn, nasIPv6, ipAddressLst, version, authenticatedAt: ours."""
    assert spell(build_record(at=0.25, nas_ipv6="::1")) == {
        "auditSessionID": "7F000301000000010000ABCD",
        "endpointMAC": "02:00:00:00:10:01",
        "callingStationId": "02-00-00-00-10-01",
        "ipAddressLst": ["127.0.10.1", "fe80::1"],
        "psnName": "psn1",
        "psnIp": "127.0.1.1",
        "psnFqdn": "psn1.lab.test",
        "nasIP": "127.0.3.1",
        "nasIPv6": "::1",
        "status": "Started",
        "postureStatus": "Compliant",
        "acctSessionID": "00000001",
        "version": 1,
        "authenticatedAt": 1767600000.0,
        "timeStamp": 1767600000.25,
    }


def test_the_longest_texts_and_a_session_without_a_mac_are_taken(build_record: BuildRecord) -> None:
    longest = build_record(session_id="x" * 253, addresses=("::1",) * 253, mac="")
    assert decode_record(spell(longest)) == longest


def test_an_unknown_member_is_ignored(build_record: BuildRecord) -> None:
    assert decode_record(spell(build_record(), domain="lab")) == build_record()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"auditSessionID": ""}, "names its session and its owner"),
        ({"endpointMAC": None}, "endpointMAC is not printable text"),
        ({"endpointMAC": "02:00:00:0a:10:01"}, "endpointMAC is not a MAC address"),
        ({"endpointMAC": "not a mac"}, "endpointMAC is not a MAC address"),
        ({"auditSessionID": "x" * 254}, "auditSessionID is not printable text of at most 253 characters"),
        ({"psnName": "psn9\nevil"}, "psnName is not printable text"),
        ({"callingStationId": "\u202e"}, "callingStationId is not printable text"),
        ({"ipAddressLst": ["127.0.10.1\0"]}, "ipAddressLst is not a list of at most 253 printable texts"),
        ({"ipAddressLst": ["::1"] * 254}, "ipAddressLst is not a list of at most 253 printable texts"),
        ({"ipAddressLst": "127.0.10.1"}, "ipAddressLst is not a list of"),
        ({"status": "Asleep"}, "'Asleep' is not a valid RecordState"),
        ({"ipAddressLst": [1]}, "ipAddressLst is not a list of"),
        ({"acctSessionID": "\ud800"}, "acctSessionID is not printable text"),
        ({"postureStatus": "Fine"}, "'Fine' is not a valid PostureStatus"),
        ({"version": 0}, "versions count from 1"),
        ({"version": LAST_VERSION + 1}, "version is not an integer up to 9007199254740991"),
        ({"version": True}, "version is not an integer"),
        ({"timeStamp": "08:00"}, "timeStamp is not a number of seconds"),
        ({"timeStamp": 1e300}, ""),
        ({"timeStamp": -1}, "between 1970 and 2242"),
        ({"authenticatedAt": 253402300799.0}, "between 1970 and 2242"),
        ({"timeStamp": float("nan")}, ""),
    ],
)
def test_a_damaged_record_is_refused_with_its_reason(
    build_record: BuildRecord, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordError, match=f"^not a session record: .*{reason}"):
        decode_record(spell(build_record(), **changes))


@pytest.mark.parametrize("value", [None, [], "{}", 1, {}])
def test_what_is_no_record_at_all_is_refused(value: object) -> None:
    with pytest.raises(RecordError):
        decode_record(value)


def test_a_status_that_is_not_shared_has_no_member(build_record: BuildRecord) -> None:
    members = spell(build_record(posture_status=None))
    assert "postureStatus" not in members
    assert decode_record(members).posture_status is None


def test_a_record_without_a_time_zone_cannot_be_made(build_record: BuildRecord) -> None:
    record = build_record()
    with pytest.raises(ValueError, match="aware"):
        replace(record, at=record.at.replace(tzinfo=None))
