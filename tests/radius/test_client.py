"""What a client sends, repeats and believes. `leap` moves the loop's clock, so that no test waits for a timer."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from radius import attribute
from radius.authenticator import encode_reply, verify_request
from radius.client import ClientClosedError, NoResponseError, Peer, RadiusClient
from radius.packet import Attribute, Code, decode, integer
from radius.retransmission import ACCESS, ACCOUNTING, Retransmission
from radius.secret import Secret

if TYPE_CHECKING:
    from tests.radius.conftest import Answer, FakeServer, Leap, Observed

SECRET = Secret("xyzzy5461")
PATIENT = Retransmission.every(timedelta(seconds=60), 0)
LOGIN: list[Attribute] = [(attribute.USER_NAME, b"alice"), (attribute.USER_PASSWORD, b"lab-alice")]


async def test_request_is_signed_first_and_its_password_hidden(radius_client: RadiusClient, server: FakeServer) -> None:
    server.answer = server.reply(Code.ACCESS_ACCEPT, (attribute.CLASS, b"staff"))
    answer = await radius_client.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT)
    assert (answer.code, answer.octets(attribute.CLASS)) == (Code.ACCESS_ACCEPT, b"staff")
    data = server.received[0][0]
    packet = decode(data)
    assert verify_request(data, packet, SECRET) is None
    assert packet.attributes[0][0] == attribute.MESSAGE_AUTHENTICATOR
    hidden = packet.index[attribute.USER_PASSWORD]
    assert SECRET.reveal_password(hidden, packet.authenticator) == b"lab-alice"


async def test_request_can_go_unsigned(radius_client: RadiusClient, server: FakeServer) -> None:
    server.answer = server.reply(Code.ACCESS_REJECT)
    await radius_client.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT, sign=False)
    assert attribute.MESSAGE_AUTHENTICATOR not in decode(server.received[0][0]).index


async def test_authenticators_come_from_the_injected_chance(server: FakeServer, observed: Observed) -> None:
    server.answer = server.reply(Code.ACCESS_ACCEPT)
    for _ in range(2):
        subject = RadiusClient(host="127.0.0.1", random=Random(99), observe=observed)
        await subject.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT)
        subject.close()
    (first, _), (second, _) = server.received
    assert first == second


@pytest.mark.parametrize(
    ("code", "answer", "attributes"),
    [
        (Code.ACCESS_REQUEST, Code.ACCESS_CHALLENGE, LOGIN),
        (Code.COA_REQUEST, Code.COA_ACK, [(attribute.EVENT_TIMESTAMP, integer(1_700_000_000))]),
        (Code.DISCONNECT_REQUEST, Code.DISCONNECT_NAK, [(attribute.ACCT_SESSION_ID, b"00000001")]),
        (Code.ACCOUNTING_REQUEST, Code.ACCOUNTING_RESPONSE, [(attribute.ACCT_SESSION_ID, b"00000001")]),
    ],
)
async def test_repetition_is_the_identical_packet(
    radius_client: RadiusClient,
    server: FakeServer,
    leap: Leap,
    code: Code,
    answer: Code,
    attributes: list[Attribute],
) -> None:
    server.answer = server.silence(2, leap, server.reply(answer), seconds=5)
    timeouts: list[int] = []
    packet = await radius_client.exchange(
        server.peer, code, attributes, retransmission=ACCESS, on_timeout=lambda: timeouts.append(len(server.received))
    )
    assert packet.code == answer
    assert timeouts == [1, 2]
    assert len({(data, source) for data, source in server.received}) == 1


async def test_accounting_repeats_with_a_new_identifier_and_its_delay(
    radius_client: RadiusClient, server: FakeServer, leap: Leap
) -> None:
    server.answer = server.silence(2, leap, server.reply(Code.ACCOUNTING_RESPONSE), seconds=5)
    attributes = [(attribute.ACCT_DELAY_TIME, integer(7)), (attribute.ACCT_SESSION_ID, b"00000001")]
    await radius_client.exchange(server.peer, Code.ACCOUNTING_REQUEST, attributes, retransmission=ACCOUNTING)
    packets = [decode(data) for data, _ in server.received]
    assert server.identifiers == [0, 1, 2]
    assert [packet.integer(attribute.ACCT_DELAY_TIME) for packet in packets] == [7, 12, 17]
    assert all(verify_request(data, decode(data), SECRET) is None for data, _ in server.received)


async def test_status_server_is_asked_anew_instead_of_repeated(
    radius_client: RadiusClient, server: FakeServer, leap: Leap
) -> None:
    """RFC 5997: a new identifier and a new authenticator each time."""
    server.answer = server.silence(1, leap, server.reply(Code.ACCESS_ACCEPT), seconds=3)
    await radius_client.exchange(server.peer, Code.STATUS_SERVER, [], retransmission=ACCESS)
    first, second = (decode(data) for data, _ in server.received)
    assert first.identifier != second.identifier
    assert first.authenticator != second.authenticator


async def test_silence_ends_with_the_number_of_transmissions(
    radius_client: RadiusClient, server: FakeServer, leap: Leap
) -> None:
    server.answer = server.silence(9, leap, server.reply(Code.COA_ACK), seconds=6)
    timeouts: list[None] = []
    with pytest.raises(NoResponseError) as caught:
        await radius_client.exchange(
            server.peer,
            Code.COA_REQUEST,
            [],
            retransmission=Retransmission.every(timedelta(seconds=5), 3),
            on_timeout=lambda: timeouts.append(None),
        )
    assert caught.value.peer == server.peer
    assert caught.value.attempts == len(server.received) == len(timeouts) == 4


async def test_error_of_on_timeout_ends_the_exchange(
    radius_client: RadiusClient, server: FakeServer, leap: Leap
) -> None:
    server.answer = server.silence(1, leap, server.reply(Code.ACCESS_ACCEPT), seconds=3)

    def give_up() -> None:
        raise ConnectionError("the server group has failed over")

    with pytest.raises(ConnectionError, match="failed over"):
        await radius_client.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=ACCESS, on_timeout=give_up)


def sign_with_another_secret(data: bytes) -> list[bytes]:
    return [encode_reply(decode(data), Code.ACCESS_ACCEPT, b"", Secret("wrong"))]


def damage_signature(data: bytes) -> list[bytes]:
    """Sign a reply whose Message-Authenticator is wrong with a Response Authenticator that is right."""
    request = decode(data)
    good = encode_reply(request, Code.ACCESS_ACCEPT, b"", SECRET)
    header, body = good[:4], good[20:22] + bytes(16)
    return [header + SECRET.md5(header + request.authenticator + body) + body]


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda data: [b"\x02\x00\x00"], "3 octets, fewer than the header's 20"),
        (sign_with_another_secret, "shared secret is probably not the server's"),
        (
            lambda data: [encode_reply(decode(data), Code.ACCOUNTING_RESPONSE, b"", SECRET)],
            "code 5 does not answer code 1",
        ),
        (
            lambda data: [encode_reply(decode(data[:1] + b"\x63" + data[2:]), Code.ACCESS_ACCEPT, b"", SECRET)],
            "no request with identifier 99",
        ),
        (damage_signature, "Message-Authenticator does not match"),
    ],
)
async def test_bad_answer_is_reported_and_ignored(
    radius_client: RadiusClient,
    server: FakeServer,
    observed: Observed,
    forge: Answer,
    reason: str,
) -> None:
    server.answer = lambda data: forge(data) + server.reply(Code.ACCESS_ACCEPT)(data)
    answer = await radius_client.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT)
    assert answer.code == Code.ACCESS_ACCEPT
    ((event, said),) = observed.reasons
    assert event == "radius-answer-ignored"
    assert reason in said


async def test_answer_from_another_address_is_ignored(
    radius_client: RadiusClient, server: FakeServer, other_server: FakeServer, observed: Observed
) -> None:

    def answer(data: bytes) -> list[bytes]:
        other_server.sock.sendto(server.reply(Code.ACCESS_REJECT)(data)[0], server.received[-1][1])
        return server.reply(Code.ACCESS_ACCEPT)(data)

    server.answer = answer
    packet = await radius_client.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT)
    assert packet.code == Code.ACCESS_ACCEPT
    assert "no request" in observed.reasons[0][1]


async def test_second_answer_is_reported_and_ignored(
    radius_client: RadiusClient, server: FakeServer, observed: Observed
) -> None:
    server.answer = lambda data: server.reply(Code.ACCESS_ACCEPT)(data) * 2
    for _ in range(2):
        await radius_client.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT)
    assert "no request with identifier 0" in observed.reasons[0][1]


async def test_oversized_request_is_the_callers_error_and_frees_the_identifier(
    radius_client: RadiusClient, server: FakeServer
) -> None:
    server.answer = server.reply(Code.ACCESS_ACCEPT)
    with pytest.raises(ValueError, match="254 octets exceed 253"):
        await radius_client.exchange(
            server.peer, Code.ACCESS_REQUEST, [(attribute.USER_NAME, b"a" * 254)], retransmission=PATIENT
        )
    await radius_client.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT)
    assert server.identifiers == [1]


async def test_closing_ends_what_is_open_and_what_comes_later(server: FakeServer, observed: Observed) -> None:
    subject = RadiusClient(host="127.0.0.1", random=Random(7), observe=observed)
    task = asyncio.ensure_future(subject.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT))
    await server.wait_received(1)
    subject.close()
    subject.close()
    with pytest.raises(ClientClosedError):
        await task
    with pytest.raises(ClientClosedError):
        await subject.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT)


async def test_address_that_is_not_ours_is_named(observed: Observed, server: FakeServer) -> None:
    subject = RadiusClient(host="192.0.2.1", random=Random(7), observe=observed)
    with pytest.raises(OSError, match=r"cannot send from 192\.0\.2\.1"):
        await subject.exchange(server.peer, Code.ACCESS_REQUEST, LOGIN, retransmission=PATIENT)
    subject.close()


async def test_request_that_cannot_leave_counts_as_lost(radius_client: RadiusClient, observed: Observed) -> None:
    nowhere = Peer(host="255.255.255.255", port=1812, secret=SECRET)
    once = Retransmission.every(timedelta(milliseconds=1), 0)
    with pytest.raises(NoResponseError, match=r"255\.255\.255\.255:1812 did not answer"):
        await radius_client.exchange(nowhere, Code.ACCESS_REQUEST, LOGIN, retransmission=once)
    assert observed.reasons[0][0] == "radius-request-lost"


@pytest.mark.parametrize(("host", "port"), [("psn1.lab.test", 1812), ("127.0.0.1", 0), ("127.0.0.1", 65_536)])
def test_peer_needs_a_dotted_address_and_a_port(host: str, port: int) -> None:
    with pytest.raises(ValueError, match=r"65535|psn1"):
        Peer(host=host, port=port, secret=SECRET)


def test_peer_does_not_show_its_secret() -> None:
    assert "xyzzy" not in repr(Peer(host="127.0.0.1", port=1812, secret=SECRET))
