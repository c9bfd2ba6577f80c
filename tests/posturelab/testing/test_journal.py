"""The journal of a lab under test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from posturelab.lab_error import UnknownNodeError
from posturelab.testing.driver import LabDriver
from posturelab.testing.farm import LabFarm


@pytest.fixture
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabDriver]:
    with LabFarm(tmp_path_factory.mktemp("farm")).start() as started:
        yield started


@pytest.mark.parametrize("ask", ["find", "never", "wait_for"])
def test_a_node_that_the_lab_has_not_writes_nothing_and_is_not_waited_for(driver: LabDriver, ask: str) -> None:
    with pytest.raises(UnknownNodeError, match=r"^no node is called 'psn9'; there are: mnt1, psn1, psn2, "):
        getattr(driver.journal, ask)("access-accept", node="psn9")


def test_the_lab_itself_writes_too(driver: LabDriver) -> None:
    driver.journal.never("node-stopped", node="lab")
    driver.psn().stop()
    assert driver.journal.wait_for("node-stopped", node="lab").facts["name"] == "psn1"
