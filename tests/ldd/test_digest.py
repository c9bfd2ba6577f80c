"""Fingerprints: where two replicas differ, and what is not a digest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.digest import (
    BUCKETS,
    Digest,
    DigestError,
    decode_parts,
    decode_shares,
    encode_parts,
    encode_shares,
    find_bucket,
)

HELD = st.sets(st.tuples(st.sampled_from(("psn1", "psn2")), st.sampled_from("abcdef")))


def build(held: set[tuple[str, str]]) -> Digest:
    digest = Digest()
    for share, key in held:
        digest.add(share, find_bucket(key), key)
    return digest


@given(HELD, HELD)
def test_what_differs_is_found_from_both_sides_and_on_the_wire(
    ours: set[tuple[str, str]], theirs: set[tuple[str, str]]
) -> None:
    one, other = build(ours), build(theirs)
    expected: dict[str, set[int]] = {}
    for share, key in ours ^ theirs:
        expected.setdefault(share, set()).add(find_bucket(key))
    told = decode_shares(json.loads(json.dumps(encode_shares(other.shares))))
    assert one.find_differing(told) == other.find_differing(one.shares) == expected
    assert decode_shares(json.loads(json.dumps(encode_shares(other.select(expected))))) == other.select(expected)
    assert decode_parts(json.loads(json.dumps(encode_parts(expected)))) == expected


@given(HELD, HELD)
def test_what_is_counted_out_leaves_no_trace(held: set[tuple[str, str]], gone: set[tuple[str, str]]) -> None:
    digest = build(held | gone)
    for share, key in gone - held:
        digest.remove(share, find_bucket(key), key)
    assert digest.shares == build(held).shares


def test_buckets_are_the_same_everywhere() -> None:
    assert [find_bucket(key) for key in ("", "7F000301000000010000ABCD", "02:00:00:00:10:01")] == [0, 60, 23]
    assert 0 <= find_bucket("\ud800") < BUCKETS


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"psn1": 1},
        {"psn1": [1]},
        {"psn1": [[1, 2]]},
        {"psn1": [[BUCKETS, 1, 1]]},
        {"psn1": [[-1, 1, 1]]},
        {"psn1": [[1, True, 1]]},
        {"psn1": [[1, 1, 1 << 64]]},
        {"psn1": [[1, 10**40, 1]]},
        {"psn1": [[1, 1, 1.0]]},
    ],
)
def test_what_is_no_digest_is_refused(value: Any) -> None:
    with pytest.raises(DigestError, match="not a digest: "):
        decode_shares(value)


@pytest.mark.parametrize("value", [None, {"psn1": None}, {"psn1": [True]}, {"psn1": [BUCKETS]}, {"psn1": ["1"]}])
def test_what_names_no_buckets_is_refused(value: Any) -> None:
    with pytest.raises(DigestError, match="not a digest: "):
        decode_parts(value)
