"""The result document in both directions: as clients know it, whatever is told in it, and any octets."""

from __future__ import annotations

import re
from contextlib import suppress
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from nac.mnt_api import RestResult, decode_result, encode_result
from nac.posture_message import MalformedMessageError

WRITABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"))


def test_failure_has_the_members_that_clients_know() -> None:
    """aaa-mnt.md 6.1."""
    data = encode_result(RestResult(http_code="500", internal_error_info="why", requested_operation="Get By Type"))
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><mnt-rest-result>')
    assert [(child.tag, child.text) for child in ElementTree.fromstring(data)] == [
        ("http-code", "500"),
        ("cpm-code", "34110"),
        ("description", "The server met an error while it processed the REST request"),
        ("module-name", "MnT"),
        ("internal-error-info", "why"),
        ("requested-operation", "Get By Type"),
        ("resource-id", "N/A"),
        ("resource-name", "N/A"),
        ("resource-type", "N/A"),
        ("status", "SERVER_ERROR"),
    ]


@given(why=WRITABLE, operation=WRITABLE)
def test_what_is_encoded_is_decoded(why: str, operation: str) -> None:
    result = RestResult(http_code="404", internal_error_info=why, requested_operation=operation)
    assert decode_result(encode_result(result)) == result


@given(why=st.text(st.characters(exclude_categories=[])))
def test_what_xml_cannot_hold_is_replaced(why: str) -> None:
    told = decode_result(encode_result(RestResult(http_code="500", internal_error_info=why))).internal_error_info
    writable = re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "?", why)
    assert told == writable.replace("\r\n", "\n").replace("\r", "\n")  # XML 1.0 section 2.11


def test_what_is_not_there_is_empty() -> None:
    result = decode_result(b"<mnt-rest-result><status>SERVER_ERROR</status></mnt-rest-result>")
    assert (result.status, result.internal_error_info, result.cpm_code) == ("SERVER_ERROR", "", "")


@given(data=st.binary())
def test_any_octets_are_a_result_or_malformed(data: bytes) -> None:
    with suppress(MalformedMessageError):
        decode_result(data)
