"""Where records keep session id, MAC and posture status."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mnt.session_attributes import find_device_address, find_endpoint_mac, find_posture_status, find_session_id
from nac.posture import PostureStatus
from nac.syslog import SyslogRecord

Maker = Callable[..., SyslogRecord]


@pytest.mark.parametrize(
    "pairs",
    [
        [("CPMSessionID", "S1"), ("cisco-av-pair", "audit-session-id=other")],
        [("SessionId", "S1")],
        [("cisco-av-pair", "method=mab"), ("cisco-av-pair", "audit-session-id=S1")],
        [("Class", "GroupPolicy"), ("Class", "CACS:S1:psn1/1/2")],
    ],
)
def test_the_session_id_is_found_under_each_of_its_names(record: Maker, pairs: list[tuple[str, str]]) -> None:
    assert find_session_id(record(5200, *pairs, session_id="")) == "S1"


def test_a_session_id_inside_a_class_may_have_colons_of_its_own(record: Maker) -> None:
    assert find_session_id(record(3000, ("Class", "CACS:AB:CD/EF:psn1/1/2"), session_id="")) == "AB:CD/EF"


def test_a_record_without_session_id_has_none(record: Maker) -> None:
    assert find_session_id(record(5200, ("Class", "x"), ("cisco-av-pair", "method=mab"), session_id="")) == ""


@pytest.mark.parametrize(
    "pairs",
    [
        [("Calling-Station-ID", "02-00-00-00-10-01")],
        [("Calling-Station-Id", "0200.0000.1001")],
        [("Calling-Station-ID", "192.0.2.7"), ("EndPointMACAddress", "02-00-00-00-10-01")],
        [("MacAddress", "02:00:00:00:10:01")],
        [("Calling-Station-ID", "192.0.2.7"), ("cisco-av-pair", "mdm-tlv=device-mac=02-00-00-00-10-01")],
    ],
)
def test_the_mac_is_found_in_every_spelling_and_behind_a_vpn(record: Maker, pairs: list[tuple[str, str]]) -> None:
    assert find_endpoint_mac(record(5200, *pairs)) == "02:00:00:00:10:01"


def test_a_record_that_names_no_mac_has_none(record: Maker) -> None:
    assert find_endpoint_mac(record(5200, ("Calling-Station-ID", "192.0.2.7"))) == ""
    assert find_endpoint_mac(record(5200, ("cisco-av-pair", "mdm-tlv=device-mac=none"))) == ""


@pytest.mark.parametrize("assessment", ["NotApplicable", "Pending", ""])
@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Compliant", PostureStatus.COMPLIANT),
        ("NonCompliant", PostureStatus.NON_COMPLIANT),
        ("NotApplicable", PostureStatus.NOT_APPLICABLE),
        ("Perhaps", None),
        ("", None),
    ],
)
def test_a_verdict_is_read_from_posture_status_alone(
    record: Maker, word: str, status: PostureStatus | None, assessment: str
) -> None:
    pairs = [("PostureAssessmentStatus", assessment), ("PostureStatus", word)]
    assert find_posture_status(record(5200, *pairs)) is status


@pytest.mark.parametrize(
    ("assessment", "word", "shown"),
    [
        ("NotApplicable", "Unknown", "NotApplicable"),
        ("Pending", "Pending", "Pending"),
        ("Pending", "Unknown", "Pending"),
        ("", "Unknown", "Pending"),
    ],
)
def test_an_unknown_status_is_pending_unless_posture_plays_no_role(
    record: Maker, assessment: str, word: str, shown: str
) -> None:
    """posture.md 6.1."""
    status = find_posture_status(record(5200, ("PostureAssessmentStatus", assessment), ("PostureStatus", word)))
    assert status is not None
    assert status.shown == shown


def test_the_device_is_known_by_nas_address_before_source_address(record: Maker) -> None:
    assert find_device_address(record(5200, ("Device IP Address", "127.0.3.1"))) == "127.0.3.1"
    pairs = [("Device IP Address", "127.0.3.1"), ("NAS-IP-Address", "127.0.3.2")]
    assert find_device_address(record(5200, *pairs)) == "127.0.3.2"
