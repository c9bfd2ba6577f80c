"""IOS access lists: which line speaks of a connection, and what is not a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nad_emulator.acl import IMPLICIT_DENY, AclSyntaxError, Flow, parse_acl

LAPTOP = "127.0.10.1"


def permits(line: str, *, destination: str = "10.0.0.1", port: int = 80) -> bool:
    return parse_acl("X", [line]).match(Flow(source=LAPTOP, destination=destination, port=port)).permits


@pytest.mark.parametrize(
    ("line", "destination", "port", "expected"),
    [
        ("permit ip any any", "10.0.0.1", 1, True),
        ("permit tcp any host 10.0.0.1 eq 8443", "10.0.0.1", 8443, True),
        ("permit tcp any host 10.0.0.1 eq 8443", "10.0.0.1", 8444, False),
        ("permit tcp any host 10.0.0.1 eq 8443", "10.0.0.2", 8443, False),
        ("permit tcp any any eq www", "10.0.0.1", 80, True),
        ("permit tcp any any eq www 443", "10.0.0.1", 443, True),
        ("permit tcp any any neq 80", "10.0.0.1", 80, False),
        ("permit tcp any any neq 80", "10.0.0.1", 81, True),
        ("permit tcp any any gt 1023", "10.0.0.1", 1023, False),
        ("permit tcp any any gt 1023", "10.0.0.1", 1024, True),
        ("permit tcp any any lt 1024", "10.0.0.1", 1023, True),
        ("permit tcp any any lt 1024", "10.0.0.1", 1024, False),
        ("permit tcp any any range 8443 8905", "10.0.0.1", 8905, True),
        ("permit tcp any any range 8443 8905", "10.0.0.1", 8906, False),
        ("permit tcp any 10.0.0.0 0.0.0.255 eq 80", "10.0.0.77", 80, True),
        ("permit tcp any 10.0.0.0 0.0.0.255 eq 80", "10.0.1.77", 80, False),
        ("permit tcp any 10.0.0.1 0.0.255.0 eq 80", "10.0.99.1", 80, True),
        ("permit tcp any 10.0.0.1 0.0.255.0 eq 80", "10.0.99.2", 80, False),
        ("permit tcp host 127.0.10.1 any", "10.0.0.1", 80, True),
        ("permit tcp host 127.0.10.2 any", "10.0.0.1", 80, False),
        ("permit tcp any eq 80 any", "10.0.0.1", 80, False),
        ("permit tcp any gt 1023 any eq 80", "10.0.0.1", 80, True),
        ("permit 6 any any", "10.0.0.1", 80, True),
        ("permit udp any any eq domain", "10.0.0.1", 53, False),
        ("permit icmp any any echo", "10.0.0.1", 80, False),
        ("permit tcp any any established", "10.0.0.1", 80, False),
        ("PERMIT TCP ANY ANY EQ WWW log", "10.0.0.1", 80, True),
    ],
)
def test_a_line_permits_what_it_says(line: str, destination: str, port: int, *, expected: bool) -> None:
    assert permits(line, destination=destination, port=port) is expected


def test_the_first_matching_line_decides() -> None:
    acl = parse_acl("X", ["deny tcp any host 10.0.0.1", "permit ip any any"])
    assert acl.match(Flow(source=LAPTOP, destination="10.0.0.1", port=80)) == (False, "10 deny tcp any host 10.0.0.1")
    assert acl.match(Flow(source=LAPTOP, destination="10.0.0.2", port=80)) == (True, "20 permit ip any any")


def test_a_list_that_matches_nowhere_denies() -> None:
    for lines in ([], ["permit udp any any"]):
        assert parse_acl("X", lines).match(Flow(source=LAPTOP, destination="10.0.0.1", port=80)) == (
            False,
            IMPLICIT_DENY,
        )


def test_sequence_numbers_order_the_lines() -> None:
    acl = parse_acl("X", ["20 permit ip any any", "10 deny ip any any", "permit tcp any any"])
    assert [entry.sequence for entry in acl.entries] == [10, 20, 30]
    assert not acl.match(Flow(source=LAPTOP, destination="10.0.0.1", port=80)).permits


def test_remarks_and_blank_lines_carry_no_meaning() -> None:
    acl = parse_acl("X", ["remark permit ip any any", "", "10 remark so is this", "deny ip any any"])
    assert [entry.text for entry in acl.entries] == ["10 deny ip any any"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["permit ip any any"], True),
        (["permit tcp any any", "permit ip any any", "deny ip any any"], True),
        (["deny tcp any any eq 23", "permit ip any any"], False),
        (["permit tcp any any"], False),
        ([], False),
    ],
)
def test_a_list_permits_everything_if_no_deny_stands_before_the_universal_permit(
    lines: list[str], *, expected: bool
) -> None:
    assert parse_acl("X", lines).permits_everything is expected


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("allow ip any any", "'allow' is neither permit, deny nor remark"),
        ("permit", "a protocol is missing at the end"),
        ("permit tpc any any", "'tpc' is not a protocol"),
        ("permit 256 any any", "'256' is not a protocol"),
        ("permit ip any", "a destination address is missing at the end"),
        ("permit ip any 10.0.0.1", "a wildcard mask is missing at the end"),
        ("permit ip any host", "a host address is missing at the end"),
        ("permit ip any host www.lab.test", "'www.lab.test' is not an IPv4 address"),
        ("permit ip any any eq 80", "'eq' needs tcp or udp, not ip"),
        ("permit tcp any any eq", "a port is missing at the end"),
        ("permit tcp any any eq 65536", "'65536' is not a port"),
        ("permit tcp any any eq wwww", "'wwww' is not a port"),
        ("permit tcp any any range 80", "a port is missing at the end"),
        ("permit ip any any established", "'established' is not understood here"),
        ("permit ip any any time-range NIGHT", "'time-range' is not understood here"),
    ],
)
def test_a_line_that_is_none_is_named_with_its_fault(line: str, fault: str) -> None:
    with pytest.raises(AclSyntaxError) as caught:
        parse_acl("ACL-WEB", ["permit ip any any", line])
    error = caught.value
    assert (error.acl, error.number, error.line, error.fault) == ("ACL-WEB", 2, line, fault)
    assert str(error) == f"access list ACL-WEB, line 2 ({line!r}): {fault}"


def test_a_sequence_number_can_be_used_once() -> None:
    with pytest.raises(AclSyntaxError, match="sequence number 10 is taken"):
        parse_acl("X", ["10 permit ip any any", "10 deny ip any any"])


WORDS = st.sampled_from(
    [
        "permit",
        "deny",
        "tcp",
        "ip",
        "any",
        "host",
        "10.0.0.1",
        "0.0.0.255",
        "eq",
        "range",
        "80",
        "www",
        "log",
        "10",
        "²",
    ]
)


@given(st.lists(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=10).map(" ".join)), max_size=4))
def test_any_text_is_a_list_or_the_documented_error(lines: list[str]) -> None:
    try:
        acl = parse_acl("X", lines)
    except AclSyntaxError:
        return
    acl.match(Flow(source=LAPTOP, destination="10.0.0.1", port=80))
