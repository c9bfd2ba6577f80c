"""Makes the nodes of a topology, each with surroundings of its own, for a whole lab or for a process of one node."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from agent_emulator.endpoint import Endpoint
from ldd.link import Link
from mnt.node import MonitoringNode
from nac.cable import Cable
from nac.node.clock import Clock
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nad_emulator.switch import Switch
from posturelab import assembly
from posturelab.authority import Authority
from posturelab.link_watch import LinkWatch
from posturelab.remote_cable import RemoteCable
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.model import Topology
from posturelab.website import Website
from psn.node import PolicyServiceNode
from radius.gate import Gate

MakeLink = Callable[[str], Link]
"""Makes the link of a node, by the node's name."""


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


SharingNode = PolicyServiceNode | MonitoringNode
"""What has a link, and holds a replica of the session directory."""


def describe_places(nodes: Mapping[str, RunningNode]) -> dict[str, dict[str, Any]]:
    """Build a JSON-ready view of what nodes are and where they listen."""
    return {
        name: {"kind": node.kind, "address": node.address, "ports": dict(node.ports)} for name, node in nodes.items()
    }


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
        links: MakeLink | None = None,
        state_dir: Path | None = None,
        gate: Gate | None = None,
    ) -> None:
        """Take what the nodes share. `topology` has no port 0 left where one node must know another's port.

        Without `links` the nodes are alone, without `state_dir` they keep nothing that outlives them.
        """
        self._topology = topology
        self._authority = authority
        self._clock = clock
        self._journal = journal
        self._seed = seed
        self._make_link = links
        self._state_dir = state_dir
        self._gate = gate or Gate()
        self.links: dict[str, LinkWatch] = {}
        """What the links of the nodes made so far have told of themselves, by node."""

    def make_mnt(self, name: str) -> MonitoringNode:
        """Make a monitoring node."""
        config = assembly.build_mnt_config(self._topology, name, self._authority, state_dir=self._state_dir)
        return MonitoringNode(config, self._build_runtime(name), link=self._link(name))

    def make_psn(self, name: str) -> PolicyServiceNode:
        """Make a policy service node."""
        config = assembly.build_psn_config(self._topology, name, self._authority, state_dir=self._state_dir)
        return PolicyServiceNode(config, self._build_runtime(name), link=self._link(name))

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

    def make_endpoint_apart(self, name: str) -> Endpoint:
        """Make an endpoint whose switch is another process, which it finds where the topology's node controls are."""
        control, plugged = self._topology.control, self._topology.select(EndpointNode)[name].attached_to
        switch = self._topology.nodes[plugged.switch].address
        url = f"http://{switch}:{control.node_port}"
        observe = self._journal.writer(name)
        cable = RemoteCable(url, plugged.port, gateway=switch, token=control.token, observe=observe)
        return self.make_endpoint(name, cable)

    def _link(self, name: str) -> Link | None:
        """Make the link of a node, which is watched from its birth."""
        if self._make_link is None:
            return None
        link = self._make_link(name)
        self.links[name] = LinkWatch(link)
        return link

    def _build_runtime(self, name: str) -> Runtime:
        """Build a node's surroundings, with chance of its own so that no node disturbs another's."""
        chance = random.Random(f"{self._seed}/{name}")
        return Runtime(node=name, clock=self._clock, random=chance, journal=self._journal, gate=self._gate)
