"""MD4 (RFC 1320), for the NT password hash alone: OpenSSL 3 no longer offers it, and MS-CHAPv2 knows nothing else."""

from __future__ import annotations

from collections.abc import Callable

_MASK = 0xFFFFFFFF

_Round = tuple[Callable[[int, int, int], int], int, tuple[int, ...], tuple[int, ...]]
_ROUNDS: tuple[_Round, ...] = (
    (lambda x, y, z: (x & y) | (~x & z), 0, tuple(range(16)), (3, 7, 11, 19)),
    (
        lambda x, y, z: (x & y) | (x & z) | (y & z),
        0x5A827999,
        (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
        (3, 5, 9, 13),
    ),
    (
        lambda x, y, z: x ^ y ^ z,
        0x6ED9EBA1,
        (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
        (3, 9, 11, 15),
    ),
)
"""For each round: its function, its constant, the order of the words, the four rotations in turn."""


def md4(data: bytes) -> bytes:
    """Compute the MD4 digest: 16 octets."""
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + (8 * len(data)).to_bytes(8, "little")
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for at in range(0, len(padded), 64):
        state = _compress(state, padded[at : at + 64])
    return b"".join(word.to_bytes(4, "little") for word in state)


def _compress(state: list[int], block: bytes) -> list[int]:
    """Mix one block of 64 octets into the state."""
    words = [int.from_bytes(block[at : at + 4], "little") for at in range(0, 64, 4)]
    a, b, c, d = state
    for function, constant, order, rotations in _ROUNDS:
        for step, position in enumerate(order):
            total = (a + function(b, c, d) + words[position] + constant) & _MASK
            shift = rotations[step % 4]
            a, b, c, d = d, (total << shift | total >> (32 - shift)) & _MASK, b, c
    return [(old + new) & _MASK for old, new in zip(state, (a, b, c, d), strict=True)]
