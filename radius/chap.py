"""CHAP in RADIUS: an MD5 over identifier, password and challenge (RFC 1994 section 4.1, RFC 2865 sections 2.2, 5.3)."""

from __future__ import annotations

from hashlib import md5
from hmac import compare_digest

from radius import attribute
from radius.packet import Packet


def create_response(identifier: int, password: bytes, challenge: bytes) -> bytes:
    """Compute the 17 octets of CHAP-Password: the CHAP identifier and the digest."""
    start = bytes((identifier,))
    return start + md5(start + password + challenge, usedforsecurity=False).digest()


def verify(request: Packet, password: bytes) -> bool:
    """Tell whether the CHAP-Password of an Access-Request was made with this password.

    The challenge is CHAP-Challenge, or the Request Authenticator where that is absent.
    """
    response = request.octets(attribute.CHAP_PASSWORD)
    if response is None or len(response) != 17:
        return False
    challenge = request.octets(attribute.CHAP_CHALLENGE)
    if challenge is None:
        challenge = request.authenticator
    return compare_digest(response, create_response(response[0], password, challenge))
