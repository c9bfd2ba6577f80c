"""A shared secret and the MD5 arithmetic that RADIUS builds on it.

Decides nothing; computes HMAC-MD5 (RFC 2104), MD5 over data and secret (RFC 2865 section 3) and password
hiding (RFC 2865 section 5.2). The key pads are absorbed once, when the secret is made: on the hot path an
HMAC then costs two short MD5 runs. `_md5` is CPython's own module, twice as fast here as OpenSSL's; where it
is absent (FIPS builds) hashlib takes its place.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import md5
else:
    try:
        from _md5 import md5
    except ImportError:  # pragma: no cover - depends on how the interpreter was built
        from hashlib import md5

_BLOCK = 64
_INNER = bytes(octet ^ 0x36 for octet in range(256))
_OUTER = bytes(octet ^ 0x5C for octet in range(256))


class Secret:
    """A shared secret. Its octets never appear in its representation, nor in logs or the journal."""

    __slots__ = ("_inner", "_octets", "_outer")

    def __init__(self, secret: str | bytes) -> None:
        """Absorb the key pads; raises `ValueError` for an empty secret (RFC 2865 section 3)."""
        octets = secret.encode() if isinstance(secret, str) else secret
        if not octets:
            raise ValueError("a shared secret must not be empty")
        key = (md5(octets).digest() if len(octets) > _BLOCK else octets).ljust(_BLOCK, b"\0")
        self._octets = octets
        self._inner = md5(key.translate(_INNER))
        self._outer = md5(key.translate(_OUTER))

    def __repr__(self) -> str:
        return "Secret(****)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        return hash(self._octets)

    def hmac(self, data: bytes) -> bytes:
        """Compute the HMAC-MD5 of data under this secret: 16 octets."""
        inner = self._inner.copy()
        inner.update(data)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def md5(self, data: bytes) -> bytes:
        """Compute MD5(data, secret), the shape of every RADIUS authenticator: 16 octets."""
        return md5(data + self._octets).digest()

    def hide_password(self, password: bytes, authenticator: bytes) -> bytes:
        """Hide a password (RFC 2865 section 5.2); raises `ValueError` above 128 octets."""
        if len(password) > 128:
            raise ValueError(f"a User-Password holds at most 128 octets, not {len(password)}")
        padded = password.ljust(-(-len(password) // 16) * 16 or 16, b"\0")
        hidden = b""
        previous = authenticator
        for at in range(0, len(padded), 16):
            previous = xor(padded[at : at + 16], self.md5_prefixed(previous))
            hidden += previous
        return hidden

    def reveal_password(self, hidden: bytes, authenticator: bytes) -> bytes | None:
        """Reveal a hidden password without its padding; None where its length is not 16..128 in steps of 16."""
        size = len(hidden)
        if size == 16:
            return xor(hidden, self.md5_prefixed(authenticator)).rstrip(b"\0")
        if size % 16 or not 16 <= size <= 128:
            return None
        chain = authenticator + hidden
        return b"".join(
            xor(hidden[at : at + 16], self.md5_prefixed(chain[at : at + 16])) for at in range(0, size, 16)
        ).rstrip(b"\0")

    def md5_prefixed(self, data: bytes) -> bytes:
        """Compute MD5(secret, data), the step of password hiding and of salt encryption: 16 octets."""
        return md5(self._octets + data).digest()


def xor(left: bytes, right: bytes) -> bytes:
    """Combine two runs of 16 octets."""
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(16, "big")
