"""Authenticators and signatures: the examples of RFC 2865 and RFC 5997, pyrad as oracle, and every kind of damage."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary as PyradDictionary
from pyrad.packet import AcctPacket, AuthPacket, CoAPacket
from pyrad.packet import Packet as PyradPacket

from radius import attribute
from radius.authenticator import Fault, encode_reply, encode_request, verify_reply, verify_request
from radius.packet import Attribute, Code, MalformedPacketError, decode, encode_attributes, integer
from radius.secret import Secret

KEY = b"xyzzy5461"
SECRET = Secret(KEY)
WRONG = Secret("testing123")
AUTHENTICATOR = bytes.fromhex("0f403f9473978057bd83d5cb98f4227a")

SELF_AUTHENTICATED = (Code.ACCOUNTING_REQUEST, Code.COA_REQUEST, Code.DISCONNECT_REQUEST)
RANDOM_AUTHENTICATOR = (Code.ACCESS_REQUEST, Code.STATUS_SERVER)
REQUESTS = SELF_AUTHENTICATED + RANDOM_AUTHENTICATOR
ANSWERS = [
    (Code.ACCESS_REQUEST, Code.ACCESS_ACCEPT),
    (Code.ACCOUNTING_REQUEST, Code.ACCOUNTING_RESPONSE),
    (Code.STATUS_SERVER, Code.ACCOUNTING_RESPONSE),
    (Code.STATUS_SERVER, Code.ACCESS_ACCEPT),
    (Code.COA_REQUEST, Code.COA_NAK),
    (Code.DISCONNECT_REQUEST, Code.DISCONNECT_ACK),
]

RFC_2865 = {
    "7.1": (
        "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110"
        "050600000003",
        "0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103",
    ),
    "7.2": (
        "010100472aee86f08d0d55969ca5978e0d3367a20108666c6f707379031316e97557c316185895f293ff63440772750406c0a80110"
        "050600000014060600000002070600000001",
        "0201003815efbc7dab26cfa3dc34d9c03c8601a40606000000020706000000010806fffffffe0a06000000020d0600000001"
        "0c06000005dc",
    ),
    "7.3 challenge": (
        "01020039f3a47a1f6a6d76710b947ab93041a03901076d6f707379021233657573778289b570885e15084825c50406c0a80110"
        "050600000007",
        "0b02004e36f3c8764ae8c71157403c0c71ff9c451230"
        + b"Challenge 32769430.  Enter response at prompt.".hex()
        + "180a3332373639343330",
    ),
    "7.3 reject": (
        "01030043b122556d428a13d0d6253807c457ecf001076d6f7073790212692c1f205fc081b919b95195f561a5810406c0a80110"
        "050600000007180a3332373639343330",
        "03030014a42f4fca45916c4e09c8340f9e746aa0",
    ),
}
RFC_5997 = {
    "6.1": (
        "0cda00268a54f4686fb394c52866e302185d062350125a665e2e1e8411f3e243822097c84fa3",
        "02da0014ef0d552a4bf2d693ec2b6fe8b5411d66",
    ),
    # The code of the printed answer is 2; its authenticator was computed with 5, which is also what the text says.
    "6.2": (
        "0cb30026925f6b66dd5fed571fcb1db7ad3882605012e8d6eabda910875cd91fdade26367858",
        "05b300140f6f92145f107e2f504e860a4860669c",
    ),
}

bodies = st.lists(
    st.tuples(st.sampled_from([1, 18, 25, 31, 44, 250, attribute.CISCO_AVPAIR]), st.binary(min_size=1, max_size=60)),
    max_size=8,
)


@pytest.mark.parametrize("section", [*RFC_2865, *RFC_5997])
def test_exchanges_of_the_rfcs_are_authentic(section: str) -> None:
    request, reply = (bytes.fromhex(octets) for octets in (RFC_2865 | RFC_5997)[section])
    asked = decode(request)
    assert verify_request(request, asked, SECRET) is None
    assert verify_reply(reply, decode(reply), asked.code, asked.authenticator, SECRET) is None
    assert verify_reply(reply, decode(reply), asked.code, asked.authenticator, WRONG) is Fault.RESPONSE_AUTHENTICATOR


def test_rfc_2865_section_7_1_request_is_encoded() -> None:
    attributes = [
        (attribute.USER_NAME, b"nemo"),
        (attribute.USER_PASSWORD, b"arctangent"),
        (attribute.NAS_IP_ADDRESS, bytes((192, 168, 1, 16))),
        (attribute.NAS_PORT, integer(3)),
    ]
    octets = encode_request(Code.ACCESS_REQUEST, 0, attributes, SECRET, AUTHENTICATOR, sign=False)
    assert octets.hex() == RFC_2865["7.1"][0]


@pytest.mark.parametrize("section", RFC_5997)
def test_rfc_5997_status_server_is_encoded(section: str) -> None:
    example = bytes.fromhex(RFC_5997[section][0])
    assert encode_request(Code.STATUS_SERVER, example[1], [], SECRET, example[4:20]) == example


PYRAD_KINDS: dict[int, type[PyradPacket]] = {
    Code.ACCESS_REQUEST: AuthPacket,
    Code.STATUS_SERVER: AuthPacket,
    Code.ACCOUNTING_REQUEST: AcctPacket,
    Code.COA_REQUEST: CoAPacket,
    Code.DISCONNECT_REQUEST: CoAPacket,
}
PYRAD_VERIFIERS: dict[int, Callable[[PyradPacket], bool]] = {
    Code.ACCESS_REQUEST: lambda packet: packet.verify_message_authenticator(),
    Code.STATUS_SERVER: lambda packet: packet.verify_message_authenticator(),
    Code.ACCOUNTING_REQUEST: lambda packet: packet.VerifyAcctRequest() and packet.verify_message_authenticator(),
    Code.COA_REQUEST: lambda packet: packet.VerifyCoARequest() and packet.verify_message_authenticator(),
    Code.DISCONNECT_REQUEST: lambda packet: packet.VerifyCoARequest() and packet.verify_message_authenticator(),
}


def pyrad_request(code: int, attributes: list[Attribute], *, sign: bool = True) -> PyradPacket:
    packet = PYRAD_KINDS[code](
        code=code,
        id=7,
        secret=KEY,
        authenticator=AUTHENTICATOR if code in RANDOM_AUTHENTICATOR else None,
        dict=PyradDictionary(),
        message_authenticator=sign,
    )
    add(packet, attributes)
    return packet


def add(packet: PyradPacket, attributes: list[Attribute]) -> None:
    for type_, value in attributes:
        key = (type_ >> 8, type_ & 255) if type_ > 255 else type_
        packet[key] = [*packet.get(key, []), value]


@pytest.mark.parametrize("code", REQUESTS)
@given(attributes=bodies)
def test_pyrad_finds_our_requests_authentic(code: Code, attributes: list[Attribute]) -> None:
    octets = encode_request(code, 7, attributes, SECRET, AUTHENTICATOR)
    theirs = PYRAD_KINDS[code](packet=octets, secret=KEY, dict=PyradDictionary())
    assert PYRAD_VERIFIERS[code](theirs)


@pytest.mark.parametrize("code", REQUESTS)
@given(attributes=bodies)
def test_we_find_requests_of_pyrad_authentic(code: Code, attributes: list[Attribute]) -> None:
    octets = pyrad_request(code, attributes).RequestPacket()
    assert verify_request(octets, decode(octets), SECRET) is None
    assert verify_request(octets, decode(octets), WRONG) is not None


@pytest.mark.parametrize(("code", "answer"), ANSWERS)
@given(attributes=bodies)
def test_pyrad_finds_our_replies_authentic(code: Code, answer: Code, attributes: list[Attribute]) -> None:
    asked = pyrad_request(code, [(attribute.PROXY_STATE, b"1"), (attribute.PROXY_STATE, b"2")])
    request = decode(asked.RequestPacket())
    octets = encode_reply(request, answer, encode_attributes(attributes), SECRET)
    reply = asked.CreateReply(packet=octets)
    assert asked.VerifyReply(reply, octets, enforce_ma=True)


@pytest.mark.parametrize(("code", "answer"), ANSWERS)
@given(attributes=bodies)
def test_we_find_replies_of_pyrad_authentic(code: Code, answer: Code, attributes: list[Attribute]) -> None:
    asked = pyrad_request(code, [])
    request = decode(asked.RequestPacket())
    reply = asked.CreateReply()
    reply.code = answer
    add(reply, attributes)
    reply.add_message_authenticator()
    octets = reply.ReplyPacket()
    assert verify_reply(octets, decode(octets), code, request.authenticator, SECRET) is None


@pytest.mark.parametrize("code", REQUESTS)
def test_message_authenticator_comes_first_in_requests(code: Code) -> None:
    octets = encode_request(code, 7, [(attribute.USER_NAME, b"alice")], SECRET, AUTHENTICATOR)
    assert [type_ for type_, _ in decode(octets).attributes] == [attribute.MESSAGE_AUTHENTICATOR, attribute.USER_NAME]


def test_reply_is_signature_then_body_then_proxy_states_in_order() -> None:
    states = [(attribute.PROXY_STATE, b"outer"), (attribute.PROXY_STATE, b"inner")]
    request = decode(encode_request(Code.ACCESS_REQUEST, 7, states, SECRET, AUTHENTICATOR))
    reply = decode(encode_reply(request, Code.ACCESS_ACCEPT, encode_attributes([(attribute.CLASS, b"c")]), SECRET))
    assert reply.identifier == 7
    assert reply.attributes[0][0] == attribute.MESSAGE_AUTHENTICATOR
    assert reply.attributes[1:] == [(attribute.CLASS, b"c"), *states]


@pytest.mark.parametrize("code", SELF_AUTHENTICATED)
@given(data=st.data())
def test_one_damaged_octet_is_noticed_in_a_self_authenticated_request(code: Code, data: st.DataObject) -> None:
    octets = encode_request(code, 7, [(attribute.USER_NAME, b"alice")], SECRET, sign=data.draw(st.booleans()))
    assert_damage_is_noticed(data, octets, first=4)


@given(data=st.data())
def test_one_damaged_octet_is_noticed_in_a_signed_access_request(data: st.DataObject) -> None:
    octets = encode_request(Code.ACCESS_REQUEST, 7, [(attribute.USER_NAME, b"alice")], SECRET, AUTHENTICATOR)
    assert_damage_is_noticed(data, octets, first=22)


def assert_damage_is_noticed(data: st.DataObject, octets: bytes, *, first: int) -> None:
    at = data.draw(st.integers(first, len(octets) - 1))
    damaged = bytearray(octets)
    damaged[at] ^= data.draw(st.integers(1, 255))
    try:
        packet = decode(bytes(damaged))
    except MalformedPacketError:
        return
    assert verify_request(bytes(damaged), packet, SECRET) is not None


@given(data=st.data())
def test_one_damaged_octet_is_noticed_in_a_reply(data: st.DataObject) -> None:
    request = decode(encode_request(Code.ACCESS_REQUEST, 7, [], SECRET, AUTHENTICATOR))
    damaged = bytearray(encode_reply(request, Code.ACCESS_ACCEPT, encode_attributes([(25, b"c")]), SECRET))
    damaged[data.draw(st.integers(4, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        packet = decode(bytes(damaged))
    except MalformedPacketError:
        return
    fault = verify_reply(bytes(damaged), packet, Code.ACCESS_REQUEST, AUTHENTICATOR, SECRET)
    assert fault is Fault.RESPONSE_AUTHENTICATOR


def test_octets_beyond_length_are_not_signed() -> None:
    octets = encode_request(Code.ACCOUNTING_REQUEST, 7, [], SECRET) + b"padding"
    assert verify_request(octets, decode(octets), SECRET) is None


def test_plain_access_request_proves_nothing_and_passes() -> None:
    octets = encode_request(Code.ACCESS_REQUEST, 7, [], SECRET, AUTHENTICATOR, sign=False)
    assert verify_request(octets, decode(octets), WRONG) is None


@pytest.mark.parametrize(
    ("code", "attributes", "fault"),
    [
        (Code.ACCESS_REQUEST, [(attribute.EAP_MESSAGE, b"\2\1\0\5\1")], Fault.UNSIGNED_EAP),
        (Code.STATUS_SERVER, [], Fault.UNSIGNED_STATUS),
        (Code.ACCESS_REQUEST, [(attribute.MESSAGE_AUTHENTICATOR, bytes(15))], Fault.MESSAGE_AUTHENTICATOR_SHAPE),
        (Code.ACCESS_REQUEST, [(attribute.MESSAGE_AUTHENTICATOR, bytes(16))], Fault.MESSAGE_AUTHENTICATOR),
        (Code.COA_REQUEST, [(attribute.MESSAGE_AUTHENTICATOR, bytes(16))], Fault.MESSAGE_AUTHENTICATOR),
    ],
)
def test_faults_of_requests_are_named(code: Code, attributes: list[Attribute], fault: Fault) -> None:
    octets = encode_request(code, 7, attributes, SECRET, AUTHENTICATOR, sign=False)
    assert verify_request(octets, decode(octets), SECRET) is fault


def test_wrong_secret_of_a_self_authenticated_request_shows_in_its_authenticator() -> None:
    octets = encode_request(Code.ACCOUNTING_REQUEST, 7, [], WRONG)
    assert verify_request(octets, decode(octets), SECRET) is Fault.REQUEST_AUTHENTICATOR


def test_reply_with_eap_must_be_signed() -> None:
    """RFC 3579 section 3.2, for the client's side."""
    body = encode_attributes([(attribute.EAP_MESSAGE, b"\3\1\0\4")])
    header = bytes((Code.ACCESS_ACCEPT, 7, 0, 20 + len(body)))
    octets = header + SECRET.md5(header + AUTHENTICATOR + body) + body
    fault = verify_reply(octets, decode(octets), Code.ACCESS_REQUEST, AUTHENTICATOR, SECRET)
    assert fault is Fault.UNSIGNED_EAP


def test_packet_that_grows_beyond_4096_octets_is_the_callers_error() -> None:
    long = [(attribute.CLASS, bytes(253))] * 16
    request = decode(encode_request(Code.ACCESS_REQUEST, 7, [], SECRET, AUTHENTICATOR))
    with pytest.raises(ValueError, match="exceeds 4096"):
        encode_request(Code.ACCOUNTING_REQUEST, 7, long, SECRET)
    with pytest.raises(ValueError, match="exceeds 4096"):
        encode_reply(request, Code.ACCESS_ACCEPT, encode_attributes(long), SECRET)
