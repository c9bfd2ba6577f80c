"""What a step of a scenario does to a running lab."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from posturelab.clock import LabLoop
from posturelab.facts import observe_endpoint
from posturelab.lab import Lab
from posturelab.scenario import Action, CoaAction, InventoryAction


class ImpossibleActionError(RuntimeError):
    """The lab is not in a state in which this can be done."""


async def perform(lab: Lab, action: Action) -> None:
    """Do one thing; returns when it is done, not when its consequences are. Raises `ImpossibleActionError`."""
    ((key, value),) = ((key, getattr(action, key)) for key in action.model_fields_set)
    await _PERFORMERS[key](lab, value)


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
    "stop": lambda lab, name: lab.get_node(name).stop(),
    "start": lambda lab, name: lab.get_node(name).start(),
    "advance": _advance,
    "coa": _send_coa,
    "software": _change_software,
}
