"""What a step of a scenario does to a running lab."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from nad_emulator.access_port import NoSessionError, UnknownServerError
from nad_emulator.switch import Switch
from posturelab.coa import RequestedCoa, order_coa
from posturelab.duration import render_duration
from posturelab.lab import ImpossibleActionError, Lab
from posturelab.scenario import (
    Action,
    CoaAction,
    FaultAction,
    InventoryAction,
    LinkAction,
    MisdirectAction,
    NewSessionAction,
)
from posturelab.topology.endpoint import EndpointNode


async def perform(lab: Lab, action: Action) -> None:
    """Do one thing; returns when it is done, not when its consequences are. Raises `ImpossibleActionError`."""
    key, value = _read(action)
    await _PERFORMERS[key](lab, value)


def describe_action(action: Action) -> str:
    """Say in a few words what is done: ``start psn1``."""
    key, value = _read(action)
    match value:
        case timedelta():
            return f"{key} {render_duration(value)}"
        case FaultAction(leg=leg) if leg is not None:
            return f"{key} leg from {leg.source} to {leg.destination}"
        case LinkAction() | FaultAction():
            return " ".join((key, *value.model_dump(exclude_unset=True).popitem()))
        case _:
            return f"{key} {getattr(value, 'endpoint', value)}"


def _read(action: Action) -> tuple[str, Any]:
    (key,) = action.model_fields_set
    return key, getattr(action, key)


async def _start(lab: Lab, name: str) -> None:
    try:
        await lab.start_node(name)
    except OSError as error:  # not the runner's: only a lab that is being born may go to other addresses
        raise ImpossibleActionError(f"{name} cannot start: {error}") from error


async def _send_coa(lab: Lab, coa: CoaAction) -> None:
    asked = RequestedCoa(endpoint=coa.endpoint, command=coa.command, psn=coa.psn or "", direct=coa.direct)
    await order_coa(lab, asked, cause="the scenario asks for it")


async def _change_link(lab: Lab, change: LinkAction) -> None:
    if change.cut:
        lab.faults.cut_link(change.cut)
    elif change.restore:
        lab.faults.restore_link(change.restore)


async def _make_fault(lab: Lab, fault: FaultAction) -> None:
    if fault.leg is not None:
        lab.faults.leg(**dict(fault.leg))
    for key in fault.model_fields_set - {"leg"}:
        getattr(lab.faults, key)(getattr(fault, key))


async def _reauthenticate(lab: Lab, name: str) -> None:
    switch, port = find_port(lab, name)
    with _possible():
        switch.reauthenticate(port)


async def _change_session_id(lab: Lab, change: NewSessionAction) -> None:
    switch, port = find_port(lab, change.endpoint)
    with _possible():
        switch.change_session_id(port, sends_stop=change.stop)


async def _misdirect(lab: Lab, order: MisdirectAction) -> None:
    switch, port = find_port(lab, order.endpoint)
    with _possible():
        switch.misdirect(port, order.send, server=order.to)


def find_port(lab: Lab, endpoint: str) -> tuple[Switch, str]:
    """Find the access port that an endpoint's cable leads to."""
    cable = lab.topology.select(EndpointNode)[endpoint].attached_to
    return lab.switches[cable.switch], cable.port


@contextmanager
def _possible() -> Iterator[None]:
    """Turn what a switch cannot do at present into an action that is impossible."""
    try:
        yield
    except (NoSessionError, UnknownServerError) as error:
        raise ImpossibleActionError(str(error)) from error


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
    "link": _change_link,
    "fault": _make_fault,
    "software": _change_software,
}
