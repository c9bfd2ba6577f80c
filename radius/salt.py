"""Salt encryption of Tunnel-Password (RFC 2868 section 3.5) and of the MS-MPPE keys (RFC 2548 section 2.4.2).

Works on the part of a value that begins with the salt: the tag of Tunnel-Password stands before it and stays in the
clear. `authenticator` is always the Request Authenticator, also where the value travels in a reply.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, pairwise
from random import Random

from radius.secret import Secret, xor

_BLOCK = 16
_LONGEST = 239


def choose_salts(random: Random) -> Iterator[bytes]:
    """Yield the salts of one packet: all different, their most significant bit set."""
    for number in count(random.getrandbits(15)):
        yield (0x8000 | number & 0x7FFF).to_bytes(2, "big")


def encrypt(value: bytes, *, salt: bytes, secret: Secret, authenticator: bytes) -> bytes:
    """Encrypt a value; the result begins with its salt. Raises `ValueError` above 239 octets."""
    if len(value) > _LONGEST:
        raise ValueError(f"a salt-encrypted value holds at most {_LONGEST} octets, not {len(value)}")
    plain = bytes((len(value),)) + value
    plain += bytes(-len(plain) % _BLOCK)
    encrypted = b""
    previous = authenticator + salt
    for at in range(0, len(plain), _BLOCK):
        previous = xor(plain[at : at + _BLOCK], secret.md5_prefixed(previous))
        encrypted += previous
    return salt + encrypted


def decrypt(octets: bytes, *, secret: Secret, authenticator: bytes) -> bytes | None:
    """Decrypt a value that begins with its salt; None where its length is wrong or its inside is not plausible."""
    salt, encrypted = octets[:2], octets[2:]
    if len(encrypted) % _BLOCK or not encrypted:
        return None
    chain = [authenticator + salt, *(encrypted[at : at + _BLOCK] for at in range(0, len(encrypted), _BLOCK))]
    plain = b"".join(xor(block, secret.md5_prefixed(previous)) for previous, block in pairwise(chain))
    size = plain[0]
    return plain[1 : 1 + size] if size < len(plain) else None
