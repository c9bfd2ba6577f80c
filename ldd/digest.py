"""What a replica holds, in a few octets: for each owner how many records, and their hashes combined.

Two replicas whose digests are equal hold the same records, but for chance at 1 in 2**64. Knows records by what orders
them alone, and neither link nor replica.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from ldd.link import Json

Share = tuple[int, int]
"""Of one owner: how many records, and the exclusive or of their hashes."""


class DigestError(ValueError):
    """A JSON value from the link is no digest of a replica."""

    def __init__(self, reason: str) -> None:
        """Say what is wrong."""
        super().__init__(f"not a digest: {reason}")


class Digest:
    """The digest of one replica, kept up with every change of it."""

    __slots__ = ("_shares",)

    def __init__(self) -> None:
        """Begin as that of an empty replica."""
        self._shares: dict[str, Share] = {}

    @property
    def shares(self) -> Mapping[str, Share]:
        """The share of each owner that has records."""
        return self._shares

    def add(self, owner: str, session_id: str, authenticated_at: float, version: int) -> None:
        """Count a record in."""
        self._change(owner, 1, _hash(session_id, authenticated_at, version))

    def remove(self, owner: str, session_id: str, authenticated_at: float, version: int) -> None:
        """Count out a record that was counted in."""
        self._change(owner, -1, _hash(session_id, authenticated_at, version))

    def clear(self) -> None:
        """Become that of an empty replica."""
        self._shares.clear()

    def list_differing(self, shares: Mapping[str, Share]) -> list[str]:
        """List the owners of whose records another replica holds others than this one."""
        owners = sorted(self._shares.keys() | shares.keys())
        return [owner for owner in owners if self._shares.get(owner) != shares.get(owner)]

    def _change(self, owner: str, by: int, value: int) -> None:
        count, combined = self._shares.get(owner, (0, 0))
        if count + by:
            self._shares[owner] = count + by, combined ^ value
        else:
            del self._shares[owner]


def decode_shares(value: Json) -> dict[str, Share]:
    """Decode the JSON value of a digest's shares; raises `DigestError` for any other."""
    if not isinstance(value, dict):
        raise DigestError("it is no JSON object")
    return {owner: _decode_share(share) for owner, share in value.items()}


def _decode_share(share: Json) -> Share:
    match share:
        case [int(count), int(combined)]:
            return count, combined
        case _:
            raise DigestError("a share is no pair of integers")


def _hash(session_id: str, authenticated_at: float, version: int) -> int:
    octets = f"{session_id} {authenticated_at!r} {version}".encode()
    return int.from_bytes(blake2b(octets, digest_size=8).digest(), "big")
