"""CHAP: the example of RFC 2865 section 7.2, and pyrad as oracle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary as PyradDictionary
from pyrad.packet import AuthPacket

from radius import attribute, chap
from radius.packet import Code, decode, encode_attributes
from tests.radius.packets import packet_of

RFC_REQUEST = bytes.fromhex(
    "01010047 2aee86f08d0d55969ca5978e0d3367a2 0108666c6f707379 031316e97557c316185895f293ff6344077275"
    "0406c0a80110 050600000014 060600000002 070600000001"
)
CHALLENGE = bytes(range(16))


def test_rfc_2865_section_7_2() -> None:
    assert chap.verify(decode(RFC_REQUEST), b"arctangent")
    assert not chap.verify(decode(RFC_REQUEST), b"arctangenT")


def test_response_of_rfc_2865_section_7_2_is_created() -> None:
    request = decode(RFC_REQUEST)
    expected = request.octets(attribute.CHAP_PASSWORD)
    assert chap.create_response(22, b"arctangent", request.authenticator) == expected


def test_challenge_attribute_wins_over_the_request_authenticator() -> None:
    response = chap.create_response(1, b"lab-alice", CHALLENGE)
    attributes = [(attribute.CHAP_PASSWORD, response), (attribute.CHAP_CHALLENGE, CHALLENGE)]
    assert chap.verify(packet_of(Code.ACCESS_REQUEST, attributes, authenticator=b"x" * 16), b"lab-alice")


def test_response_of_another_length_is_wrong() -> None:
    response = chap.create_response(1, b"lab-alice", CHALLENGE)
    for octets in (b"", response[:16], response + b"\0"):
        request = packet_of(Code.ACCESS_REQUEST, [(attribute.CHAP_PASSWORD, octets)], authenticator=CHALLENGE)
        assert not chap.verify(request, b"lab-alice")


def test_request_without_chap_is_wrong() -> None:
    assert not chap.verify(packet_of(Code.ACCESS_REQUEST, []), b"lab-alice")


@given(identifier=st.integers(0, 255), password=st.binary(max_size=64), challenge=st.binary(min_size=16, max_size=16))
def test_pyrad_accepts_our_response(identifier: int, password: bytes, challenge: bytes) -> None:
    response = chap.create_response(identifier, password, challenge)
    data = bytes((1, 0, 0, 39)) + challenge + encode_attributes([(attribute.CHAP_PASSWORD, response)])
    theirs = AuthPacket(packet=data, secret=b"x", dict=PyradDictionary())
    assert theirs.VerifyChapPasswd(password)
    assert chap.verify(decode(data), password)
