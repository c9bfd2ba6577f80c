"""The session record and its JSON: names, round trip, and whatever else may come from a bus."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.record import RecordError, RecordState, SessionRecord, decode_record, encode_record
from nac.posture import PostureStatus

if TYPE_CHECKING:
    from tests.ldd.conftest import BuildRecord

instants = st.datetimes(datetime(1971, 1, 1), datetime(2242, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
texts = st.text(max_size=20)
names = st.text(min_size=1, max_size=20)
records = st.builds(
    SessionRecord,
    session_id=names,
    mac=texts,
    calling_station_id=texts,
    addresses=st.lists(texts, max_size=3).map(tuple),
    psn=names,
    psn_ip=texts,
    psn_fqdn=texts,
    nas_ip=texts,
    state=st.sampled_from(RecordState),
    posture_status=st.none() | st.sampled_from(PostureStatus),
    acct_session_id=texts,
    version=st.integers(min_value=1),
    authenticated_at=instants,
    at=instants,
)
members = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def damage(record: SessionRecord, **changes: Any) -> bytes:
    return json.dumps(json.loads(encode_record(record)) | changes).encode()


@given(records)
def test_what_is_encoded_is_decoded_again(record: SessionRecord) -> None:
    assert decode_record(encode_record(record)) == record


@given(st.binary() | members.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_decode_or_raise_the_one_documented_error(data: bytes) -> None:
    try:
        decode_record(data)
    except RecordError:
        return


@given(record=records, name=st.integers(0, 14), value=members)
def test_any_value_of_any_member_decodes_or_raises_the_one_documented_error(
    record: SessionRecord, name: int, value: object
) -> None:
    try:
        decode_record(damage(record, **{list(json.loads(encode_record(record)))[name]: value}))
    except RecordError:
        return


def test_names_on_the_wire_are_the_public_ones(build_record: BuildRecord) -> None:
    """Names of lsd.log, posture.md 7; schemaVersion, psnName, psnFqdn, ipAddressLst, version, authenticatedAt: ours."""
    assert json.loads(encode_record(build_record(at=0.25))) == {
        "schemaVersion": 1,
        "auditSessionID": "7F000301000000010000ABCD",
        "endpointMAC": "02:00:00:00:10:01",
        "callingStationId": "02-00-00-00-10-01",
        "ipAddressLst": ["127.0.10.1", "fe80::1"],
        "psnName": "psn1",
        "psnIp": "127.0.1.1",
        "psnFqdn": "psn1.lab.test",
        "nasIP": "127.0.3.1",
        "status": "Started",
        "postureStatus": "Compliant",
        "acctSessionID": "00000001",
        "version": 1,
        "authenticatedAt": 1767600000.0,
        "timeStamp": 1767600000.25,
    }


def test_an_unknown_member_is_ignored(build_record: BuildRecord) -> None:
    assert decode_record(damage(build_record(), nasIPv6="::1")) == build_record()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schemaVersion": 2}, "its schema version is not 1"),
        ({"auditSessionID": ""}, "names its session and its owner"),
        ({"endpointMAC": None}, "endpointMAC is no text"),
        ({"ipAddressLst": "127.0.10.1"}, "ipAddressLst is no list of texts"),
        ({"status": "Asleep"}, "'Asleep' is not a valid RecordState"),
        ({"postureStatus": "Fine"}, "'Fine' is not a valid PostureStatus"),
        ({"version": 0}, "versions count from 1"),
        ({"version": True}, "version is no integer"),
        ({"timeStamp": "08:00"}, "timeStamp is no number of seconds"),
        ({"timeStamp": 1e300}, ""),
        ({"timeStamp": float("nan")}, ""),
    ],
)
def test_a_damaged_record_is_refused_with_its_reason(
    build_record: BuildRecord, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordError, match=f"^not a session record: .*{reason}"):
        decode_record(damage(build_record(), **changes))


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"[" * 100_000, b"{}", b'{"schemaVersion": 1}'])
def test_what_is_no_record_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        decode_record(data)


def test_a_record_without_a_time_zone_cannot_be_made(build_record: BuildRecord) -> None:
    record = build_record()
    with pytest.raises(ValueError, match="aware"):
        replace(record, at=record.at.replace(tzinfo=None))
