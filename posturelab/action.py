"""What a step of a scenario does to a running lab."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from posturelab.clock import LabLoop
from posturelab.duration import render_duration
from posturelab.facts import observe_endpoint
from posturelab.lab import Lab
from posturelab.scenario import Action, CoaAction, InventoryAction


class ImpossibleActionError(RuntimeError):
    """The lab is not in a state in which this can be done."""


async def perform(lab: Lab, action: Action) -> None:
    """Do one thing; returns when it is done, not when its consequences are. Raises `ImpossibleActionError`."""
    key, value = _read(action)
    await _PERFORMERS[key](lab, value)


def describe_action(action: Action) -> str:
    """Say in a few words what is done: ``start psn1``."""
    key, value = _read(action)
    target = render_duration(value) if isinstance(value, timedelta) else getattr(value, "endpoint", value)
    return f"{key} {target}"


def _read(action: Action) -> tuple[str, Any]:
    (key,) = action.model_fields_set
    return key, getattr(action, key)


async def _start(lab: Lab, name: str) -> None:
    try:
        await lab.start_node(name)
    except OSError as error:  # not the runner's: only a lab that is being born may go to other addresses
        raise ImpossibleActionError(f"{name} cannot start: {error}") from error


async def _advance(_: Lab, by: Any) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LabLoop), "stories are told on a loop whose time can jump"
    await loop.advance(by)


async def _send_coa(lab: Lab, coa: CoaAction) -> None:
    facts = observe_endpoint(lab, coa.endpoint)
    sender = coa.psn or facts.owner
    psn = lab.psns.get(sender)
    session = None if psn is None else psn.sessions.peek(facts.session_id)
    if psn is None or session is None:
        raise ImpossibleActionError(f"{sender or 'no node'} holds no session of {coa.endpoint} to send a CoA for")
    await psn.coa(session, coa.find_command(), cause="the scenario asks for it")


async def _change_software(lab: Lab, change: InventoryAction) -> None:
    lab.get_endpoint(change.endpoint).change_inventory(change.inventory.build())


_PERFORMERS: dict[str, Callable[[Lab, Any], Awaitable[None]]] = {
    "plug": lambda lab, name: lab.get_endpoint(name).plug(),
    "unplug": lambda lab, name: lab.get_endpoint(name).unplug(),
    "rescan": lambda lab, name: lab.get_endpoint(name).rescan(),
    "stop": lambda lab, name: lab.stop_node(name),
    "start": _start,
    "advance": _advance,
    "coa": _send_coa,
    "software": _change_software,
}
