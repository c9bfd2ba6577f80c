"""CoA towards a scripted NAD on real UDP: what it is sent, and what becomes of ACK, NAK and silence."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from nac.posture import PostureStatus
from psn.coa.order import CoaCommand, CoaOrder
from psn.coa.sender import CoaSender
from psn.session import Session
from radius import attribute
from radius.authenticator import encode_reply
from radius.client import RadiusClient
from radius.client_table import Client, ClientTable
from radius.dynamic_authorization import ErrorCause
from radius.packet import Code
from radius.retransmission import Retransmission
from radius.secret import Secret

if TYPE_CHECKING:
    from tests.psn.bench import Bench
    from tests.psn.nad import Nad

SECRET = Secret("testing123")
SESSION_ID = "7F000301000000010000ABCD"


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[RadiusClient]:
    client = RadiusClient(host="127.0.1.1", random=random.Random(1), observe=bench.runtime.observe)
    yield client
    client.close()


def make_sender(bench: Bench, nad: Nad, client: RadiusClient, *, timeout: timedelta) -> CoaSender:
    return CoaSender(
        runtime=bench.runtime,
        client=client,
        devices=ClientTable([nad.client]),
        audit=bench.audit,
        retransmission=Retransmission.every(timeout, 2),
    )


@pytest.fixture
async def sender(bench: Bench, nad: Nad, client: RadiusClient) -> CoaSender:
    """A sender that waits longer than any answer takes."""
    return make_sender(bench, nad, client, timeout=timedelta(seconds=10))


@pytest.fixture
async def hasty_sender(bench: Bench, nad: Nad, client: RadiusClient) -> CoaSender:
    """A sender that gives up soon."""
    return make_sender(bench, nad, client, timeout=timedelta(milliseconds=20))


def order(command: CoaCommand, cause: str = "test", **fields: Any) -> CoaOrder:
    return CoaOrder(command=command, cause=cause, source_component="Posture", **fields)


def make_session(bench: Bench, **fields: Any) -> Session:
    session = bench.authenticate()
    session.posture_status = PostureStatus.COMPLIANT
    bench.list_records()
    for name, value in fields.items():
        setattr(session, name, value)
    return session


PAIRS = {
    CoaCommand.REAUTHENTICATE_LAST: ["subscriber:command=reauthenticate", "subscriber:reauthenticate-type=last"],
    CoaCommand.REAUTHENTICATE_RERUN: ["subscriber:command=reauthenticate", "subscriber:reauthenticate-type=rerun"],
    CoaCommand.BOUNCE_HOST_PORT: ["subscriber:command=bounce-host-port"],
    CoaCommand.DISABLE_HOST_PORT: ["subscriber:command=disable-host-port"],
    CoaCommand.DISCONNECT: [],
}


@pytest.mark.parametrize("command", CoaCommand)
async def test_request_identifies_device_and_session_and_says_what_to_do(
    bench: Bench, sender: CoaSender, nad: Nad, command: CoaCommand
) -> None:
    outcome = await sender.send(make_session(bench), order(command))
    (request,) = nad.requests
    assert nad.sources == ["127.0.1.1"]
    is_disconnect = command is CoaCommand.DISCONNECT
    assert request.code == (Code.DISCONNECT_REQUEST if is_disconnect else Code.COA_REQUEST)
    assert request.address(attribute.NAS_IP_ADDRESS) == "127.0.3.1"
    assert request.text(attribute.CALLING_STATION_ID) == "02-00-00-00-10-01"
    assert request.list_text(attribute.CISCO_AVPAIR) == [f"audit-session-id={SESSION_ID}", *PAIRS[command]]
    assert request.integer(attribute.EVENT_TIMESTAMP) == int(bench.clock.now().timestamp())
    assert request.attributes[0][0] == attribute.MESSAGE_AUTHENTICATOR
    assert (outcome.acknowledged, outcome.code) == (True, 11221 if is_disconnect else 11223)


async def test_acknowledged_coa_is_5205(bench: Bench, sender: CoaSender, nad: Nad) -> None:
    session = make_session(bench)
    await sender.send(session, order(CoaCommand.REAUTHENTICATE_LAST, "posture status changed to Compliant"))
    (record,) = bench.list_records()
    assert (record.code, record.category, record.message_class) == (
        5205,
        "CISE_Passed_Authentications",
        "Dynamic-Authorization",
    )
    expected = {
        "Device IP Address": "127.0.3.1",
        "NetworkDeviceName": "switch1",
        "Calling-Station-ID": "02-00-00-00-10-01",
        "cisco-av-pair": f"audit-session-id={SESSION_ID}",
        "CPMSessionID": SESSION_ID,
        "EndPointMACAddress": "02-00-00-00-10-01",
        "AcsSessionID": session.acs_session_id,
        "Device CoA type": "Cisco CoA",
        "Device CoA port": str(nad.sock.getsockname()[1]),
        "CoASourceComponent": "Posture",
        "CoAReason": "posture status changed to Compliant",
        "CoAType": "Reauthenticate",
        "PostureStatus": "Compliant",
    }
    assert {name: record.first(name) for name in expected} == expected
    assert record.all("Step") == ["11204", "11220", "11100", "11101", "11223"]
    assert record.first("FailureReason") == ""
    events = [entry.event for entry in bench.journal if entry.event.startswith("coa")]
    assert events == ["coa-sent", "coa-acknowledged"]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ErrorCause.SESSION_CONTEXT_NOT_FOUND, "Error-Cause 503 session context not found"),
        (ErrorCause.INVALID_ATTRIBUTE_VALUE, "Error-Cause 407 invalid attribute value"),
        (999, "Error-Cause 999"),
        (None, "Error-Cause none given"),
    ],
)
@pytest.mark.parametrize(("command", "code"), [(CoaCommand.REAUTHENTICATE_LAST, 11224), (CoaCommand.DISCONNECT, 11222)])
async def test_refused_coa_is_5417_with_the_cause(
    bench: Bench, sender: CoaSender, nad: Nad, command: CoaCommand, code: int, cause: int | None, words: str
) -> None:
    nad.script = nad.refuse(cause)
    outcome = await sender.send(make_session(bench), order(command))
    assert (outcome.acknowledged, outcome.code) == (False, code)
    assert outcome.reason.endswith(words)
    (record,) = bench.list_records()
    assert (record.code, record.category) == (5417, "CISE_Failed_Attempts")
    assert record.first("FailureReason") == f"{code} {outcome.reason}"
    assert [entry.reason for entry in bench.list_events("coa-failed")] == [outcome.reason]


@pytest.mark.parametrize(
    ("command", "asked", "prepared"),
    [
        (CoaCommand.REAUTHENTICATE_LAST, "11204", "11220"),
        (CoaCommand.REAUTHENTICATE_RERUN, "11204", "11220"),
        (CoaCommand.BOUNCE_HOST_PORT, "11203", "11219"),
        (CoaCommand.DISABLE_HOST_PORT, "11202", "11218"),
        (CoaCommand.DISCONNECT, "11201", "11217"),
    ],
)
async def test_steps_are_those_of_the_command(
    bench: Bench, sender: CoaSender, nad: Nad, command: CoaCommand, asked: str, prepared: str
) -> None:
    """aaa-mnt.md 2.5."""
    session = make_session(bench)
    await sender.send(session, order(command))
    nad.script = nad.refuse(None)
    await sender.send(session, order(command))
    ends = ("11221", "11222") if command is CoaCommand.DISCONNECT else ("11223", "11224")
    expected = [[asked, prepared, "11100", "11101", end] for end in ends]
    assert [record.all("Step") for record in bench.list_records()] == expected
    session.device_ip = ""
    await sender.send(session, order(command))
    assert [record.all("Step") for record in bench.list_records()] == [[asked, "11205"]]


@pytest.mark.parametrize(
    ("status", "awaits", "words"),
    [
        (PostureStatus.UNKNOWN, True, ("Pending", "Pending")),
        (PostureStatus.UNKNOWN, False, ("Unknown", "NotApplicable")),
        (PostureStatus.COMPLIANT, True, ("Compliant", "NotApplicable")),
        (None, False, ("", "")),
    ],
)
async def test_record_says_of_posture_what_the_authentication_said(
    bench: Bench, sender: CoaSender, status: PostureStatus | None, words: tuple[str, str], *, awaits: bool
) -> None:
    session = make_session(bench, posture_status=status, awaits_posture=awaits)
    await sender.send(session, order(CoaCommand.REAUTHENTICATE_LAST))
    (record,) = bench.list_records()
    assert (record.first("PostureStatus"), record.first("PostureAssessmentStatus")) == words


@pytest.mark.parametrize("fields", [{"coa_port": 0}, {"coa_port": 70_000}], ids=["no port", "no such port"])
async def test_device_whose_port_cannot_be_asked_fails_with_a_reason(
    bench: Bench, client: RadiusClient, fields: dict[str, int]
) -> None:
    switch = Client(name="switch1", network=IPv4Network("127.0.3.1/32"), secret=SECRET, **fields)
    sender = CoaSender(
        runtime=bench.runtime,
        client=client,
        devices=ClientTable([switch]),
        audit=bench.audit,
        retransmission=Retransmission.every(timedelta(seconds=1), 0),
    )
    outcome = await sender.send(make_session(bench), order(CoaCommand.REAUTHENTICATE_LAST))
    assert not outcome.acknowledged
    assert "is outside 1..65535" in outcome.reason
    assert [record.code for record in bench.list_records()] == [5417]


async def test_device_behind_address_translation_is_asked_where_its_client_says(
    bench: Bench, client: RadiusClient, nad: Nad
) -> None:
    gateway = Client(
        name="switch1",
        network=IPv4Network("172.18.0.1/32"),
        secret=SECRET,
        nas_ip="127.0.3.1",
        coa_port=nad.client.coa_port,
        coa_host="127.0.3.1",
    )
    beside = Client(name="switch2", network=gateway.network, secret=Secret("other"), nas_ip="127.0.3.2")
    sender = CoaSender(
        runtime=bench.runtime,
        client=client,
        devices=ClientTable([beside, gateway]),
        audit=bench.audit,
        retransmission=Retransmission.every(timedelta(seconds=10), 0),
    )
    outcome = await sender.send(make_session(bench, device_ip="172.18.0.1"), order(CoaCommand.REAUTHENTICATE_LAST))
    assert outcome.acknowledged
    assert len(nad.requests) == 1
    (record,) = bench.list_records()
    assert (record.first("Device IP Address"), record.first("NAS-IP-Address")) == ("172.18.0.1", "127.0.3.1")


async def test_session_of_a_device_without_a_dotted_address_fails_with_a_reason(
    bench: Bench, sender: CoaSender, nad: Nad
) -> None:
    session = make_session(bench, nas_ip="")
    outcome = await sender.send(session, order(CoaCommand.REAUTHENTICATE_LAST))
    assert (outcome.acknowledged, nad.requests) == (False, [])


async def test_silent_device_is_asked_again_and_then_given_up(bench: Bench, hasty_sender: CoaSender, nad: Nad) -> None:
    nad.script = lambda _: None
    outcome = await hasty_sender.send(make_session(bench), order(CoaCommand.REAUTHENTICATE_LAST))
    assert (outcome.acknowledged, outcome.code) == (False, 11213)
    assert "no answer from 127.0.3.1 to 3 requests" in outcome.reason
    assert len(nad.requests) == 3
    assert len({(packet.identifier, packet.authenticator) for packet in nad.requests}) == 1
    (record,) = bench.list_records()
    assert record.all("Step") == ["11204", "11220", "11100", "11104", "11213"]


async def test_answer_with_another_secret_is_no_valid_one(bench: Bench, hasty_sender: CoaSender, nad: Nad) -> None:
    nad.script = lambda packet: encode_reply(packet, Code.COA_ACK, b"", Secret("wrong"))
    outcome = await hasty_sender.send(make_session(bench), order(CoaCommand.REAUTHENTICATE_LAST))
    assert (outcome.acknowledged, outcome.code) == (False, 11214)
    assert outcome.reason.startswith("no valid answer from 127.0.3.1: ")
    assert outcome.reason.endswith("the shared secret is probably not the server's")
    (record,) = bench.list_records()
    assert record.all("Step") == ["11204", "11220", "11100", "11102", "11214"]
    assert bench.list_events("radius-answer-ignored")


async def test_answer_of_another_kind_is_no_valid_one(bench: Bench, hasty_sender: CoaSender, nad: Nad) -> None:
    nad.script = lambda packet: encode_reply(packet, Code.DISCONNECT_ACK, b"", SECRET)
    outcome = await hasty_sender.send(make_session(bench), order(CoaCommand.REAUTHENTICATE_LAST))
    assert (outcome.code, outcome.reason) == (
        11214,
        "no valid answer from 127.0.3.1: code 41 does not answer code 43",
    )


async def test_request_of_another_node_is_forwarded_and_says_so(bench: Bench, sender: CoaSender) -> None:
    asked = order(CoaCommand.BOUNCE_HOST_PORT, "the profile changed", asked_by="psn2")
    outcome = await sender.send(make_session(bench), asked)
    assert outcome.steps == (11203, 11219, 11212, 11100, 11101, 11223)
    assert outcome.node == "psn1"


@pytest.mark.parametrize("device_ip", ["", "127.0.3.9"])
async def test_session_of_no_known_device_fails_without_a_packet(
    bench: Bench, sender: CoaSender, nad: Nad, device_ip: str
) -> None:
    session = make_session(bench, device_ip=device_ip)
    outcome = await sender.send(session, order(CoaCommand.REAUTHENTICATE_LAST))
    assert (outcome.acknowledged, outcome.code) == (False, 11205)
    assert nad.requests == []
    (record,) = bench.list_records()
    assert record.code == 5417


@pytest.mark.parametrize(
    "fields",
    [{"calling_station_id": "\ufffd" * 200}, {"session_id": "\ufffd" * 200}],
    ids=["Calling-Station-Id", "session id"],
)
async def test_session_that_cannot_be_spelled_in_a_packet_fails_with_a_reason(
    bench: Bench, sender: CoaSender, nad: Nad, fields: dict[str, str]
) -> None:
    """A device may send octets that are no text; as text they take more room than an attribute has."""
    outcome = await sender.send(make_session(bench, **fields), order(CoaCommand.REAUTHENTICATE_LAST))
    assert not outcome.acknowledged
    assert "exceed" in outcome.reason
    assert nad.requests == []


async def test_session_without_calling_station_is_identified_by_its_id_alone(
    bench: Bench, sender: CoaSender, nad: Nad
) -> None:
    await sender.send(make_session(bench, calling_station_id=""), order(CoaCommand.REAUTHENTICATE_LAST))
    assert attribute.CALLING_STATION_ID not in nad.requests[0].index
