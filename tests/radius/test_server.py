"""What a server does with each datagram, on real sockets: replies, duplicates, work in progress, birth and death.

Silence is shown without waiting: once a later request of another device is answered, what was not answered never is.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from radius import attribute
from radius.authenticator import encode_request, verify_reply
from radius.packet import Attribute, Code, Packet, decode, encode_attributes
from radius.secret import Secret
from radius.server import Reply, Request

if TYPE_CHECKING:
    from tests.radius.conftest import Desk, Device, OpenDesk

SECRET = Secret("xyzzy5461")
USER: Attribute = (attribute.USER_NAME, b"alice")
CLASS: Attribute = (attribute.CLASS, b"staff")
ACCEPT = Reply(Code.ACCESS_ACCEPT, encode_attributes([CLASS]))
ANSWERS = {
    Code.ACCESS_REQUEST: Code.ACCESS_ACCEPT,
    Code.ACCOUNTING_REQUEST: Code.ACCOUNTING_RESPONSE,
    Code.COA_REQUEST: Code.COA_ACK,
    Code.DISCONNECT_REQUEST: Code.DISCONNECT_NAK,
}


def request(*attributes: Attribute, code: int = Code.ACCESS_REQUEST, identifier: int = 7, filler: int = 1) -> bytes:
    return encode_request(code, identifier, [USER, *attributes], SECRET, bytes((filler,)) * 16)


class Counting:
    """A handler that remembers its requests and answers at once."""

    def __init__(self, reply: Reply | None = ACCEPT) -> None:
        self.reply = reply
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Reply | None:
        self.requests.append(request)
        return self.reply


class Pending:
    """A handler that answers when it is told to, in the order of the requests."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[Reply | None]] = []

    async def __call__(self, request: Request) -> Reply | None:
        answer: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        return await answer


async def wait_reply(device: Device, sent: bytes) -> Packet:
    data = await device.receive()
    return check_reply(data, sent)


def check_reply(data: bytes, sent: bytes) -> Packet:
    reply, asked = decode(data), decode(sent)
    assert reply.identifier == asked.identifier
    assert verify_reply(data, reply, asked.code, asked.authenticator, SECRET) is None
    return reply


@pytest.mark.parametrize("code", ANSWERS)
async def test_every_reply_begins_with_message_authenticator_and_ends_with_proxy_state(
    open_desk: OpenDesk, code: Code
) -> None:
    """CVE-2024-3596 for the first place; RFC 2865 section 5.33 for the order of Proxy-State."""
    desk = open_desk({code: lambda _: Reply(ANSWERS[code], ACCEPT.attributes)})
    device = desk.add_device()
    sent = request((attribute.PROXY_STATE, b"outer"), CLASS, (attribute.PROXY_STATE, b"inner"), code=code)
    device.send(sent)
    reply = await wait_reply(device, sent)
    assert reply.code == ANSWERS[code]
    assert [type_ for type_, _ in reply.attributes] == [
        attribute.MESSAGE_AUTHENTICATOR,
        attribute.CLASS,
        attribute.PROXY_STATE,
        attribute.PROXY_STATE,
    ]
    assert reply.list_octets(attribute.PROXY_STATE) == [b"outer", b"inner"]


async def test_handler_is_told_whose_request_it_is_and_where_it_arrived(open_desk: OpenDesk) -> None:
    handler = Counting()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    device = desk.add_device()
    await device.ask(request())
    (received,) = handler.requests
    assert received.client.name == "lab"
    assert received.source == device.sock.getsockname()
    assert received.received_on == ("127.0.0.1", desk.port)
    assert received.packet.text(attribute.USER_NAME) == "alice"


async def test_octets_behind_the_length_are_padding(open_desk: OpenDesk) -> None:
    desk = open_desk({Code.ACCESS_REQUEST: Counting()})
    device = desk.add_device()
    sent = request()
    assert check_reply(await device.ask(sent + b"\0" * 5), sent).code == Code.ACCESS_ACCEPT


async def test_repeated_request_gets_the_same_octets_without_being_handled_again(open_desk: OpenDesk) -> None:
    handler = Counting()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    device = desk.add_device()
    first = await device.ask(request())
    handler.reply = Reply(Code.ACCESS_REJECT)
    assert await device.ask(request()) == first
    assert len(handler.requests) == 1
    assert desk.server.counters.duplicates == 1
    assert [event for event, _ in desk.observed.reasons] == ["radius-duplicate"]


async def test_same_octets_from_another_port_are_another_request(open_desk: OpenDesk) -> None:
    handler = Counting()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    for _ in range(2):
        await desk.add_device().ask(request())
    assert len(handler.requests) == 2


async def test_new_authenticator_under_the_same_identifier_replaces_the_stored_reply(open_desk: OpenDesk) -> None:
    handler = Counting()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    device = desk.add_device()
    for filler in (1, 2, 1):
        await device.ask(request(filler=filler))
    assert len(handler.requests) == 3
    assert desk.server.counters.duplicates == 0


async def test_request_that_is_not_authentic_does_not_touch_the_stored_reply(open_desk: OpenDesk) -> None:
    handler = Counting()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    device = desk.add_device()
    first = await device.ask(request())
    device.send(encode_request(Code.ACCESS_REQUEST, 7, [USER], Secret("wrong"), b"\2" * 16))
    assert await device.ask(request()) == first
    assert len(handler.requests) == 1


async def test_request_the_handler_is_silent_about_is_handled_again(open_desk: OpenDesk) -> None:
    handler = Counting(reply=None)
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    device = desk.add_device()
    device.send(request(), request())
    await desk.settle()
    assert len(handler.requests) == 2
    assert device.list_received() == []


async def test_repetition_of_a_request_in_progress_is_dropped_and_later_answered_from_the_cache(
    open_desk: OpenDesk,
) -> None:
    handler = Pending()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    device = desk.add_device()
    device.send(request(), request())
    await desk.settle()
    assert len(handler.answers) == 1
    assert desk.drops == {"duplicate-in-progress": 1}
    handler.answers[0].set_result(ACCEPT)
    first = await device.receive()
    assert await device.ask(request()) == first
    assert len(handler.answers) == 1


async def test_reply_to_an_older_request_goes_out_but_is_not_stored_over_a_newer_one(open_desk: OpenDesk) -> None:
    handler = Pending()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    device = desk.add_device()
    older, newer = request(filler=1), request(filler=2)
    device.send(older, newer)
    await desk.settle()
    for answer in handler.answers:
        answer.set_result(ACCEPT)
    check_reply(await device.receive(), older)
    second = await device.receive()
    assert await device.ask(newer) == second
    assert len(handler.answers) == 2


async def test_work_beyond_the_limit_is_dropped_until_there_is_room(open_desk: OpenDesk) -> None:
    handler = Pending()
    desk = open_desk({Code.ACCESS_REQUEST: handler}, in_flight=2)
    device = desk.add_device()
    device.send(*(request(identifier=number) for number in range(5)))
    await desk.settle()
    assert len(handler.answers) == 2
    assert desk.drops == {"overload": 3}
    assert "2 requests are in progress" in desk.observed.reasons[0][1]
    handler.answers[0].set_result(ACCEPT)
    await device.receive()
    device.send(request(identifier=4))
    await desk.settle()
    assert len(handler.answers) == 3


async def test_coroutine_that_ends_in_silence_lets_the_request_be_handled_again(open_desk: OpenDesk) -> None:
    handler = Pending()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    device = desk.add_device()
    for count in (1, 2):
        device.send(request())
        await desk.settle()
        assert len(handler.answers) == count
        handler.answers[-1].set_result(None)
        await asyncio.sleep(0)
    assert device.list_received() == []


async def test_mistake_of_ours_is_raised_to_the_loop_and_the_next_request_is_served(open_desk: OpenDesk) -> None:
    desk = open_desk({Code.ACCESS_REQUEST: lambda _: 1 / 0, Code.ACCOUNTING_REQUEST: Counting()})
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
    device = desk.add_device()
    device.send(request())
    await device.ask(request(code=Code.ACCOUNTING_REQUEST))
    assert [type(error) for error in raised] == [ZeroDivisionError]


@pytest.mark.parametrize("ending", ["raises", "is cancelled"])
async def test_coroutine_that_breaks_off_lets_the_request_be_handled_again(open_desk: OpenDesk, ending: str) -> None:
    handler = Pending()
    desk = open_desk({Code.ACCESS_REQUEST: handler})
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
    device = desk.add_device()
    device.send(request())
    await desk.settle()
    if ending == "raises":
        handler.answers[0].set_exception(ZeroDivisionError())
    else:
        handler.answers[0].cancel()
    await desk.settle()
    assert [type(error) for error in raised] == [ZeroDivisionError] * (ending == "raises")
    device.send(request())
    await desk.settle()
    handler.answers[1].set_result(ACCEPT)
    check_reply(await device.receive(), request())


async def test_stop_right_after_a_request_leaves_no_coroutine_behind(open_desk: OpenDesk) -> None:
    """Warnings are errors here, so one that was never awaited would fail the test."""
    desk = open_desk({Code.ACCESS_REQUEST: Pending()})
    device = desk.add_device()
    device.send(request())
    desk.server._listeners[0].drain()
    await desk.server.stop()
    assert (desk.server.counters.requests, desk.drops) == (1, {})


async def test_stop_ends_work_in_progress_and_frees_the_port_also_when_called_twice(open_desk: OpenDesk) -> None:
    desk: Desk = open_desk({Code.ACCESS_REQUEST: Pending()})
    device = desk.add_device()
    device.send(request())
    await desk.settle()
    await desk.server.stop()
    await desk.server.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", desk.port))
