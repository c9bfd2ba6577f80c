"""An emulated endpoint: a machine with one network interface, its software, and its posture agent.

It begins unplugged. What starts the agent is a trigger (posture.md 3.1): the interface that comes up, the machine that
resumes with its cable in, or its user.
"""

from __future__ import annotations

import ssl
from datetime import timedelta

from agent_emulator.config import EndpointConfig
from agent_emulator.inventory import Inventory
from agent_emulator.posture_agent import PostureAgent
from agent_emulator.view import AgentStatus, AgentView
from nac.cable import Cable
from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime

_AT_ONCE = timedelta(0)
_INTERFACE_DOWN = "The network interface is down."


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
        self._tasks = OwnedTasks()
        self._is_on = False
        self.is_plugged = False
        cable.watch(self.notice_link)

    async def start(self) -> None:
        """Switch the machine on; does nothing where it is. With the cable in, its agent begins anew."""
        if self._is_on:
            return
        self._is_on = True
        if self.is_plugged:
            await self._trigger("the system resumed", delay=self._agent.network_transition_delay)

    async def stop(self) -> None:
        """Switch the machine off; its cable stays, and the other end is not told."""
        if not self._is_on:
            return
        self._is_on = False
        await self._tasks.cancel()
        self._agent.show(AgentStatus.OFFLINE, "The machine is switched off.")

    async def plug(self) -> None:
        """Plug the cable in; does nothing where it is."""
        if self.is_plugged:
            return
        self.is_plugged = True
        self._runtime.write("endpoint-plugged", "the cable was plugged in", {"mac": self._config.mac})
        await self._cable.plug(self._config.mac, self._config.address)
        if self._is_on:
            await self._trigger("the network interface came up", delay=self._agent.network_transition_delay)

    async def unplug(self) -> None:
        """Pull the cable out; does nothing where it is out."""
        if not self.is_plugged:
            return
        self.is_plugged = False
        await self._tasks.cancel()
        self._runtime.write("endpoint-unplugged", "the cable was pulled out", {"mac": self._config.mac})
        if self._is_on:
            self._agent.show(AgentStatus.OFFLINE, _INTERFACE_DOWN)
        await self._cable.unplug()

    async def notice_link(self) -> None:
        """Follow the link of the cable that is in, which came up or went down by the other end's doing."""
        if self._is_on and self.is_plugged:
            await self._trigger("the network interface came up", delay=self._agent.network_transition_delay)

    async def rescan(self) -> None:
        """Let the user ask for a scan; does nothing while the machine is off or the cable is out."""
        if self._is_on and self.is_plugged:
            await self._trigger("the user asked for a scan", delay=_AT_ONCE)

    def change_inventory(self, inventory: Inventory) -> None:
        """Replace the software on this machine; the agent sees it at its next scan."""
        self._runtime.write("inventory-changed", "the software on this endpoint was changed")
        self._agent.set_inventory(inventory)

    def view(self) -> AgentView:
        """Tell what the user of this endpoint sees."""
        return self._agent.view()

    async def _trigger(self, why: str, *, delay: timedelta) -> None:
        """Start the agent anew, whatever it was doing; without a link it waits for one."""
        await self._tasks.cancel()
        if not (self._is_on and self.is_plugged):  # that changed meanwhile
            return
        if not self._cable.is_up:
            self._agent.show(AgentStatus.OFFLINE, _INTERFACE_DOWN)
            return
        self._agent.show(AgentStatus.SEARCHING, f"Searching for policy server: {why}.")
        self._tasks.spawn(self._agent.run(delay=delay), name=f"agent of {self.name}")
