"""What a switch is told."""

from __future__ import annotations

import pytest

from nad_emulator.config import AaaServer, AccessPortConfig, SwitchConfig
from radius.secret import Secret


def build(*ports: AccessPortConfig, servers: tuple[AaaServer, ...] = ()) -> SwitchConfig:
    return SwitchConfig(name="switch1", address="127.0.3.1", servers=servers, ports=ports)


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("GigabitEthernet1/0/15", 0, 50115),
        ("GigabitEthernet7/0/42", 0, 50742),
        ("FastEthernet0/3", 0, 50003),
        ("GigabitEthernet1/0/15", 7, 7),
        ("uplink", 0, 0),
    ],
)
def test_nas_port_comes_from_the_name_the_catalyst_way(name: str, number: int, expected: int) -> None:
    assert AccessPortConfig(name=name, number=number).nas_port == expected


def test_every_port_has_a_mac_of_its_own() -> None:
    first, second = AccessPortConfig(name="Gi1/0/1"), AccessPortConfig(name="Gi1/0/2")
    config = build(first, second)
    assert config.called_station_id(first) == "02-7F-00-03-01-01"
    assert config.called_station_id(second) == "02-7F-00-03-01-02"


def test_two_ports_or_servers_of_one_name_are_refused() -> None:
    server = AaaServer(name="psn1", host="127.0.1.1", secret=Secret("testing123"))
    with pytest.raises(ValueError, match="two access ports have the same name"):
        build(AccessPortConfig(name="Gi1/0/1"), AccessPortConfig(name="Gi1/0/1"))
    with pytest.raises(ValueError, match="two RADIUS servers have the same name"):
        build(servers=(server, server))
