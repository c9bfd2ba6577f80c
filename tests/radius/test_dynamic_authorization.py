"""RFC 5176, case by case: what is dropped, refused or let through before policy, and what the answers hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from radius import attribute, dictionary
from radius.authenticator import encode_reply, encode_request
from radius.dynamic_authorization import ErrorCause, build_ack, build_nak, build_request, check, is_stale
from radius.packet import Attribute, Code, decode, integer
from radius.secret import Secret
from tests.radius.packets import packet_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET = Secret("testing123")
SESSION: Attribute = (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01")
AUDIT_SESSION: Attribute = (attribute.CISCO_AVPAIR, b"audit-session-id=7F0003010000000100001234")
AUTHORIZE_ONLY: Attribute = (attribute.SERVICE_TYPE, integer(attribute.SERVICE_AUTHORIZE_ONLY))


def stamp(offset: timedelta) -> Attribute:
    return attribute.EVENT_TIMESTAMP, integer(int((NOW + offset).timestamp()))


def cause(code: Code, *attributes: Attribute) -> ErrorCause | None:
    refusal = check(packet_of(code, list(attributes)), NOW)
    assert refusal is not None
    return refusal.error_cause


@pytest.mark.parametrize("code", [Code.COA_REQUEST, Code.DISCONNECT_REQUEST])
@pytest.mark.parametrize("offset", [timedelta(seconds=-301), timedelta(seconds=301)])
def test_stale_request_meets_silence(code: Code, offset: timedelta) -> None:
    assert cause(code, SESSION, stamp(offset)) is None


@pytest.mark.parametrize("offset", [timedelta(seconds=-300), timedelta(0), timedelta(seconds=300)])
def test_request_within_the_window_goes_on_to_policy(offset: timedelta) -> None:
    assert check(packet_of(Code.COA_REQUEST, [SESSION, stamp(offset)]), NOW) is None


def test_event_timestamp_is_optional_but_must_be_readable() -> None:
    assert not is_stale(packet_of(Code.COA_REQUEST, []), NOW)
    assert is_stale(packet_of(Code.COA_REQUEST, [(attribute.EVENT_TIMESTAMP, b"soon")]), NOW)


def test_disconnect_may_hold_identification_and_a_few_others() -> None:
    allowed = [
        (attribute.NAS_IP_ADDRESS, bytes((127, 0, 3, 1))),
        SESSION,
        AUDIT_SESSION,
        (attribute.CLASS, b"staff"),
        (attribute.REPLY_MESSAGE, b"bye"),
        (attribute.PROXY_STATE, b"1"),
        (attribute.ACCT_TERMINATE_CAUSE, integer(6)),
        (attribute.MESSAGE_AUTHENTICATOR, bytes(16)),
        stamp(timedelta(0)),
    ]
    assert check(packet_of(Code.DISCONNECT_REQUEST, allowed), NOW) is None


@pytest.mark.parametrize(
    "other",
    [AUTHORIZE_ONLY, (attribute.SESSION_TIMEOUT, integer(60)), (attribute.STATE, b"1"), (attribute.EAP_MESSAGE, b"1")],
)
def test_disconnect_with_anything_else_is_refused_with_401(other: Attribute) -> None:
    assert cause(Code.DISCONNECT_REQUEST, SESSION, other) is ErrorCause.UNSUPPORTED_ATTRIBUTE


def test_coa_may_change_authorization() -> None:
    change = (attribute.SESSION_TIMEOUT, integer(60))
    assert check(packet_of(Code.COA_REQUEST, [SESSION, change]), NOW) is None


@pytest.mark.parametrize("service", [integer(attribute.SERVICE_FRAMED), b"\x11"])
def test_coa_with_another_service_type_is_refused_with_405(service: bytes) -> None:
    assert cause(Code.COA_REQUEST, SESSION, (attribute.SERVICE_TYPE, service)) is ErrorCause.UNSUPPORTED_SERVICE


def test_authorize_only_without_state_is_refused_with_402() -> None:
    assert cause(Code.COA_REQUEST, SESSION, AUTHORIZE_ONLY) is ErrorCause.MISSING_ATTRIBUTE


def test_authorize_only_with_a_change_is_refused_with_401() -> None:
    change = (attribute.FILTER_ID, b"guests.in")
    state = (attribute.STATE, b"1")
    assert cause(Code.COA_REQUEST, SESSION, AUTHORIZE_ONLY, state, change) is ErrorCause.UNSUPPORTED_ATTRIBUTE


def test_authorize_only_with_state_goes_on_to_policy() -> None:
    assert check(packet_of(Code.COA_REQUEST, [SESSION, AUTHORIZE_ONLY, (attribute.STATE, b"1")]), NOW) is None


@pytest.mark.parametrize("code", [Code.COA_REQUEST, Code.DISCONNECT_REQUEST])
def test_request_that_names_no_session_is_refused_with_402(code: Code) -> None:
    nas = (attribute.NAS_IP_ADDRESS, bytes((127, 0, 3, 1)))
    assert cause(code, nas, stamp(timedelta(0))) is ErrorCause.MISSING_ATTRIBUTE


def test_request_is_stamped_once_and_at_its_end() -> None:
    assert build_request(Code.COA_REQUEST, [SESSION, AUDIT_SESSION], NOW) == [
        SESSION,
        AUDIT_SESSION,
        stamp(timedelta(0)),
    ]


def test_disconnect_that_the_rfc_forbids_is_the_callers_error() -> None:
    with pytest.raises(ValueError, match="attribute 6 has no place"):
        build_request(Code.DISCONNECT_REQUEST, [SESSION, AUTHORIZE_ONLY], NOW)


@pytest.mark.parametrize(
    ("code", "ack", "nak"),
    [
        (Code.COA_REQUEST, Code.COA_ACK, Code.COA_NAK),
        (Code.DISCONNECT_REQUEST, Code.DISCONNECT_ACK, Code.DISCONNECT_NAK),
    ],
)
def test_answers_have_the_codes_of_their_request(code: Code, ack: Code, nak: Code) -> None:
    request = packet_of(code, [SESSION])
    assert build_ack(request).code == ack
    assert build_nak(request, ErrorCause.SESSION_CONTEXT_NOT_FOUND).code == nak


def test_answer_echoes_state_unmodified_and_proxy_states_in_order() -> None:
    attributes = [
        (attribute.PROXY_STATE, b"outer"),
        SESSION,
        (attribute.STATE, b"\x00\xff"),
        (attribute.PROXY_STATE, b"inner"),
    ]
    request = decode(encode_request(Code.COA_REQUEST, 7, attributes, SECRET))
    reply = build_nak(request, ErrorCause.SESSION_CONTEXT_NOT_FOUND)
    answer = decode(encode_reply(request, reply.code, reply.attributes, SECRET))
    assert answer.attributes[1:] == [
        (attribute.STATE, b"\x00\xff"),
        (attribute.ERROR_CAUSE, integer(503)),
        (attribute.PROXY_STATE, b"outer"),
        (attribute.PROXY_STATE, b"inner"),
    ]


def test_residual_context_may_stand_in_an_ack() -> None:
    request = packet_of(Code.DISCONNECT_REQUEST, [SESSION])
    reply = build_ack(request, error_cause=ErrorCause.RESIDUAL_SESSION_CONTEXT_REMOVED)
    assert reply.attributes == bytes((attribute.ERROR_CAUSE, 6)) + integer(201)


def test_error_causes_do_not_change_sides() -> None:
    request = packet_of(Code.COA_REQUEST, [SESSION])
    with pytest.raises(ValueError, match="ACK"):
        build_ack(request, error_cause=ErrorCause.INVALID_REQUEST)
    with pytest.raises(ValueError, match="NAK"):
        build_nak(request, ErrorCause.RESIDUAL_SESSION_CONTEXT_REMOVED)


def test_error_causes_are_those_of_the_dictionary() -> None:
    values = dictionary.load_default().get("Error-Cause").values
    assert {name.replace("-", "_").upper(): number for name, number in values.items()} == dict(ErrorCause.__members__)
