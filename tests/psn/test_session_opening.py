"""What an entry notes of its device."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING

import pytest

from radius import attribute

if TYPE_CHECKING:
    from tests.psn.bench import Bench


@pytest.mark.parametrize(
    ("octets", "noted"), [(IPv6Address("2001:db8::3").packed, "2001:db8::3"), (b"\0" * 4, ""), (None, "")]
)
def test_the_device_is_noted_by_nas_ipv6_address_too(bench: Bench, octets: bytes | None, noted: str) -> None:
    """RFC 3162 2.1: 16 octets."""
    told = [] if octets is None else [(attribute.NAS_IPV6_ADDRESS, octets)]
    assert bench.ask(*bench.mab(), *told) is not None
    (session,) = bench.sessions
    assert (session.nas_ip, session.nas_ipv6) == ("127.0.3.1", noted)
