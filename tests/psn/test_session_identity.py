"""Which session a packet speaks of, and the ids that the node makes (aaa-mnt.md 1.6, 1.7)."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psn.session_identity import SessionIdentity, find_session_id
from radius import attribute
from radius.packet import Attribute, Code, Packet
from tests.radius.packets import packet_of

SESSION_ID = "0A3E946C00000F2E44AB8B40"
SENT: Attribute = (attribute.CISCO_AVPAIR, f"audit-session-id={SESSION_ID}".encode())
METHOD: Attribute = (attribute.CISCO_AVPAIR, b"method=mab")
CLASS: Attribute = (attribute.CLASS, f"CACS:{SESSION_ID}:psn1/480591618/40".encode())
MADE = re.compile(r"0a0009cc[A-Za-z0-9/]{43}")


def make_identity(seed: int = 1) -> SessionIdentity:
    return SessionIdentity(name="psn1", address="10.0.9.204", random=Random(seed))


def packet(*attributes: Attribute) -> Packet:
    return packet_of(Code.ACCESS_REQUEST, list(attributes))


@pytest.mark.parametrize("attributes", [[SENT], [METHOD, SENT], [(attribute.USER_NAME, b"alice"), METHOD, SENT]])
def test_id_that_the_device_sends_is_found_among_its_pairs(attributes: list[Attribute]) -> None:
    assert find_session_id(packet(*attributes)) == SESSION_ID
    assert make_identity().of_access(packet(*attributes)) == SESSION_ID
    assert make_identity().of_accounting(packet(*attributes)) == SESSION_ID


@pytest.mark.parametrize(
    "attributes", [[], [METHOD], [(attribute.CISCO_AVPAIR, b"audit-session-id=")], [(attribute.CLASS, SENT[1])]]
)
def test_access_request_without_an_id_names_no_session(attributes: list[Attribute]) -> None:
    assert make_identity().of_access(packet(*attributes)) is None


def test_state_of_an_earlier_accept_names_its_session() -> None:
    ours: Attribute = (attribute.STATE, f"ReauthSession:{SESSION_ID}".encode())
    assert make_identity().of_access(packet(ours)) == SESSION_ID
    assert make_identity().of_access(packet((attribute.STATE, b"somebody else's"))) is None


def test_made_id_has_the_shape_that_ise_makes() -> None:
    """Step 11117: eight hex digits of the node's address and 43 base64-like characters."""
    identity = make_identity()
    first, second = identity.make(), identity.make()
    assert MADE.fullmatch(first)
    assert first != second


def test_made_ids_come_from_the_injected_chance() -> None:
    assert make_identity(7).make() == make_identity(7).make()


def test_accounting_finds_the_id_in_the_class_it_echoes() -> None:
    other: Attribute = (attribute.CLASS, b"OU=Employees")
    assert make_identity().of_accounting(packet(other, CLASS)) == SESSION_ID


def test_id_inside_a_class_may_have_colons_of_its_own() -> None:
    """Behind it comes one more colon and the AcsSessionID, which has none (aaa-mnt.md 1.7)."""
    echoed: Attribute = (attribute.CLASS, b"CACS:AB:CD/EF:psn1/480591618/40")
    assert make_identity().of_accounting(packet(echoed)) == "AB:CD/EF"


@pytest.mark.parametrize("spelled", [b"a\nb", b"a\0b", "a\u202eb".encode(), "a\u2028b".encode()])
def test_what_cannot_be_printed_becomes_a_question_mark_wherever_the_id_stands(spelled: bytes) -> None:
    identity = make_identity()
    sent: Attribute = (attribute.CISCO_AVPAIR, b"audit-session-id=" + spelled)
    assert identity.of_access(packet(sent)) == identity.of_accounting(packet(sent)) == "a?b"
    assert identity.of_access(packet((attribute.STATE, b"ReauthSession:" + spelled))) == "a?b"
    assert identity.of_accounting(packet((attribute.CLASS, b"CACS:" + spelled + b":psn1/1/1"))) == "a?b"


def test_id_that_is_sent_comes_before_the_one_in_the_class() -> None:
    echoed: Attribute = (attribute.CLASS, b"CACS:another:psn1/1/1")
    assert make_identity().of_accounting(packet(echoed, SENT)) == SESSION_ID


def test_accounting_without_any_id_gets_the_same_one_from_start_to_stop() -> None:
    """Also on another node or after a restart, apart from the node's address in front."""
    session: list[Attribute] = [(attribute.NAS_IP_ADDRESS, bytes(4)), (attribute.ACCT_SESSION_ID, b"00000053")]
    start = make_identity(1).of_accounting(packet((attribute.ACCT_STATUS_TYPE, b"\0\0\0\1"), *session))
    stop = make_identity(2).of_accounting(packet(*session, (attribute.ACCT_SESSION_TIME, bytes(4))))
    assert MADE.fullmatch(start)
    assert start == stop


@pytest.mark.parametrize("changed", [attribute.NAS_IP_ADDRESS, attribute.ACCT_SESSION_ID])
def test_accounting_of_another_device_or_session_gets_another_id(changed: int) -> None:
    session = {attribute.NAS_IP_ADDRESS: bytes(4), attribute.ACCT_SESSION_ID: b"00000053"}
    other = {**session, changed: b"0054"}
    identity = make_identity()
    assert identity.of_accounting(packet(*session.items())) != identity.of_accounting(packet(*other.items()))


def test_acs_session_id_is_host_instance_and_counter() -> None:
    identity = make_identity()
    first, second = (identity.next_acs_session_id() for _ in range(2))
    found = re.fullmatch(r"psn1/(\d{9})/1", first)
    assert found is not None
    assert second == f"psn1/{found[1]}/2"


def test_another_start_of_the_node_has_another_instance_number() -> None:
    assert make_identity(1).next_acs_session_id() != make_identity(2).next_acs_session_id()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([attribute.CISCO_AVPAIR, attribute.CLASS, attribute.ACCT_SESSION_ID]),
            st.builds(bytes.__add__, st.sampled_from([b"audit-session-id=", b"CACS:", b""]), st.binary(max_size=30)),
        )
    )
)
def test_any_octets_give_an_id_that_is_not_empty(attributes: list[Attribute]) -> None:
    identity = make_identity()
    assert identity.of_access(packet(*attributes)) != ""
    assert identity.of_accounting(packet(*attributes))
