"""The words of CoA: every end of every command, by the codes of aaa-mnt.md 2.5."""

from __future__ import annotations

import pytest

from nac.syslog_catalogue import STEPS
from psn.coa.order import CoaCommand, CoaEnd, CoaOrder, CoaOutcome, list_steps, list_steps_of_proxy

ASKED = {
    CoaCommand.REAUTHENTICATE_LAST: (11204, 11220),
    CoaCommand.REAUTHENTICATE_RERUN: (11204, 11220),
    CoaCommand.BOUNCE_HOST_PORT: (11203, 11219),
    CoaCommand.DISABLE_HOST_PORT: (11202, 11218),
    CoaCommand.DISCONNECT: (11201, 11217),
}
EXCHANGES = {11213: 11104, 11214: 11102, 11221: 11101, 11222: 11101, 11223: 11101, 11224: 11101}
WITHOUT_A_WORD = {11205, 11206}
AT_THE_OWNER = {11215, 11226, 11227}


def make_order(command: CoaCommand, asked_by: str = "") -> CoaOrder:
    return CoaOrder(command=command, cause="test", source_component="ANC", asked_by=asked_by)


@pytest.mark.parametrize("command", CoaCommand)
@pytest.mark.parametrize("asked_by", ["", "psn2"])
@pytest.mark.parametrize("end", CoaEnd)
def test_every_end_of_every_command_has_its_steps(command: CoaCommand, asked_by: str, end: CoaEnd) -> None:
    asked, prepared = ASKED[command]
    if end in EXCHANGES:
        way: tuple[int, ...] = (prepared, *([11212] if asked_by else []), 11100, EXCHANGES[end])
    else:
        way = (11211,) if end in AT_THE_OWNER else ()
    assert list_steps(make_order(command, asked_by), end) == (asked, *way, end)


def test_no_end_is_left_out() -> None:
    assert {end.value for end in CoaEnd} == EXCHANGES.keys() | WITHOUT_A_WORD | AT_THE_OWNER


def test_the_catalogue_has_words_for_every_step() -> None:
    steps = {
        step
        for command in CoaCommand
        for asked_by in ("", "psn2")
        for end in CoaEnd
        for step in list_steps(make_order(command, asked_by), end)
    }
    assert steps - STEPS.keys() == set()


def test_the_asker_sees_its_own_steps_and_then_the_owners() -> None:
    order = make_order(CoaCommand.DISCONNECT)
    assert list_steps_of_proxy(order, (11201, 11205)) == (11201, 11211, 11201, 11205)


@pytest.mark.parametrize("end", CoaEnd)
def test_only_an_ack_of_the_device_is_a_success(end: CoaEnd) -> None:
    outcome = CoaOutcome(code=end, reason="test", steps=(), node="psn1")
    assert outcome.acknowledged == (end in (11221, 11223))
