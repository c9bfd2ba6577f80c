"""A running lab: every node of a topology in one process, born and buried in a fixed order.

Birth: monitoring nodes, policy service nodes, web servers, switches, endpoints; each kind in the order of the
topology. Death is the reverse. A birth that fails buries what was born before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self, TypeVar

from agent_emulator.endpoint import Endpoint
from ldd.embedded import EmbeddedBroker
from mnt.node import MonitoringNode
from nac.node.clock import Clock
from nac.node.journal import Journal
from posturelab.authority import Authority
from posturelab.clock import LabClock, LabLoop
from posturelab.faults import Faults
from posturelab.lab_error import ImpossibleActionError, NameTakenError, UnknownNodeError
from posturelab.links import BrokerLinks, link_by_memory
from posturelab.mistake import LAB
from posturelab.node_maker import MakeLink, NodeMaker, RunningNode, SharingNode
from posturelab.port_assignment import assign_ports
from posturelab.state_folder import choose_folder, forget
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.model import Topology
from posturelab.topology.nodes import MntNode, PsnNode, SwitchNode, WebNode
from psn.node import PolicyServiceNode
from radius.gate import Gate

_T = TypeVar("_T")


class Lab:
    """One lab. Make it inside its event loop; ``async with`` starts and stops it.

    Without `links` its nodes share a broker of their own, in memory: `broker`.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        seed: int,
        state_dir: Path,
        clock: Clock | None = None,
        links: BrokerLinks | None = None,
    ) -> None:
        """Compose the nodes; ports are bound no longer than it takes to find free ones.

        Raises `OSError` where the state folder cannot be written or an address cannot be bound.
        """
        self.topology = assign_ports(topology)
        self.seed = seed
        self.clock = clock or LabClock(asyncio.get_running_loop())
        self.journal = Journal(self.clock)
        self.authority = Authority(state_dir, valid_at=(datetime.now(UTC), self.clock.now()))
        self.broker: EmbeddedBroker | None = None
        self._folder = choose_folder(state_dir, topology.name)
        self._broker_links = links
        self._running = AsyncExitStack()
        self._resetting = asyncio.Lock()
        self._awake: set[str] = set()
        self._compose()

    async def __aenter__(self) -> Self:
        """Start every node; raises what a failing start raises, after stopping the others."""
        async with AsyncExitStack() as stack:
            for node in self.nodes.values():
                stack.push_async_callback(node.stop)
                await node.start()
            self._running = stack.pop_all()
        self._awake = set(self.nodes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all faults, so that every node can say farewell, and stop every node."""
        self.faults.end()
        await self._running.aclose()

    async def reset(self) -> str:
        """Begin anew with fresh nodes on the same ports, which remember nothing, and an empty journal; time goes on.

        Says what could not be forgotten at a message broker, if anything. A second reset waits for the first.
        """
        async with self._resetting:
            self.faults.end()
            await self._running.aclose()
            self.forget()
            try:
                trouble = await self.forget_at_broker()
            except NameTakenError as error:
                trouble = f"what waits at the broker is not forgotten: {error}"
            self.journal.clear()
            self._compose()
            await self.__aenter__()
        return trouble

    def forget(self) -> None:
        """Remove what nodes that do not run have kept; raises `nac.node.database.DatabaseInUseError` where one runs."""
        forget(self._folder, self.topology.nodes)

    async def forget_at_broker(self) -> str:
        """Remove what waits for nodes that do not run at a message broker; says so where it cannot be reached.

        Raises `NameTakenError`, having removed nothing, where nodes of this lab's name are connected to it.
        """
        return await self._broker_links.forget(self.links) if self._broker_links is not None else ""

    async def advance(self, by: timedelta) -> None:
        """Leap forward, running every timer on the way; raises `ValueError` for a time that does not lie ahead.

        Raises `ImpossibleActionError` where others than this process are in the conversation, who cannot leap.
        """
        if self.broker is None:
            raise ImpossibleActionError("a lab over a message broker keeps real time, and its clock does not leap")
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LabLoop), "a whole lab runs on a loop whose time can jump"
        await loop.advance(by)

    async def start_node(self, name: str) -> None:
        """Start a node; one that runs is left alone. Raises `UnknownNodeError`, or what its start raises."""
        node = self.get_node(name)
        if name in self._awake:
            self._note(node, "node-unchanged", f"{name} runs already, and is not started again")
            return
        await node.start()
        self._awake.add(name)
        self._note(node, "node-started", f"{name} was started")

    async def restart_node(self, name: str) -> None:
        """Stop a node and start it again; one that does not run is started. Raises as `start_node` does."""
        if name in self._awake:
            await self.stop_node(name)
        await self.start_node(name)

    async def stop_node(self, name: str) -> None:
        """Stop a node; one that does not run is left alone. Raises `UnknownNodeError`."""
        node = self.get_node(name)
        if name not in self._awake:
            self._note(node, "node-unchanged", f"{name} does not run, and is not stopped again")
            return
        self._awake.remove(name)
        await node.stop()
        self._note(node, "node-stopped", f"{name} was stopped, and nobody was told")

    def _note(self, node: RunningNode, event: str, reason: str) -> None:
        self.journal.write(LAB, event, reason, {"name": node.name, "kind": node.kind})

    def is_running(self, name: str) -> bool:
        """Tell whether a node has been started, and not stopped since."""
        return name in self._awake

    def get_node(self, name: str) -> RunningNode:
        """Get a node; raises `UnknownNodeError`."""
        return _get(self.nodes, name, "node")

    def get_psn(self, name: str) -> PolicyServiceNode:
        """Get a policy service node; raises `UnknownNodeError`."""
        return _get(self.psns, name, "policy service node")

    def get_endpoint(self, name: str) -> Endpoint:
        """Get an endpoint; raises `UnknownNodeError`."""
        return _get(self.endpoints, name, "endpoint")

    @property
    def sharing(self) -> dict[str, SharingNode]:
        """The nodes that share what they know with each other, by name."""
        return {**self.psns, **self.mnts}

    def find_monitor(self) -> MonitoringNode | None:
        """Find the monitoring node whose word counts where there are several, the first."""
        return next(iter(self.mnts.values()), None)

    def _compose(self) -> None:
        """Make the nodes, and what can go wrong between them."""
        links: MakeLink | None = self._broker_links
        if links is None:
            self.broker = EmbeddedBroker()
            links = link_by_memory(self.broker, folder=self._folder)
        gate = Gate()
        maker = NodeMaker(
            self.topology,
            self.authority,
            clock=self.clock,
            journal=self.journal,
            seed=self.seed,
            links=links,
            state_dir=self._folder,
            gate=gate,
        )
        self.links = maker.links
        self._make_nodes(maker)
        self.faults = Faults(
            {name: node.address for name, node in self.nodes.items()},
            gate=gate,
            broker=self.broker,
            linked=frozenset(self.links),
            journal=self.journal,
            random=Random(f"{self.seed}/faults"),
        )

    def _make_nodes(self, maker: NodeMaker) -> None:
        """Make the nodes in the order of their birth."""
        topology = self.topology
        self.mnts = {name: maker.make_mnt(name) for name in topology.select(MntNode)}
        self.psns = {name: maker.make_psn(name) for name in topology.select(PsnNode)}
        self.websites = {name: maker.make_website(name) for name in topology.select(WebNode)}
        self.switches = {name: maker.make_switch(name) for name in topology.select(SwitchNode)}
        self.endpoints = {
            name: maker.make_endpoint(name, self.switches[node.attached_to.switch].cable(node.attached_to.port))
            for name, node in topology.select(EndpointNode).items()
        }
        self.nodes: dict[str, RunningNode] = {
            **self.mnts,
            **self.psns,
            **self.websites,
            **self.switches,
            **self.endpoints,
        }


def _get(nodes: Mapping[str, _T], name: str, kind: str) -> _T:
    if name not in nodes:
        raise UnknownNodeError(name, kind, nodes)
    return nodes[name]
