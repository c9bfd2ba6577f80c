"""An emulated endpoint: a machine with one network interface, its software, and its posture agent.

It begins unplugged. What starts the agent is a trigger (posture.md 3.1): the interface that comes up, or its user.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta

from agent_emulator.config import EndpointConfig
from agent_emulator.inventory import Inventory
from agent_emulator.posture_agent import PostureAgent
from agent_emulator.view import AgentStatus, AgentView
from nac.cable import Cable
from nac.runtime import Runtime

_AT_ONCE = timedelta(0)


class Endpoint:
    """One endpoint on one access port. `tls` says whom its agent trusts."""

    kind = "endpoint"

    def __init__(self, config: EndpointConfig, runtime: Runtime, cable: Cable, tls: ssl.SSLContext) -> None:
        self.name = config.name
        self.address = config.address
        self.ports: dict[str, int] = {}
        self._config = config
        self._runtime = runtime
        self._cable = cable
        self._agent = PostureAgent(config, runtime, cable=cable, tls=tls)
        self._task: asyncio.Task[None] | None = None
        self.is_plugged = False

    async def start(self) -> None:
        """Switch the machine on, unplugged."""

    async def stop(self) -> None:
        """Switch the machine off; the other end of its cable is not told."""
        await self._halt()

    async def plug(self) -> None:
        """Plug the cable in; does nothing where it is."""
        if self.is_plugged:
            return
        self.is_plugged = True
        self._runtime.write("endpoint-plugged", "the cable was plugged in", {"mac": self._config.mac})
        await self._cable.plug(self._config.mac, self._config.address)
        await self._trigger("the network interface came up", delay=self._agent.network_transition_delay)

    async def unplug(self) -> None:
        """Pull the cable out; does nothing where it is out."""
        if not self.is_plugged:
            return
        self.is_plugged = False
        await self._halt()
        self._runtime.write("endpoint-unplugged", "the cable was pulled out", {"mac": self._config.mac})
        self._agent.show(AgentStatus.OFFLINE, "The network interface is down.")
        await self._cable.unplug()

    async def rescan(self) -> None:
        """Let the user ask for a scan; does nothing while the cable is out."""
        if self.is_plugged:
            await self._trigger("the user asked for a scan", delay=_AT_ONCE)

    def change_inventory(self, inventory: Inventory) -> None:
        """Replace the software on this machine; the agent sees it at its next scan."""
        self._runtime.write("inventory-changed", "the software on this endpoint was changed")
        self._agent.set_inventory(inventory)

    def view(self) -> AgentView:
        """Tell what the user of this endpoint sees."""
        return self._agent.view()

    async def _trigger(self, why: str, *, delay: timedelta) -> None:
        """Start the agent anew, whatever it was doing."""
        await self._halt()
        self._agent.show(AgentStatus.SEARCHING, f"Searching for policy server: {why}.")
        self._task = asyncio.create_task(self._agent.run(delay=delay), name=f"agent of {self.name}")
        self._task.add_done_callback(_report_failure)

    async def _halt(self) -> None:
        """End what the agent is doing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))


def _report_failure(task: asyncio.Task[None]) -> None:
    """Tell the loop, and so the lab, of an agent that failed by our own mistake."""
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": f"{task.get_name()} failed", "exception": error, "task": task}
        task.get_loop().call_exception_handler(context)
