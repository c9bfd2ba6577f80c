"""MAC addresses in every spelling that devices use, and the session id of IOS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.identity import (
    find_mac,
    make_printable,
    parse_mac,
    render_ios_session_id,
    render_mac_hyphens,
    render_mac_plain,
)

MAC = "02:00:00:AB:10:01"
SPELLINGS = [
    MAC,
    "02:00:00:ab:10:01",
    "02-00-00-AB-10-01",
    "02-00-00-ab-10-01",
    "0200.00ab.1001",
    "0200-00AB-1001",
    "020000ab1001",
    "020000AB1001",
]
NO_MACS = [
    "",
    "alice",
    "02:00:00:AB:10",
    "02:00:00:AB:10:0",
    "02:00:00:AB:10:01:02",
    "02:00:00:AB:10:0G",
    "02 00 00 AB 10 01",
    "020000AB1001 ",
    "02\n00000AB1001",
    "192.168.100.1",
    "0x020000AB1001",
    "\uff10\uff12:00:00:AB:10:01",
    "-" * 17,
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_mac_is_found_in_every_usual_spelling(text: str) -> None:
    assert find_mac(text) == MAC
    assert parse_mac(text) == MAC


@pytest.mark.parametrize("text", NO_MACS)
def test_anything_else_is_no_mac(text: str) -> None:
    assert find_mac(text) is None
    with pytest.raises(ValueError, match="is not a MAC address"):
        parse_mac(text)


@given(st.text(alphabet=st.sampled_from("0123456789abcdefABCDEF:-. \tgx"), max_size=20))
def test_any_text_is_a_mac_in_its_inner_form_or_none(text: str) -> None:
    mac = find_mac(text)
    if mac is not None:
        assert len(mac) == 17
        assert mac.replace(":", "") == "".join(filter(str.isalnum, text)).upper()


@given(st.binary(min_size=6, max_size=6))
def test_every_rendering_is_found_again(octets: bytes) -> None:
    mac = octets.hex(":").upper()
    for rendered in (mac, render_mac_hyphens(mac), render_mac_plain(mac)):
        assert find_mac(rendered) == mac


def test_renderings_are_those_of_a_switch() -> None:
    """Calling-Station-Id and, for MAB, User-Name (aaa-mnt.md 1.2)."""
    assert render_mac_hyphens(MAC) == "02-00-00-AB-10-01"
    assert render_mac_plain(MAC) == "020000ab1001"


@pytest.mark.parametrize(
    ("address", "counter", "uptime_ms", "session_id"),
    [
        ("10.62.148.108", 0x0F2E, 0x44AB8B40, "0A3E946C00000F2E44AB8B40"),
        ("127.0.3.1", 1, 0, "7F0003010000000100000000"),
        ("127.0.3.1", 1 << 32, (1 << 32) + 5, "7F0003010000000000000005"),
    ],
)
def test_session_id_of_ios_is_address_counter_and_uptime(
    address: str, counter: int, uptime_ms: int, session_id: str
) -> None:
    """The prefix 0A3E946C is 10.62.148.108 (posture.md 2.2); both counters wrap after 32 bits."""
    assert render_ios_session_id(address, counter, uptime_ms) == session_id


@pytest.mark.parametrize(
    ("text", "printable"), [("a b\U0001f600é", "a b\U0001f600é"), ("a\nb\0", "a?b?"), ("\u202eevil\u2028", "?evil?")]
)
def test_what_cannot_be_printed_becomes_a_question_mark(text: str, printable: str) -> None:
    assert make_printable(text) == printable
