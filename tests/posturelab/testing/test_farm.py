"""Where the labs of a test session come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from posturelab.reading.input_error import InputError
from posturelab.testing.farm import LabFarm, LabWish


def test_labs_beside_each_other_go_to_different_places(tmp_path: Path) -> None:
    with LabFarm(tmp_path / "one").start() as one, LabFarm(tmp_path / "two").start() as two:
        first, second = one.psn(), two.psn()
        assert first.address != second.address
        assert first.ports == second.ports
        assert str(one.topology.radius.wildcard_network) == "127.0.0.0/8"


def test_labs_of_one_farm_at_the_same_time_share_nothing(tmp_path: Path) -> None:
    farm = LabFarm(tmp_path)
    with farm.start() as one:
        one.endpoint().plug()
        with farm.start() as two:
            assert one.ca_certificate != two.ca_certificate
            assert one.mnt().address != two.mnt().address
            assert not two.psn().sessions
            assert farm.labs == [one, two]
            place = two.psn().address
        one.endpoint().expect(agent="Compliant", access="open")
        assert farm.labs == [one]
        with farm.start() as three:
            assert three.psn().address == place, "a place is free again when its lab has ended"
    assert farm.labs == []


def test_labs_one_after_the_other_share_what_is_slow_to_make(tmp_path: Path) -> None:
    farm = LabFarm(tmp_path)
    with farm.start() as one:
        certificate = one.ca_certificate.read_bytes()
    with farm.start() as two:
        assert two.ca_certificate.read_bytes() == certificate


def test_a_farm_without_room_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    farm = LabFarm(tmp_path)
    monkeypatch.setattr(farm, "_blocks", farm._blocks[:1])
    with farm.start(), pytest.raises(OSError, match=r"^no loopback addresses are left beside 1 labs of this session"):
        farm.start()


def test_only_nodes_move_when_a_lab_is_put_elsewhere(tmp_path: Path) -> None:
    clients = {"mine": {"network": "127.0.0.1/32", "secret": "its-own", "coa_port": 3798}}
    with LabFarm(tmp_path).start(radius={"clients": clients}) as driver:
        assert driver.topology.radius.clients["mine"].network == "127.0.0.1/32"
        assert f"permit tcp any host {driver.psn().address}" in driver.topology.policy.dacls["QUARANTINE"]


def test_what_nobody_says_is_the_session_s(tmp_path: Path) -> None:
    farm = LabFarm(tmp_path, LabWish(topology="no-redirect", seed=9))
    with farm.start(ldd="directory") as driver:
        assert (driver.topology.name, driver.topology.ldd, driver.seed) == ("no-redirect", "directory", 9)
    with farm.start("campus", seed=0, virtual=False) as driver:
        assert (driver.topology.name, driver.seed, driver.is_virtual) == ("campus", 0, False)


def test_words_add_up_and_the_last_one_wins() -> None:
    wish = LabWish(seed=5).refine(Path("one"), "mine.yaml", ldd="off").refine(Path("two"), seed=None, ldd="directory")
    assert wish == LabWish(topology="mine.yaml", folder=Path("one"), seed=5, overrides={"ldd": "directory"})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"virtual": "live"}, "virtual is True or False, not 'live'"),
        ({"virtual": 0}, "virtual is True or False, not 0"),
        ({"seed": "x"}, "seed is a whole number, not 'x'"),
        ({"seed": True}, "seed is a whole number, not True"),
        ({"topology": 3}, "the topology is text, a name or a path, not 3"),
    ],
)
def test_words_of_another_type_are_refused(tmp_path: Path, words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        LabFarm(tmp_path).start(**words)


def test_an_unusable_topology_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^camput: no topology has this name"):
        LabFarm(tmp_path).start("camput")
