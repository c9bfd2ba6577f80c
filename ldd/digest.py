"""What a replica holds, in a few octets: how many records, and their hashes combined, share by share in 256 buckets.

A *share* is what belongs together, such as the records of one owner; into which *bucket* of it a record falls is the
same at every node. Two replicas whose digests are equal hold the same records, but for chance at 1 in 2**64. Knows of
records nothing but a text that tells them apart, and neither link nor replica.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from hashlib import blake2b
from zlib import crc32

from ldd.link import Json

BUCKETS = 256

Fingerprint = tuple[int, int]
"""Of one bucket: how many records, and the exclusive or of their hashes."""

Shares = Mapping[str, Mapping[int, Fingerprint]]
"""Fingerprints by share and bucket."""

Parts = Mapping[str, Set[int]]
"""Buckets by share."""

EMPTY: Fingerprint = (0, 0)
"""That of a bucket without records."""

_MOST_RECORDS = 1 << 32


class DigestError(ValueError):
    """A JSON value from the link is not a digest of a replica."""

    def __init__(self, reason: str) -> None:
        """Say what is wrong."""
        super().__init__(f"not a digest: {reason}")


class Digest:
    """The digest of one replica, kept up with every change of it."""

    __slots__ = ("_shares",)

    def __init__(self) -> None:
        """Begin as that of an empty replica."""
        self._shares: dict[str, dict[int, Fingerprint]] = {}

    @property
    def shares(self) -> Shares:
        """The fingerprints of everything that has records."""
        return self._shares

    def add(self, share: str, bucket: int, text: str) -> None:
        """Count in a record, which `text` tells from all others."""
        self._change(share, bucket, text, 1)

    def remove(self, share: str, bucket: int, text: str) -> None:
        """Count out a record that was counted in."""
        self._change(share, bucket, text, -1)

    def clear(self) -> None:
        """Become that of an empty replica."""
        self._shares.clear()

    def find(self, share: str, bucket: int) -> Fingerprint:
        """Find a fingerprint, be it that of an empty bucket."""
        return self._shares.get(share, {}).get(bucket, EMPTY)

    def select(self, parts: Parts) -> Shares:
        """Select the fingerprints of some buckets, those of empty ones too."""
        return select(self._shares, parts)

    def find_differing(self, shares: Shares) -> Parts:
        """Find where another replica holds other records."""
        differing = {}
        for share in self._shares.keys() | shares.keys():
            ours, theirs = self._shares.get(share, {}), shares.get(share, {})
            buckets = {bucket for bucket in ours.keys() | theirs.keys() if ours.get(bucket) != theirs.get(bucket)}
            if buckets:
                differing[share] = buckets
        return differing

    def _change(self, share: str, bucket: int, text: str, by: int) -> None:
        buckets = self._shares.get(share)
        if buckets is None:
            buckets = self._shares[share] = {}
        count, combined = buckets.get(bucket, EMPTY)
        if count + by:
            octets = blake2b(text.encode(), digest_size=8).digest()
            buckets[bucket] = count + by, combined ^ int.from_bytes(octets, "big")
            return
        del buckets[bucket]
        if not buckets:
            del self._shares[share]


def select(shares: Shares, parts: Parts) -> Shares:
    """Select the fingerprints of some buckets, those of empty ones too."""
    return {
        share: {bucket: shares.get(share, {}).get(bucket, EMPTY) for bucket in sorted(parts[share])}
        for share in sorted(parts)
    }


def find_bucket(key: str) -> int:
    """Find the bucket of a record by its key."""
    return crc32(key.encode("utf-8", "surrogatepass")) % BUCKETS


def encode_shares(shares: Shares) -> Json:
    """Encode fingerprints as a JSON value: of each share a list of bucket, count and hash."""
    return {share: [[bucket, *found] for bucket, found in buckets.items()] for share, buckets in shares.items()}


def decode_shares(value: Json) -> Shares:
    """Decode the JSON value of fingerprints; raises `DigestError` for any other."""
    return {share: dict(map(_decode_fingerprint, buckets)) for share, buckets in _walk(value)}


def encode_parts(parts: Parts) -> Json:
    """Encode buckets by share as a JSON value."""
    return {share: sorted(parts[share]) for share in sorted(parts)}


def decode_parts(value: Json) -> Parts:
    """Decode the JSON value of buckets by share; raises `DigestError` for any other."""
    return {share: {_decode_number(bucket, BUCKETS) for bucket in buckets} for share, buckets in _walk(value)}


def _walk(value: Json) -> Iterator[tuple[str, list[Json]]]:
    if not isinstance(value, dict):
        raise DigestError("it is not a JSON object")
    for share, buckets in value.items():
        if not isinstance(buckets, list):
            raise DigestError("a share is not a list")
        yield share, buckets


def _decode_fingerprint(value: Json) -> tuple[int, Fingerprint]:
    match value:
        case [bucket, count, combined]:
            found = _decode_number(count, _MOST_RECORDS), _decode_number(combined, 1 << 64)
            return _decode_number(bucket, BUCKETS), found
        case _:
            raise DigestError("a fingerprint is not a bucket, a count and a hash")


def _decode_number(value: Json, limit: int) -> int:
    if type(value) is not int or not 0 <= value < limit:
        raise DigestError("a number is not an integer, or out of range")
    return value
