"""Every Error-Cause that a switch can give, case by case (RFC 5176 section 3.5, aaa-mnt 2.1, 2.2, 2.6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nad_emulator.access_session import AccessSession, SessionState
from nad_emulator.coa_request import (
    CoaRefusedError,
    CoaRequest,
    Command,
    check_willingness,
    find_session,
    parse_coa,
)
from nad_emulator.config import AccessPortConfig, SwitchConfig
from radius import attribute
from radius.dynamic_authorization import ErrorCause
from radius.packet import Attribute, Code, address, integer, text
from tests.radius.packets import packet_of

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SESSION_ID = "7F000301000000010002E185"
CONFIG = SwitchConfig(name="switch1", address="127.0.3.1", fqdn="switch1.lab.test", servers=(), ports=())
KEY: Attribute = (attribute.CISCO_AVPAIR, text(f"audit-session-id={SESSION_ID}"))
AUTHORIZE_ONLY: Attribute = (attribute.SERVICE_TYPE, integer(attribute.SERVICE_AUTHORIZE_ONLY))
STATE: Attribute = (attribute.STATE, b"state-of-the-server")


def avpair(value: str) -> Attribute:
    return attribute.CISCO_AVPAIR, text(value)


REAUTHENTICATE = avpair("subscriber:command=reauthenticate")


def parse(*attributes: Attribute, code: Code = Code.COA_REQUEST) -> CoaRequest:
    return parse_coa(packet_of(code, list(attributes)), CONFIG, NOW)


def refusal(*attributes: Attribute, code: Code = Code.COA_REQUEST) -> ErrorCause | None:
    with pytest.raises(CoaRefusedError) as caught:
        parse(*attributes, code=code)
    return caught.value.cause


def build_session(number: int = 1, *, state: SessionState = SessionState.AUTHORIZED) -> AccessSession:
    return AccessSession(
        session_id=f"7F000301{number:08X}0002E185",
        interface_id=number,
        port=AccessPortConfig(name=f"GigabitEthernet1/0/{number}"),
        mac=f"02:00:00:00:10:{number:02X}",
        address=f"127.0.10.{number}",
        acct_session_id=f"{number:08X}",
        state=state,
    )


@pytest.mark.parametrize(
    ("pairs", "command", "rerun"),
    [
        (["subscriber:command=reauthenticate"], Command.REAUTHENTICATE, False),
        (["subscriber:command=reauthenticate", "subscriber:reauthenticate-type=last"], Command.REAUTHENTICATE, False),
        (["subscriber:command=reauthenticate", "subscriber:reauthenticate-type=rerun"], Command.REAUTHENTICATE, True),
        (["subscriber:command=bounce-host-port"], Command.BOUNCE, False),
        (["subscriber:command=disable-host-port"], Command.DISABLE, False),
        (["subscriber:command=session-query"], Command.QUERY, False),
    ],
)
def test_the_commands_of_a_cisco_switch(pairs: list[str], command: Command, *, rerun: bool) -> None:
    request = parse(KEY, *(avpair(pair) for pair in pairs))
    assert (request.command, request.rerun) == (command, rerun)
    assert request.keys == (("audit-session-id", SESSION_ID),)


def test_a_request_as_ise_sends_it_is_in_order() -> None:
    request = parse(
        (attribute.MESSAGE_AUTHENTICATOR, bytes(16)),
        (attribute.NAS_IP_ADDRESS, address("127.0.3.1")),
        (attribute.CALLING_STATION_ID, b"02:00:00:00:10:01"),
        (attribute.EVENT_TIMESTAMP, integer(int(NOW.timestamp()))),
        REAUTHENTICATE,
        avpair("subscriber:reauthenticate-type=last"),
        KEY,
        (attribute.PROXY_STATE, b"1"),
    )
    assert dict(request.keys) == {"Calling-Station-Id": "02:00:00:00:10:01", "audit-session-id": SESSION_ID}


def test_a_disconnect_may_say_why_and_a_coa_may_carry_state() -> None:
    told = [(attribute.ACCT_TERMINATE_CAUSE, integer(6)), (attribute.REPLY_MESSAGE, b"bye"), (attribute.CLASS, b"c")]
    assert parse(KEY, *told, code=Code.DISCONNECT_REQUEST).command is Command.DISCONNECT
    assert parse(KEY, REAUTHENTICATE, STATE).state == STATE[1]


@pytest.mark.parametrize("offset", [-301, 301])
def test_a_stale_event_timestamp_is_met_with_silence(offset: int) -> None:
    stamp = integer(int(NOW.timestamp()) + offset)
    assert refusal(KEY, REAUTHENTICATE, (attribute.EVENT_TIMESTAMP, stamp)) is None
    assert refusal(KEY, (attribute.EVENT_TIMESTAMP, stamp), AUTHORIZE_ONLY, code=Code.DISCONNECT_REQUEST) is None


@pytest.mark.parametrize("offset", [-300, 300])
def test_an_event_timestamp_at_the_edge_of_the_window_counts(offset: int) -> None:
    assert parse(KEY, REAUTHENTICATE, (attribute.EVENT_TIMESTAMP, integer(int(NOW.timestamp()) + offset)))


@pytest.mark.parametrize(
    "unsupported",
    [
        (attribute.FRAMED_MTU, integer(1500)),
        (attribute.CALLED_STATION_ID, b"02-7F-00-03-01-01"),
        (attribute.CLASS, b"c"),
        avpair("subscriber:service-name=GOLD"),
        avpair("interface-template-name=T"),
        avpair("audit-session-id"),
        avpair("subscriber:command=activate-service"),
        (attribute.MS_CHAP_ERROR, b"x"),
        (attribute.VENDOR_SPECIFIC, b"\0\0\0"),
    ],
)
def test_401_unsupported_attribute_in_a_coa(unsupported: Attribute) -> None:
    command = () if unsupported[1].startswith(b"subscriber:command") else (REAUTHENTICATE,)
    assert refusal(KEY, *command, unsupported) is ErrorCause.UNSUPPORTED_ATTRIBUTE


@pytest.mark.parametrize("unsupported", [STATE, (attribute.SERVICE_TYPE, integer(2)), REAUTHENTICATE])
def test_401_unsupported_attribute_in_a_disconnect(unsupported: Attribute) -> None:
    assert refusal(KEY, unsupported, code=Code.DISCONNECT_REQUEST) is ErrorCause.UNSUPPORTED_ATTRIBUTE


def test_401_anything_beyond_identification_with_authorize_only() -> None:
    assert refusal(KEY, AUTHORIZE_ONLY, STATE, REAUTHENTICATE) is ErrorCause.UNSUPPORTED_ATTRIBUTE
    assert refusal(KEY, AUTHORIZE_ONLY, STATE, (attribute.FILTER_ID, b"x")) is ErrorCause.UNSUPPORTED_ATTRIBUTE


def test_402_missing_attribute_authorize_only_without_state() -> None:
    assert refusal(KEY, AUTHORIZE_ONLY) is ErrorCause.MISSING_ATTRIBUTE


def test_402_missing_attribute_nothing_identifies_a_session() -> None:
    assert refusal(REAUTHENTICATE) is ErrorCause.MISSING_ATTRIBUTE
    assert refusal(code=Code.DISCONNECT_REQUEST) is ErrorCause.MISSING_ATTRIBUTE


def test_402_missing_attribute_no_command() -> None:
    assert refusal(KEY) is ErrorCause.MISSING_ATTRIBUTE


@pytest.mark.parametrize(
    "device",
    [
        (attribute.NAS_IP_ADDRESS, address("127.0.3.2")),
        (attribute.NAS_IDENTIFIER, b"switch2"),
        (attribute.NAS_IPV6_ADDRESS, bytes(16)),
    ],
)
def test_403_nas_identification_mismatch(device: Attribute) -> None:
    assert refusal(KEY, REAUTHENTICATE, device) is ErrorCause.NAS_IDENTIFICATION_MISMATCH
    assert refusal(KEY, device, code=Code.DISCONNECT_REQUEST) is ErrorCause.NAS_IDENTIFICATION_MISMATCH


@pytest.mark.parametrize("name", [b"switch1", b"switch1.lab.test"])
def test_the_switch_answers_to_its_name_and_its_fqdn(name: bytes) -> None:
    assert parse(KEY, REAUTHENTICATE, (attribute.NAS_IDENTIFIER, name))


@pytest.mark.parametrize(
    "attributes",
    [
        [avpair("subscriber:reauthenticate-type=last")],
        [avpair("subscriber:command=bounce-host-port"), avpair("subscriber:reauthenticate-type=last")],
        [REAUTHENTICATE, avpair("subscriber:command=bounce-host-port")],
        [REAUTHENTICATE, (attribute.FRAMED_IP_ADDRESS, b"\x7f\0\x0a")],
        [REAUTHENTICATE, (attribute.NAS_PORT, b"")],
    ],
)
def test_404_invalid_request(attributes: list[Attribute]) -> None:
    assert refusal(KEY, *attributes) is ErrorCause.INVALID_REQUEST


def test_404_invalid_request_authorize_only_in_a_disconnect() -> None:
    assert refusal(KEY, AUTHORIZE_ONLY, code=Code.DISCONNECT_REQUEST) is ErrorCause.INVALID_REQUEST


def test_405_unsupported_service_another_service_type() -> None:
    assert refusal(KEY, (attribute.SERVICE_TYPE, integer(2))) is ErrorCause.UNSUPPORTED_SERVICE


def test_407_invalid_attribute_value_unknown_reauthenticate_type() -> None:
    pairs = (REAUTHENTICATE, avpair("subscriber:reauthenticate-type=first"))
    assert refusal(KEY, *pairs) is ErrorCause.INVALID_ATTRIBUTE_VALUE


PAIRS = st.builds(avpair, st.sampled_from(["audit-session-id=", "subscriber:command=", "subscriber:command"]))
ATTRIBUTES = st.one_of(PAIRS, st.tuples(st.integers(1, 120), st.binary(max_size=8)), st.sampled_from([KEY, STATE]))


@given(st.sampled_from([Code.COA_REQUEST, Code.DISCONNECT_REQUEST]), st.lists(ATTRIBUTES, max_size=6))
def test_any_attributes_are_a_request_or_are_refused(code: Code, attributes: list[Attribute]) -> None:
    try:
        request = parse(*attributes, code=code)
        find_session(request, [build_session(1)])
    except CoaRefusedError:
        return


MATCHING_KEYS: list[Attribute] = [
    KEY,
    avpair(f"audit-session-id={SESSION_ID.lower()}"),
    (attribute.USER_NAME, b"020000001001"),
    (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01"),
    (attribute.CALLING_STATION_ID, b"0200.0000.1001"),
    (attribute.ACCT_SESSION_ID, b"00000001"),
    (attribute.FRAMED_IP_ADDRESS, address("127.0.10.1")),
    (attribute.NAS_PORT, integer(50101)),
    (attribute.NAS_PORT_ID, b"GigabitEthernet1/0/1"),
]


@pytest.mark.parametrize("key", MATCHING_KEYS)
def test_every_key_alone_identifies_a_session(key: Attribute) -> None:
    sessions = [build_session(1), build_session(2)]
    assert find_session(parse(REAUTHENTICATE, key), sessions) is sessions[0]


def test_all_keys_together_identify_a_session() -> None:
    sessions = [build_session(1), build_session(2)]
    assert find_session(parse(REAUTHENTICATE, *MATCHING_KEYS), sessions) is sessions[0]


def find_refusal(*keys: Attribute, sessions: list[AccessSession]) -> ErrorCause | None:
    with pytest.raises(CoaRefusedError) as caught:
        find_session(parse(REAUTHENTICATE, *keys), sessions)
    return caught.value.cause


def test_407_invalid_attribute_value_keys_of_different_sessions() -> None:
    sessions = [build_session(1), build_session(2)]
    for other in [(attribute.CALLING_STATION_ID, b"02-00-00-00-10-02"), (attribute.ACCT_SESSION_ID, b"000000FF")]:
        assert find_refusal(KEY, other, sessions=sessions) is ErrorCause.INVALID_ATTRIBUTE_VALUE


def test_503_session_context_not_found() -> None:
    unknown = avpair("audit-session-id=7F000301000000FF0002E185")
    assert find_refusal(unknown, sessions=[build_session(1)]) is ErrorCause.SESSION_CONTEXT_NOT_FOUND
    assert find_refusal(KEY, sessions=[]) is ErrorCause.SESSION_CONTEXT_NOT_FOUND


def test_an_empty_key_matches_no_session_without_accounting() -> None:
    session = build_session(1)
    session.acct_session_id = ""
    cause = find_refusal((attribute.ACCT_SESSION_ID, b""), sessions=[session])
    assert cause is ErrorCause.SESSION_CONTEXT_NOT_FOUND


def test_508_multiple_session_selection_unsupported() -> None:
    first, second = build_session(1), build_session(2)
    second.mac = first.mac
    cause = find_refusal((attribute.CALLING_STATION_ID, b"02-00-00-00-10-01"), sessions=[first, second])
    assert cause is ErrorCause.MULTIPLE_SESSION_SELECTION_UNSUPPORTED


def willingness(
    command: Command, config: SwitchConfig = CONFIG, *, state: SessionState = SessionState.AUTHORIZED
) -> ErrorCause | None:
    with pytest.raises(CoaRefusedError) as caught:
        check_willingness(CoaRequest(command=command, keys=()), build_session(state=state), config)
    return caught.value.cause


def test_405_unsupported_service_where_authorize_only_is_not_honoured() -> None:
    config = replace(CONFIG, authorize_only=False)
    assert willingness(Command.AUTHORIZE_ONLY, config) is ErrorCause.UNSUPPORTED_SERVICE


def test_501_administratively_prohibited_where_a_command_is_ignored() -> None:
    prohibited = ErrorCause.ADMINISTRATIVELY_PROHIBITED
    assert willingness(Command.BOUNCE, replace(CONFIG, ignore_bounce=True)) is prohibited
    assert willingness(Command.DISABLE, replace(CONFIG, ignore_disable=True)) is prohibited


def test_501_and_504_where_dynamic_authorization_is_off() -> None:
    config = replace(CONFIG, dynamic_authorization=False)
    assert willingness(Command.REAUTHENTICATE, config) is ErrorCause.ADMINISTRATIVELY_PROHIBITED
    assert willingness(Command.DISCONNECT, config) is ErrorCause.SESSION_CONTEXT_NOT_REMOVABLE


@pytest.mark.parametrize("state", [SessionState.AUTHENTICATING, SessionState.REAUTHENTICATING])
@pytest.mark.parametrize("command", [Command.REAUTHENTICATE, Command.AUTHORIZE_ONLY])
def test_506_resources_unavailable_while_an_authentication_runs(state: SessionState, command: Command) -> None:
    assert willingness(command, state=state) is ErrorCause.RESOURCES_UNAVAILABLE


@pytest.mark.parametrize("command", [Command.BOUNCE, Command.DISABLE, Command.DISCONNECT, Command.QUERY])
def test_a_running_authentication_does_not_protect_a_session(command: Command) -> None:
    session = build_session(state=SessionState.REAUTHENTICATING)
    check_willingness(CoaRequest(command=command, keys=()), session, CONFIG)
