"""The nodes of a lab under test: what they say to a test that asks for what is not there, or misspells it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from posturelab.lab_error import ImpossibleActionError
from posturelab.testing.driver import LabDriver
from posturelab.testing.farm import LabFarm


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabDriver]:
    with LabFarm(tmp_path_factory.mktemp("farm")).start() as started:
        yield started


def test_a_port_without_session_is_not_authenticated_again(driver: LabDriver) -> None:
    with pytest.raises(ImpossibleActionError, match=r"^GigabitEthernet1/0/1 has no session$"):
        driver.endpoint().reauthenticate()


def test_an_access_port_that_the_switch_has_not_is_told_with_those_it_has(driver: LabDriver) -> None:
    sentence = r"^switch1 has no access port 'Gi1' \(known here: GigabitEthernet1/0/1, GigabitEthernet1/0/2\)$"
    with pytest.raises(LookupError, match=sentence):
        driver.switch().access("Gi1")
    assert driver.switch().access("GigabitEthernet1/0/1").summary == "closed"


def test_a_node_that_does_not_run_has_no_ports(driver: LabDriver) -> None:
    psn = driver.psn("psn2")
    psn.stop()
    with pytest.raises(ImpossibleActionError, match=r"^psn2 does not run, and has no port for authentication$"):
        _ = psn.authentication_port
    with pytest.raises(ImpossibleActionError, match=r"^psn2 does not run, and has no port for accounting$"):
        _ = psn.accounting_port
    psn.start()
    assert (psn.authentication_port, psn.accounting_port) == (1812, 1813)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"acess": "open"}, "expect: acess: unknown key (did you mean 'access'?)"),
        ({"access": "opn"}, "expect: access: 'opn' is not one of 'closed', 'redirect', 'restricted', 'open'"),
        ({"agent": "NonCompliant"}, "expect: agent: 'NonCompliant' is not one of 'Not connected', "),
        ({"psn": True}, "expect: psn: true is not text; put it in quotes"),
        ({"owner": "psn9"}, "expect: owner: no policy service node is called 'psn9' (did you mean 'psn2'?)"),
        ({"others": {"psn9": "Compliant"}}, "expect: others.psn9: no policy service node is called 'psn9' ("),
        ({"directory": {"psn1": {"onwer": "psn1"}}}, "expect: directory.psn1.onwer: unknown key (did you mean 'owner'"),
    ],
)
def test_what_can_never_be_true_of_an_endpoint_is_a_sentence(
    driver: LabDriver, facts: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=r"^expect: ") as told:
        driver.endpoint().expect(**facts)
    assert str(told.value).startswith(sentence)
    assert told.value.__suppress_context__ or told.value.__context__ is None, "nothing of pydantic is shown"
