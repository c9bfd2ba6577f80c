"""What an agent submits: both directions by the same data, damage, and any octets."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.dialogue import (
    DetectedProduct,
    PostureReport,
    PostureRequest,
    RequirementResult,
    decode_submission,
    encode_posture_report,
    encode_posture_request,
)
from nac.posture_message import MalformedMessageError
from nac.requirement import Category, Outcome

REQUEST = PostureRequest(
    session_id="7F000301000000010000ABCD",
    macs=("02:00:00:00:10:01",),
    addresses=("127.0.10.1",),
    os="Windows",
    os_version="10.0.19045",
    user_agent="Mozilla/4.0 (compatible; WINDOWS; 10.0.19045; AnyConnect Posture Agent v.5.1.0.0)",
    products=(
        DetectedProduct(category=Category.ANTIVIRUS, name="Lab Antivirus", vendor="Lab", version="1.2"),
        DetectedProduct(category=Category.FIREWALL, name="Lab Firewall"),
    ),
)
REPORT = PostureReport(
    session_id="7F000301000000010000ABCD",
    macs=("02:00:00:00:10:01",),
    addresses=("127.0.10.1",),
    os="Windows",
    os_version="10.0.19045",
    agent_version="5.1.0.0",
    user_name="alice",
    system_name="laptop1",
    system_domain="lab.test",
    results=(
        RequirementResult(
            requirement="Antivirus",
            outcome=Outcome.FAILED,
            checks=(("AV-Installed", Outcome.PASSED), ("AV-Running", Outcome.FAILED)),
        ),
        RequirementResult(requirement="Firewall", outcome=Outcome.SKIPPED),
    ),
)


def test_an_initial_request_is_its_form_and_back() -> None:
    assert decode_submission(encode_posture_request(REQUEST).encode()) == REQUEST


def test_an_initial_request_uses_the_public_parameter_names() -> None:
    """posture.md 5.3, the misspelt one included; values of one parameter are joined by ``:!:``."""
    fields = parse_qs(encode_posture_request(REQUEST), keep_blank_values=True)
    assert fields["reqtype"] == ["validate"]
    assert fields["osVerison"] == ["10.0.19045"]
    assert fields["provider"] == ["Device Filter"]
    assert fields["avpid"] == ["1:!:2"]
    assert fields["avpname"] == ["Lab Antivirus:!:Lab Firewall"]
    assert fields["avpfeature"] == ["antivirus:!:firewall"]


def test_a_report_is_its_form_and_back() -> None:
    assert decode_submission(encode_posture_report(REPORT).encode()) == REPORT


products = st.builds(
    DetectedProduct, category=st.sampled_from(Category), name=st.text(), vendor=st.text(), version=st.text()
)


@given(st.lists(products).map(tuple))
def test_products_of_any_name_survive(detected: tuple[DetectedProduct, ...]) -> None:
    request = PostureRequest(session_id="1", products=detected)
    assert decode_submission(encode_posture_request(request).encode()) == request


readable = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=30)
results = st.builds(
    RequirementResult,
    requirement=readable,
    outcome=st.sampled_from(Outcome),
    checks=st.lists(st.tuples(readable, st.sampled_from(Outcome)), max_size=3).map(tuple),
)


@given(st.builds(PostureReport, session_id=readable, user_name=readable, results=st.lists(results).map(tuple)))
def test_any_report_survives(report: PostureReport) -> None:
    assert decode_submission(encode_posture_report(report).encode()) == report


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, "there is no reqtype"),
        ({"reqtype": "logoff"}, "reqtype 'logoff' is neither"),
        ({"reqtype": "validate", "avpname": "a:!:b", "avpfeature": "antivirus"}, "product lists do not fit"),
        ({"reqtype": "validate", "avpname": "a", "avpfeature": "toaster"}, "product lists do not fit"),
        ({"reqtype": "validate", "clientmac": "?"}, "'\\?' is not a MAC address"),
        ({"reqtype": "report"}, "it is not plain XML"),
        ({"reqtype": "report", "report": "<cleanmachines/>"}, "its root element is 'cleanmachines'"),
        ({"reqtype": "report", "report": "<report/>"}, "element 'report' lacks 'os_type'"),
    ],
)
def test_a_submission_that_cannot_be_read_is_refused(fields: dict[str, str], fault: str) -> None:
    with pytest.raises(MalformedMessageError, match=fault):
        decode_submission(urlencode(fields).encode())


def test_a_report_with_an_unknown_status_is_refused() -> None:
    data = encode_posture_report(REPORT).replace("Failed", "Perhaps").encode()
    with pytest.raises(MalformedMessageError, match="status 'Perhaps' is not known"):
        decode_submission(data)


def test_a_report_with_entities_is_refused() -> None:
    bomb = '<!DOCTYPE report [<!ENTITY a "1">]><report>&a;</report>'
    with pytest.raises(MalformedMessageError, match="it is not plain XML"):
        decode_submission(urlencode({"reqtype": "report", "report": bomb}).encode())


@given(st.binary())
def test_any_octets_make_a_submission_or_the_documented_error(data: bytes) -> None:
    for prefix in (b"", b"reqtype=validate&", b"reqtype=report&report="):
        with suppress(MalformedMessageError):
            decode_submission(prefix + data)


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=4))
def test_a_damaged_report_is_read_or_refused(at: int, damage: bytes) -> None:
    data = encode_posture_report(REPORT).encode()
    at %= len(data)
    with suppress(MalformedMessageError):
        decode_submission(data[:at] + damage + data[at + len(damage) :])
