"""Makes the nodes of a topology, each with surroundings of its own, for a whole lab or for a process of one node."""

from __future__ import annotations

import random
from typing import Protocol

from agent_emulator.endpoint import Endpoint
from ldd.bus import Bus
from mnt.node import MonitoringNode
from nac.cable import Cable
from nac.clock import Clock
from nac.journal import Journal
from nac.runtime import Runtime
from nad_emulator.switch import Switch
from posturelab import assembly
from posturelab.authority import Authority
from posturelab.topology import Topology
from posturelab.website import Website
from psn.node import PolicyServiceNode


class RunningNode(Protocol):
    """What every node of a lab has."""

    @property
    def name(self) -> str:
        """Its name in the topology."""
        ...

    @property
    def kind(self) -> str:
        """What it is: psn, mnt, switch, endpoint or web."""
        ...

    @property
    def address(self) -> str:
        """Its address."""
        ...

    @property
    def ports(self) -> dict[str, int]:
        """The ports it has bound, by use."""
        ...

    async def start(self) -> None:
        """Begin to work."""
        ...

    async def stop(self) -> None:
        """End all work; a second call does nothing."""
        ...


class NodeMaker:
    """Makes nodes; nothing is started here."""

    def __init__(
        self,
        topology: Topology,
        authority: Authority,
        *,
        clock: Clock,
        journal: Journal,
        seed: int,
        bus: Bus | None = None,
    ) -> None:
        """Take what the nodes share. `topology` has no port 0 left where one node must know another's port."""
        self._topology = topology
        self._authority = authority
        self._clock = clock
        self._journal = journal
        self._seed = seed
        self._bus = bus

    def make_mnt(self, name: str) -> MonitoringNode:
        """Make a monitoring node."""
        config = assembly.build_mnt_config(self._topology, name)
        return MonitoringNode(config, self._build_runtime(name), bus=self._bus)

    def make_psn(self, name: str) -> PolicyServiceNode:
        """Make a policy service node."""
        config = assembly.build_psn_config(self._topology, name, self._authority)
        return PolicyServiceNode(config, self._build_runtime(name), bus=self._bus)

    def make_website(self, name: str) -> Website:
        """Make a web server."""
        return Website(assembly.build_website_config(self._topology, name), self._build_runtime(name))

    def make_switch(self, name: str) -> Switch:
        """Make a switch."""
        return Switch(assembly.build_switch_config(self._topology, name), self._build_runtime(name))

    def make_endpoint(self, name: str, cable: Cable) -> Endpoint:
        """Make an endpoint at the end of a cable."""
        config = assembly.build_endpoint_config(self._topology, name)
        return Endpoint(config, self._build_runtime(name), cable, self._authority.client_context())

    def _build_runtime(self, name: str) -> Runtime:
        """Build a node's surroundings, with chance of its own so that no node disturbs another's."""
        chance = random.Random(f"{self._seed}/{name}")
        return Runtime(node=name, clock=self._clock, random=chance, journal=self._journal)
