"""A proxy CoA on the wire: both directions by the same values, and any bytes whatever."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psn.coa.message import (
    CoaMessageError,
    ProxyCoa,
    decode_outcome,
    decode_proxy_coa,
    encode_outcome,
    encode_proxy_coa,
)
from psn.coa.order import CoaCommand, CoaEnd, CoaOrder, CoaOutcome

ORDER = CoaOrder(
    command=CoaCommand.BOUNCE_HOST_PORT, cause="profile changed", source_component="Profiler", asked_by="psn2"
)
PROXIED = ProxyCoa(session_id="7F000301000000010000ABCD", mac="02:00:00:00:10:01", order=ORDER)
OUTCOME = CoaOutcome(code=CoaEnd.REFUSED, reason="the device refused", steps=(11203, 11219, 11224), node="psn1")
TEXTS = st.text(min_size=1)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(command=st.sampled_from(CoaCommand), session_id=TEXTS, cause=TEXTS, component=TEXTS, asked_by=TEXTS)
def test_a_question_arrives_as_it_was_asked(
    command: CoaCommand, session_id: str, cause: str, component: str, asked_by: str
) -> None:
    order = CoaOrder(command=command, cause=cause, source_component=component, asked_by=asked_by)
    for mac in ("", "02:00:00:00:10:01"):
        proxied = ProxyCoa(session_id=session_id, mac=mac, order=order)
        assert decode_proxy_coa(encode_proxy_coa(proxied)) == proxied


@given(end=st.sampled_from(CoaEnd), reason=TEXTS, steps=st.lists(st.integers()).map(tuple), node=TEXTS)
def test_an_outcome_arrives_as_it_was(end: CoaEnd, reason: str, steps: tuple[int, ...], node: str) -> None:
    outcome = CoaOutcome(code=end, reason=reason, steps=steps, node=node)
    assert decode_outcome(encode_outcome(outcome)) == outcome


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("command", "explode", "command 'explode' is not known"),
        ("command", 1, "command is no text"),
        ("session_id", "", "session_id is empty"),
        ("mac", "02", "'02' is not a MAC address"),
        ("cause", None, "cause is no text"),
        ("asked_by", [], "asked_by is no text"),
    ],
)
def test_a_question_with_a_wrong_member_is_refused(name: str, value: object, fault: str) -> None:
    members = json.loads(encode_proxy_coa(PROXIED)) | {name: value}
    with pytest.raises(CoaMessageError) as caught:
        decode_proxy_coa(json.dumps(members).encode())
    assert caught.value.fault == fault


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("code", 11212, "code is none of those a CoA ends with"),
        ("code", True, "code is none of those a CoA ends with"),
        ("code", "11223", "code is none of those a CoA ends with"),
        ("steps", 11223, "steps is no list of integers"),
        ("steps", ["11223"], "steps is no list of integers"),
        ("reason", 3, "reason is no text"),
    ],
)
def test_an_outcome_with_a_wrong_member_is_refused(name: str, value: object, fault: str) -> None:
    members = json.loads(encode_outcome(OUTCOME)) | {name: value}
    with pytest.raises(CoaMessageError) as caught:
        decode_outcome(json.dumps(members).encode())
    assert caught.value.fault == fault


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{", b"[" * 100_000, b"1"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    for decode in (decode_proxy_coa, decode_outcome):
        with pytest.raises(CoaMessageError):
            decode(data)


@given(st.binary())
def test_any_bytes_decode_or_raise_the_one_error(data: bytes) -> None:
    for decode in (decode_proxy_coa, decode_outcome):
        with suppress(CoaMessageError):
            decode(data)


@given(members=st.dictionaries(st.sampled_from(["session_id", "mac", "command", "code", "steps"]), ANYTHING))
def test_any_members_decode_or_raise_the_one_error(members: dict[str, object]) -> None:
    for decode, message in ((decode_proxy_coa, encode_proxy_coa(PROXIED)), (decode_outcome, encode_outcome(OUTCOME))):
        with suppress(CoaMessageError):
            decode(json.dumps(json.loads(message) | members).encode())
