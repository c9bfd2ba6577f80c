"""What the log says of addresses that look like a container engine's gateway."""

from __future__ import annotations

import pytest

from radius import remedy


@pytest.mark.parametrize(
    ("address", "is_gateway"),
    [
        ("172.17.0.1", True),
        ("172.30.86.1", True),
        ("192.168.65.1", True),
        ("10.88.0.1", True),
        ("172.17.0.2", False),
        ("172.32.0.1", False),
        ("127.0.0.1", False),
        ("192.0.2.1", False),
    ],
)
def test_the_first_address_of_a_private_network_looks_like_a_gateway(address: str, *, is_gateway: bool) -> None:
    assert remedy.is_gateway(address) is is_gateway
    for sentence in (remedy.for_unknown_client(address), remedy.for_silent_device(address)):
        assert ("container engine's gateway" in sentence) is is_gateway


def test_an_unknown_client_behind_a_gateway_is_told_what_to_add() -> None:
    sentence = remedy.for_unknown_client("172.17.0.1")
    assert "`my-device: {network: 172.17.0.1/32, secret: ...}` to radius.clients" in sentence
    assert "`nas_identifier: ...` or `nas_ip: ...`" in sentence
    assert "`coa_host: ...`" in remedy.for_silent_device("172.17.0.1")
