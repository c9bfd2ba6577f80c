"""What a step of a scenario does to a running lab."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from nad_emulator.switch import Switch
from posturelab.coa import RequestedCoa, order_coa
from posturelab.lab import Lab
from posturelab.lab_error import ImpossibleActionError, possible_on_port
from posturelab.reading.duration import render_duration
from posturelab.scenario.model import (
    Action,
    CoaAction,
    EndpointAction,
    FaultAction,
    InventoryAction,
    LegEntry,
    MisdirectAction,
    NewSessionAction,
    OneKeyEntry,
)
from posturelab.topology.endpoint import EndpointNode


async def perform(lab: Lab, action: Action) -> None:
    """Do one thing; returns when it is done, not when its consequences are. Raises `ImpossibleActionError`."""
    key, value = action.only
    await _PERFORMERS[key](lab, value)


def describe_action(action: OneKeyEntry) -> str:
    """Say in a few words what is done: ``start psn1``."""
    key, value = action.only
    match value:
        case OneKeyEntry():
            return f"{key} {describe_action(value)}"
        case timedelta():
            return f"{key} {render_duration(value)}"
        case LegEntry():
            return f"{key} from {value.source} to {value.destination}"
        case EndpointAction():
            return f"{key} {value.endpoint}"
        case _:
            return f"{key} {value}"


async def _start(lab: Lab, name: str) -> None:
    try:
        await lab.start_node(name)
    except OSError as error:  # not the runner's: only a lab that is being born may go to other addresses
        raise ImpossibleActionError(f"{name} cannot start: {error}") from error


async def _send_coa(lab: Lab, coa: CoaAction) -> None:
    asked = RequestedCoa(endpoint=coa.endpoint, command=coa.command, psn=coa.psn or "", direct=coa.direct)
    await order_coa(lab, asked, cause="the scenario asks for it")


async def _make_fault(lab: Lab, fault: FaultAction) -> None:
    key, value = fault.only
    change = getattr(lab.faults, key)
    if isinstance(value, LegEntry):
        change(**dict(value))
    else:
        change(value)


async def _reauthenticate(lab: Lab, name: str) -> None:
    switch, port = find_port(lab, name)
    with possible_on_port():
        switch.reauthenticate(port)


async def _change_session_id(lab: Lab, change: NewSessionAction) -> None:
    switch, port = find_port(lab, change.endpoint)
    with possible_on_port():
        switch.change_session_id(port, sends_stop=change.stop)


async def _misdirect(lab: Lab, order: MisdirectAction) -> None:
    switch, port = find_port(lab, order.endpoint)
    with possible_on_port():
        switch.misdirect(port, order.send, server=order.to)


def find_port(lab: Lab, endpoint: str) -> tuple[Switch, str]:
    """Find the access port that an endpoint's cable leads to."""
    cable = lab.topology.select(EndpointNode)[endpoint].attached_to
    return lab.switches[cable.switch], cable.port


async def _change_software(lab: Lab, change: InventoryAction) -> None:
    lab.get_endpoint(change.endpoint).change_inventory(change.inventory.build())


_PERFORMERS: dict[str, Callable[[Lab, Any], Awaitable[None]]] = {
    "plug": lambda lab, name: lab.get_endpoint(name).plug(),
    "unplug": lambda lab, name: lab.get_endpoint(name).unplug(),
    "rescan": lambda lab, name: lab.get_endpoint(name).rescan(),
    "stop": lambda lab, name: lab.stop_node(name),
    "start": _start,
    "advance": lambda lab, by: lab.advance(by),
    "coa": _send_coa,
    "reauthenticate": _reauthenticate,
    "new_session_id": _change_session_id,
    "misdirect": _misdirect,
    "fault": _make_fault,
    "software": _change_software,
}
