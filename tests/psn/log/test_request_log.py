"""How attributes of a request are shown: names, values, secrets, and whatever octets a device may send."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nac.syslog import parse_attributes
from psn.log.request_log import RequestLog, render_attribute
from radius import attribute
from radius.dictionary import load_default
from radius.packet import Attribute, integer, vendor_type

DICTIONARY = load_default()


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ((attribute.USER_NAME, b"alice"), "User-Name=alice"),
        ((attribute.CALLING_STATION_ID, b"02-00-00-00-10-01"), "Calling-Station-ID=02-00-00-00-10-01"),
        ((attribute.CALLED_STATION_ID, b"02-00-00-00-10-01"), "Called-Station-ID=02-00-00-00-10-01"),
        ((attribute.CISCO_AVPAIR, b"method=mab"), "cisco-av-pair=method=mab"),
        ((attribute.NAS_IP_ADDRESS, bytes((127, 0, 3, 1))), "NAS-IP-Address=127.0.3.1"),
        ((attribute.NAS_PORT, integer(50101)), "NAS-Port=50101"),
        ((attribute.SERVICE_TYPE, integer(10)), "Service-Type=Call-Check"),
        ((attribute.NAS_PORT_TYPE, integer(19)), "NAS-Port-Type=Wireless-802.11"),
        ((attribute.ACCT_STATUS_TYPE, integer(3)), "Acct-Status-Type=Interim-Update"),
        ((attribute.TUNNEL_CLIENT_ENDPOINT, b"\x00203.0.113.9"), "Tunnel-Client-Endpoint=(tag=0) 203.0.113.9"),
        ((200, b"\1\2"), "undefined-200=0x0102"),
        ((vendor_type(99_999, 7), b"\1\2"), "undefined-7=0x0102"),
        ((attribute.TUNNEL_PASSWORD, b"\1\2\3\4"), "Tunnel-Password=****"),
        ((attribute.USER_NAME, b"a,b;c\\d{e}\n"), "User-Name=a\\,b\\;c\\\\d\\{e\\}?"),
        ((attribute.USER_NAME, b"\xff"), "User-Name=\ufffd"),
        ((attribute.NAS_IP_ADDRESS, b"\1\2"), "NAS-IP-Address=0x0102"),
        ((attribute.NAS_PORT, b"\1\2"), "NAS-Port=0x0102"),
        ((attribute.SERVICE_TYPE, b"\1\2"), "Service-Type=0x0102"),
    ],
)
def test_attribute_is_shown_as_ise_shows_it(found: Attribute, shown: str) -> None:
    assert RequestLog(DICTIONARY).render([found]) == f"{shown}, "


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ((attribute.TUNNEL_TYPE, bytes((1, 0, 0, 13))), "Tunnel-Type=(tag=1) VLAN"),
        ((attribute.FILTER_ID, b"ACL.in"), "Filter-ID=ACL.in"),
        ((attribute.CISCO_AVPAIR, b"url-redirect-acl=a;b"), "cisco-av-pair=url-redirect-acl=a\\;b"),
    ],
)
def test_attribute_of_a_reply_is_shown_in_the_same_way(found: Attribute, shown: str) -> None:
    assert render_attribute(DICTIONARY, found) == shown


@pytest.mark.parametrize(
    "type_",
    [
        attribute.USER_PASSWORD,
        attribute.CHAP_PASSWORD,
        attribute.CHAP_CHALLENGE,
        attribute.MS_CHAP_CHALLENGE,
        attribute.MS_CHAP_RESPONSE,
        attribute.MS_CHAP2_RESPONSE,
        attribute.EAP_MESSAGE,
        attribute.MESSAGE_AUTHENTICATOR,
        attribute.PROXY_STATE,
    ],
)
def test_credentials_and_signatures_are_not_shown(type_: int) -> None:
    assert RequestLog(DICTIONARY).render([(type_, b"0123456789abcdef")]) == ""


def test_order_and_repeats_stay() -> None:
    attributes: list[Attribute] = [
        (attribute.CISCO_AVPAIR, b"a=1"),
        (attribute.USER_NAME, b"alice"),
        (attribute.CISCO_AVPAIR, b"b=2"),
    ]
    shown = parse_attributes(RequestLog(DICTIONARY).render(attributes))
    assert shown == [("cisco-av-pair", "a=1"), ("User-Name", "alice"), ("cisco-av-pair", "b=2")]


def test_more_values_and_types_than_are_remembered_are_shown_all_the_same() -> None:
    log = RequestLog(DICTIONARY)
    for number in range(3000):
        recurring = (attribute.NAS_PORT, integer(number))
        unknown = (vendor_type(100_000 + number, 1), b"")
        assert log.render([recurring, unknown]) == f"NAS-Port={number}, undefined-1=0x, "


@example([(attribute.USER_NAME, "\ue000".encode())])
@example([(attribute.USER_NAME, "\u009b".encode())])
@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(1, 255), st.sampled_from(sorted(DICTIONARY.by_type))),
            st.binary(max_size=30),
        )
    )
)
def test_any_attributes_parse_back_to_their_names_in_order(attributes: list[Attribute]) -> None:
    log = RequestLog(DICTIONARY)
    shown = log.render(attributes)
    assert shown == log.render(attributes)
    assert not any(category(character) == "Cc" or character in "\u2028\u2029" for character in shown)
    names = [name for name, _ in parse_attributes(shown)]
    one_by_one = [name for found in attributes for name, _ in parse_attributes(log.render([found]))]
    assert names == one_by_one
