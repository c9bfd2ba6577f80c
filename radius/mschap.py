"""MS-CHAPv2: the arithmetic of RFC 2759, its RADIUS attributes (RFC 2548 section 2.3), its keys (RFC 3079).

Of the first version (RFC 2433, RFC 2548 section 2.1) only the NT response is known; radtest speaks no other.

Knows no users: a caller gives the NT hash of the password. `challenge` is always the eight octets that both sides
make of their two challenges and the user name (`hash_challenges`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from hmac import compare_digest

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from radius import attribute
from radius.md4 import md4
from radius.packet import Packet

AUTHENTICATION_FAILURE = 691

_MAGIC_1 = b"Magic server to client signing constant"
_MAGIC_2 = b"Pad to make it do more than one iteration"
_MASTER_KEY = b"This is the MPPE Master Key"
_CLIENT_SENDS = b"On the client side, this is the send key; on the server side, it is the receive key."
_SERVER_SENDS = b"On the client side, this is the receive key; on the server side, it is the send key."


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The content of MS-CHAP2-Response."""

    identifier: int
    peer_challenge: bytes
    nt_response: bytes

    def encode(self) -> bytes:
        """Encode the 50 octets: identifier, flags, peer challenge, eight reserved, NT response."""
        return bytes((self.identifier, 0)) + self.peer_challenge + bytes(8) + self.nt_response

    @classmethod
    def decode(cls, octets: bytes) -> Response:
        """Decode; raises `ValueError` for any length but 50."""
        if len(octets) != 50:
            raise ValueError(f"MS-CHAP2-Response has 50 octets, not {len(octets)}")
        return cls(identifier=octets[0], peer_challenge=octets[2:18], nt_response=octets[26:])


def hash_password(password: str) -> bytes:
    """Compute the NT hash of a password (RFC 2759 section 8.3): 16 octets."""
    return md4(password.encode("utf-16-le"))


def hash_challenges(*, peer: bytes, authenticator: bytes, user_name: bytes) -> bytes:
    """Compute the challenge proper (RFC 2759 section 8.2): 8 octets. A Windows domain before the name is left out."""
    return _sha1(peer, authenticator, user_name.rpartition(b"\\")[2])[:8]


def compute_nt_response(challenge: bytes, password_hash: bytes) -> bytes:
    """Compute the answer of the peer (RFC 2759 section 8.5): 24 octets."""
    key = password_hash.ljust(21, b"\0")
    return b"".join(_des(key[at : at + 7], challenge) for at in (0, 7, 14))


def compute_authenticator_response(challenge: bytes, password_hash: bytes, nt_response: bytes) -> str:
    """Compute what proves to the peer that we know the password too (RFC 2759 section 8.7): ``S=`` and 40 digits."""
    digest = _sha1(md4(password_hash), nt_response, _MAGIC_1)
    return f"S={_sha1(digest, challenge, _MAGIC_2).hex().upper()}"


def derive_mppe_keys(password_hash: bytes, nt_response: bytes) -> tuple[bytes, bytes]:
    """Derive the 128-bit keys (RFC 3079 section 3.4) for MS-MPPE-Send-Key and MS-MPPE-Recv-Key, in this order."""
    master = _sha1(md4(password_hash), nt_response, _MASTER_KEY)[:16]
    send, receive = (_sha1(master, bytes(40), magic, b"\xf2" * 40)[:16] for magic in (_SERVER_SENDS, _CLIENT_SENDS))
    return send, receive


def verify(request: Packet, password_hash: bytes) -> bytes | None:
    """Verify the MS-CHAPv2 attributes of an Access-Request: the MS-CHAP2-Success to send, None where they are wrong."""
    authenticator = request.octets(attribute.MS_CHAP_CHALLENGE)
    user_name = request.octets(attribute.USER_NAME)
    octets = request.octets(attribute.MS_CHAP2_RESPONSE)
    if authenticator is None or user_name is None or octets is None or len(octets) != 50:
        return None
    response = Response.decode(octets)
    challenge = hash_challenges(peer=response.peer_challenge, authenticator=authenticator, user_name=user_name)
    if not compare_digest(response.nt_response, compute_nt_response(challenge, password_hash)):
        return None
    proof = compute_authenticator_response(challenge, password_hash, response.nt_response)
    return bytes((response.identifier,)) + proof.encode()


def verify_version_1(request: Packet, password_hash: bytes) -> bool:
    """Verify the attributes of MS-CHAP's first version: an eight-octet challenge, and the NT response at the end."""
    challenge = request.octets(attribute.MS_CHAP_CHALLENGE)
    octets = request.octets(attribute.MS_CHAP_RESPONSE)
    if challenge is None or len(challenge) != 8 or octets is None or len(octets) != 50:
        return False
    return compare_digest(octets[26:], compute_nt_response(challenge, password_hash))


def encode_error(identifier: int, challenge: bytes, *, error: int = AUTHENTICATION_FAILURE) -> bytes:
    """Encode MS-CHAP-Error (RFC 2548 section 2.1.5): the peer must not try again."""
    return bytes((identifier,)) + f"E={error} R=0 C={challenge.hex().upper()} V=3".encode()


def _sha1(*parts: bytes) -> bytes:
    return sha1(b"".join(parts), usedforsecurity=False).digest()


def _des(key: bytes, block: bytes) -> bytes:
    """Encrypt one block with single DES, which is triple DES with the same key three times."""
    bits = int.from_bytes(key, "big")
    # Seven bits to an octet; the eighth is parity, which nobody checks.
    expanded = bytes((bits >> shift & 0x7F) << 1 for shift in range(49, -1, -7))
    return Cipher(TripleDES(expanded * 3), modes.ECB()).encryptor().update(block)
