"""What all posture messages share: entities, roots, and any octets."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.posture_message import MalformedMessageError, decode_form, decode_xml, split_list

BOMB = b'<!DOCTYPE a [<!ENTITY b "1"><!ENTITY c "&b;&b;">]><a>&c;</a>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'


@pytest.mark.parametrize(
    "data", [BOMB, OUTSIDE, b"", b"<a>", b'<?xml version="1.0" encoding="nonsense"?><a/>', b"\x00"]
)
def test_what_is_not_plain_xml_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessageError, match="malformed thing: it is not plain XML"):
        decode_xml(data, "a", "thing")


def test_another_root_is_refused() -> None:
    with pytest.raises(MalformedMessageError, match="its root element is 'b' instead of 'a'"):
        decode_xml(b"<b/>", "a", "thing")


@given(st.binary())
def test_any_octets_are_xml_or_the_documented_error(data: bytes) -> None:
    with suppress(MalformedMessageError):
        decode_xml(data, "a", "thing")


@given(st.binary())
def test_any_octets_are_a_form_or_the_documented_error(data: bytes) -> None:
    with suppress(MalformedMessageError):
        decode_form(data, "thing")


def test_lists_ignore_blanks_and_empty_items() -> None:
    assert split_list(" a, ,b,") == ("a", "b")
