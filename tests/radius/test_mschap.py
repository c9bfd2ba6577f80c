"""MS-CHAP: the vectors of RFC 2759 section 9.2, RFC 3079 section 3.5.3 and, for version 1, RFC 2433 appendix B."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radius import attribute, mschap
from radius.md4 import md4
from radius.mschap import Response
from radius.packet import Attribute, Code
from tests.radius.packets import packet_of

AUTHENTICATOR_CHALLENGE = bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628")
PEER_CHALLENGE = bytes.fromhex("21402324255E262A28295F2B3A337C7E")
CHALLENGE = bytes.fromhex("D02E4386BCE91226")
PASSWORD_HASH = bytes.fromhex("44EBBA8D5312B8D611474411F56989AE")
NT_RESPONSE = bytes.fromhex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
RESPONSE = Response(identifier=7, peer_challenge=PEER_CHALLENGE, nt_response=NT_RESPONSE)


def login(*, user_name: bytes = b"User", response: bytes | None = None) -> list[Attribute]:
    return [
        (attribute.USER_NAME, user_name),
        (attribute.MS_CHAP_CHALLENGE, AUTHENTICATOR_CHALLENGE),
        (attribute.MS_CHAP2_RESPONSE, RESPONSE.encode() if response is None else response),
    ]


@pytest.mark.parametrize("user_name", [b"User", b"LAB\\User"])
def test_rfc_2759_challenge_leaves_the_domain_out(user_name: bytes) -> None:
    assert (
        mschap.hash_challenges(peer=PEER_CHALLENGE, authenticator=AUTHENTICATOR_CHALLENGE, user_name=user_name)
        == CHALLENGE
    )


def test_rfc_2759_password_hash() -> None:
    assert mschap.hash_password("clientPass") == PASSWORD_HASH
    assert md4(PASSWORD_HASH).hex().upper() == "41C00C584BD2D91C4017A2A12FA59F3F"


def test_rfc_2759_nt_response() -> None:
    assert mschap.compute_nt_response(CHALLENGE, PASSWORD_HASH) == NT_RESPONSE


def test_rfc_2759_authenticator_response() -> None:
    assert (
        mschap.compute_authenticator_response(CHALLENGE, PASSWORD_HASH, NT_RESPONSE)
        == "S=407A5589115FD0D6209F510FE9C04566932CDA56"
    )


def test_rfc_3079_send_key_of_the_server() -> None:
    send, receive = mschap.derive_mppe_keys(PASSWORD_HASH, NT_RESPONSE)
    assert send.hex().upper() == "8B7CDC149B993A1BA118CB153F56DCCB"
    assert receive.hex().upper() == "D5F0E9521E3EA9589645E86051C82226"


def test_right_password_earns_the_proof_of_ours() -> None:
    success = mschap.verify(packet_of(Code.ACCESS_REQUEST, login()), PASSWORD_HASH)
    assert success == b"\x07S=407A5589115FD0D6209F510FE9C04566932CDA56"


@pytest.mark.parametrize(
    "attributes",
    [
        login(user_name=b"user"),
        login(response=RESPONSE.encode()[:49]),
        login(response=b""),
        login()[:2],
        login()[1:],
        [login()[0], login()[2]],
    ],
)
def test_anything_else_earns_nothing(attributes: list[Attribute]) -> None:
    assert mschap.verify(packet_of(Code.ACCESS_REQUEST, attributes), PASSWORD_HASH) is None


def test_wrong_password_earns_nothing() -> None:
    assert mschap.verify(packet_of(Code.ACCESS_REQUEST, login()), mschap.hash_password("clientpass")) is None


VERSION_1_CHALLENGE = bytes.fromhex("102DB5DF085D3041")
VERSION_1_RESPONSE = bytes.fromhex("4E9D3C8F9CFD385D5BF4D3246791956CA4C351AB409A3D61")


def version_1_login(challenge: bytes = VERSION_1_CHALLENGE, response: bytes = VERSION_1_RESPONSE) -> list[Attribute]:
    octets = bytes((7, 1)) + bytes(24) + response
    return [(attribute.MS_CHAP_CHALLENGE, challenge), (attribute.MS_CHAP_RESPONSE, octets)]


@pytest.mark.parametrize(
    ("attributes", "password", "right"),
    [
        (version_1_login(), "MyPw", True),
        (version_1_login(), "MyPW", False),
        (version_1_login(challenge=bytes(8)), "MyPw", False),
        (version_1_login(challenge=VERSION_1_CHALLENGE * 2), "MyPw", False),
        (version_1_login(response=VERSION_1_RESPONSE[:23]), "MyPw", False),
        (version_1_login()[:1], "MyPw", False),
        (version_1_login()[1:], "MyPw", False),
    ],
)
def test_rfc_2433_response(attributes: list[Attribute], password: str, *, right: bool) -> None:
    request = packet_of(Code.ACCESS_REQUEST, attributes)
    assert mschap.verify_version_1(request, mschap.hash_password(password)) is right


def test_error_says_691_and_no_retry() -> None:
    """RFC 2759 section 6; 691 is ERROR_AUTHENTICATION_FAILURE."""
    assert mschap.encode_error(7, bytes(16)) == b"\x07E=691 R=0 C=00000000000000000000000000000000 V=3"


@given(
    identifier=st.integers(0, 255),
    peer_challenge=st.binary(min_size=16, max_size=16),
    nt_response=st.binary(min_size=24, max_size=24),
)
def test_response_survives_a_round_trip(identifier: int, peer_challenge: bytes, nt_response: bytes) -> None:
    response = Response(identifier=identifier, peer_challenge=peer_challenge, nt_response=nt_response)
    assert len(response.encode()) == 50
    assert Response.decode(response.encode()) == response


def test_response_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="50 octets, not 49"):
        Response.decode(bytes(49))
