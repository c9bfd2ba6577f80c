"""Request and Response Authenticators and the Message-Authenticator: signing and verifying whole packets.

Sources: RFC 2865 section 3 (Access), RFC 2866 section 3 (Accounting), RFC 3579 section 3.2 (Message-Authenticator),
RFC 5176 section 2.3 and 3.5 (CoA, Disconnect), RFC 5997 (Status-Server).

Which sixteen octets stand in the authenticator field while the Message-Authenticator is computed:

=========================================  ==========================================================
Access-Request, Status-Server              its own Request Authenticator
Accounting-, CoA-, Disconnect-Request      zeros
reply to any request but an accounting one the Request Authenticator of the request
Accounting-Response to Accounting-Request  zeros (no RFC says; FreeRADIUS 3.2 and pyrad 2.6 both do this)
=========================================  ==========================================================
"""

from __future__ import annotations

from enum import Enum
from hmac import compare_digest

from radius import attribute
from radius.packet import HEADER_LENGTH, MAXIMUM_LENGTH, Attribute, Code, Packet, encode_attributes
from radius.secret import Secret

ZEROS = bytes(16)
_SIGNATURE_HEADER = bytes((attribute.MESSAGE_AUTHENTICATOR, 18))
_EMPTY_SIGNATURE = _SIGNATURE_HEADER + ZEROS
_ACCOUNTING_REQUEST = int(Code.ACCOUNTING_REQUEST)
_STATUS_SERVER = int(Code.STATUS_SERVER)
_SELF_AUTHENTICATED = frozenset({Code.ACCOUNTING_REQUEST, Code.COA_REQUEST, Code.DISCONNECT_REQUEST})
"""Requests whose authenticator is itself a digest over packet and secret."""


class Fault(Enum):
    """Why a packet is not authentic; the value is a phrase for the journal."""

    REQUEST_AUTHENTICATOR = "its Request Authenticator does not match"
    RESPONSE_AUTHENTICATOR = "its Response Authenticator does not match"
    MESSAGE_AUTHENTICATOR = "its Message-Authenticator does not match"
    MESSAGE_AUTHENTICATOR_SHAPE = "its Message-Authenticator does not have 16 octets"
    UNSIGNED_EAP = "it carries EAP-Message without a Message-Authenticator"
    UNSIGNED_STATUS = "a Status-Server must carry a Message-Authenticator"


def verify_request(data: bytes, packet: Packet, secret: Secret) -> Fault | None:
    """Verify a request from its raw octets; None where it is authentic as far as its code allows.

    A plain Access-Request without Message-Authenticator proves nothing and passes: whether that is good enough
    is the server's policy, not this function's.
    """
    code = packet.code
    index = packet.index
    length = data[2] << 8 | data[3]
    self_authenticated = code in _SELF_AUTHENTICATED
    if self_authenticated:
        unsigned = data[:4] + ZEROS + data[HEADER_LENGTH:length]
        if not compare_digest(secret.md5(unsigned), packet.authenticator):
            return Fault.REQUEST_AUTHENTICATOR
    signature = index.get(attribute.MESSAGE_AUTHENTICATOR)
    if signature is None:
        if attribute.EAP_MESSAGE in index:
            return Fault.UNSIGNED_EAP
        return Fault.UNSIGNED_STATUS if code == _STATUS_SERVER else None
    return _verify_signature(data[:length], signature, ZEROS if self_authenticated else packet.authenticator, secret)


def verify_reply(
    data: bytes, packet: Packet, request_code: int, request_authenticator: bytes, secret: Secret
) -> Fault | None:
    """Verify a reply from its raw octets against the request it answers; None where it is authentic."""
    length = data[2] << 8 | data[3]
    signed = data[:4] + request_authenticator + data[HEADER_LENGTH:length]
    if not compare_digest(secret.md5(signed), packet.authenticator):
        return Fault.RESPONSE_AUTHENTICATOR
    signature = packet.index.get(attribute.MESSAGE_AUTHENTICATOR)
    if signature is None:
        return Fault.UNSIGNED_EAP if attribute.EAP_MESSAGE in packet.index else None
    vector = ZEROS if request_code == _ACCOUNTING_REQUEST else request_authenticator
    return _verify_signature(data[:length], signature, vector, secret)


def encode_request(
    code: int,
    identifier: int,
    attributes: list[Attribute],
    secret: Secret,
    authenticator: bytes = ZEROS,
    *,
    sign: bool = True,
) -> bytes:
    """Encode and sign a request, Message-Authenticator first unless `sign` is false.

    `authenticator` is the random Request Authenticator of an Access-Request or Status-Server; the other requests
    compute theirs. A User-Password among the attributes is given in the clear and leaves hidden.
    Raises `ValueError` where a value or the whole packet is too long.
    """
    hidden = [
        (type_, secret.hide_password(value, authenticator)) if type_ == attribute.USER_PASSWORD else (type_, value)
        for type_, value in attributes
    ]
    body = encode_attributes(hidden)
    header = _encode_header(code, identifier, len(body) + (18 if sign else 0))
    vector = ZEROS if code in _SELF_AUTHENTICATED else authenticator
    if sign:
        body = _SIGNATURE_HEADER + secret.hmac(header + vector + _EMPTY_SIGNATURE + body) + body
    if code in _SELF_AUTHENTICATED:
        authenticator = secret.md5(header + ZEROS + body)
    return header + authenticator + body


def encode_reply(request: Packet, code: int, body: bytes, secret: Secret) -> bytes:
    """Encode and sign the reply to a request: Message-Authenticator first, then `body`, then its Proxy-States in order.

    `body` holds encoded attributes (`radius.packet.encode_attributes`). Raises `ValueError` where the reply is
    longer than 4096 octets.
    """
    if attribute.PROXY_STATE in request.index:
        proxy_states = request.list_octets(attribute.PROXY_STATE)
        body += encode_attributes([(attribute.PROXY_STATE, value) for value in proxy_states])
    authenticator = request.authenticator
    vector = ZEROS if request.code == _ACCOUNTING_REQUEST else authenticator
    header = _encode_header(code, request.identifier, len(body) + 18)
    signed = _SIGNATURE_HEADER + secret.hmac(header + vector + _EMPTY_SIGNATURE + body) + body
    return header + secret.md5(header + authenticator + signed) + signed


def _encode_header(code: int, identifier: int, body_length: int) -> bytes:
    """Encode code, identifier and length."""
    length = HEADER_LENGTH + body_length
    if length > MAXIMUM_LENGTH:
        raise ValueError(f"packet of {length} octets exceeds {MAXIMUM_LENGTH}")
    return bytes((code, identifier, length >> 8, length & 255))


def _verify_signature(data: bytes, signature: bytes, vector: bytes, secret: Secret) -> Fault | None:
    """Verify the Message-Authenticator of a packet whose octets end at its Length.

    The attribute is found by its octets: were the same octets to stand earlier inside another value, the wrong
    place would be zeroed and the verification would fail, never wrongly succeed.
    """
    at = data.find(_SIGNATURE_HEADER + signature, HEADER_LENGTH) + 2
    if len(signature) != 16 or at < 2:
        return Fault.MESSAGE_AUTHENTICATOR_SHAPE
    unsigned = data[:4] + vector + data[HEADER_LENGTH:at] + ZEROS + data[at + 16 :]
    return None if compare_digest(secret.hmac(unsigned), signature) else Fault.MESSAGE_AUTHENTICATOR
