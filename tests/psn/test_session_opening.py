"""What an entry notes of its device and of the endpoint's addresses."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING

import pytest

from radius import attribute

if TYPE_CHECKING:
    from radius.packet import Attribute
    from tests.psn.bench import Bench

INTERIM = attribute.ACCT_INTERIM_UPDATE
V4: Attribute = (attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, 1)))
V6: Attribute = (attribute.FRAMED_IPV6_ADDRESS, IPv6Address("2001:db8::5").packed)
OTHER_V6: Attribute = (attribute.FRAMED_IPV6_ADDRESS, IPv6Address("fe80::5").packed)
PREFIX: Attribute = (attribute.FRAMED_IPV6_PREFIX, b"\0\x40" + IPv6Address("2001:db8::").packed[:8])


@pytest.mark.parametrize(
    ("octets", "noted"), [(IPv6Address("2001:db8::3").packed, "2001:db8::3"), (b"\0" * 4, ""), (None, "")]
)
def test_the_device_is_noted_by_nas_ipv6_address_too(bench: Bench, octets: bytes | None, noted: str) -> None:
    """RFC 3162 2.1: 16 octets."""
    told = [] if octets is None else [(attribute.NAS_IPV6_ADDRESS, octets)]
    assert bench.ask(*bench.mab(), *told) is not None
    (session,) = bench.sessions
    assert (session.nas_ip, session.nas_ipv6) == ("127.0.3.1", noted)


def test_addresses_of_both_families_are_noted_and_found(bench: Bench) -> None:
    """Framed-IPv6-Address may occur several times (RFC 6911 3.1); a prefix is not an address."""
    assert bench.ask(*bench.mab(), V4, V6, PREFIX, OTHER_V6, V6) is not None
    (session,) = bench.sessions
    assert session.addresses == ("127.0.10.1", "2001:db8::5", "fe80::5")
    assert bench.sessions.find_by_address(["fe80::5"]) is session


@pytest.mark.parametrize(
    ("told", "noted"),
    [
        ([], ("127.0.10.1", "2001:db8::5")),
        ([V4], ("127.0.10.1", "2001:db8::5")),
        ([(attribute.FRAMED_IP_ADDRESS, bytes((127, 0, 10, 2)))], ("127.0.10.2", "2001:db8::5")),
        ([OTHER_V6], ("127.0.10.1", "fe80::5")),
        ([(attribute.FRAMED_IPV6_ADDRESS, b"short")], ("127.0.10.1", "2001:db8::5")),
    ],
    ids=["neither", "the same IPv4", "another IPv4", "another IPv6", "a damaged one"],
)
def test_a_family_of_which_nothing_is_told_keeps_its_addresses(
    bench: Bench, told: list[Attribute], noted: tuple[str, ...]
) -> None:
    session = bench.authenticate()
    sent = bench.avpair(f"audit-session-id={session.session_id}")
    bench.account(INTERIM, sent, V4, V6)
    bench.account(INTERIM, sent, *told)
    assert session.addresses == noted
