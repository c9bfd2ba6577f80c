"""The endpoints of a topology: identity, cable, software and posture agent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent_emulator.config import AgentTimers, EndpointConfig
from agent_emulator.inventory import Inventory, Product
from nac.requirement import Category
from posturelab.reading.document import Entry
from posturelab.reading.duration import Duration
from posturelab.topology.nodes import NO_SHORTER_WAIT, Settings
from posturelab.topology.posture import AgentProfileEntry
from posturelab.topology.values import Address, Mac, Name, Text, default_of, lasting


class CableEntry(Entry):
    """The access port an endpoint's cable leads to."""

    switch: Name
    port: Text


class ProductEntry(Entry):
    """An installed product; `definitions_age` is its age when the lab starts."""

    category: Category
    name: Text
    vendor: str = ""
    version: str = ""
    running: bool = True
    definitions_age: Annotated[Duration, lasting("0s", "36500d")] | None = None


class InventoryEntry(Entry):
    """The software of an endpoint."""

    products: tuple[ProductEntry, ...] = ()
    files: tuple[Text, ...] = ()
    services: tuple[Text, ...] = ()
    patches: tuple[Text, ...] = ()

    def build(self) -> Inventory:
        """Build the inventory as an endpoint is told of it."""
        return Inventory(
            products=tuple(Product(**dict(product)) for product in self.products),
            files=frozenset(self.files),
            services=frozenset(self.services),
            patches=frozenset(self.patches),
        )


class AgentTimersEntry(Entry):
    """The agent's own times."""

    probe_timeout: Annotated[Duration, lasting(NO_SHORTER_WAIT, "1h")] = default_of(AgentTimers, "probe_timeout")
    first_backoff: Annotated[Duration, lasting(NO_SHORTER_WAIT, "1h")] = default_of(AgentTimers, "first_backoff")
    redirect_timeout: Annotated[Duration, lasting(NO_SHORTER_WAIT, "1h")] = default_of(AgentTimers, "redirect_timeout")
    retry_pause: Annotated[Duration, lasting("1s", "30d")] = default_of(AgentTimers, "retry_pause")
    posture_timeout: Annotated[Duration, lasting(NO_SHORTER_WAIT, "1h")] = default_of(AgentTimers, "posture_timeout")


class EndpointSettings(Settings):
    """Settings of an endpoint."""

    user: str = default_of(EndpointConfig, "user")
    os: Text = default_of(EndpointConfig, "os")
    os_version: Text = default_of(EndpointConfig, "os_version")
    system_name: str = default_of(EndpointConfig, "system_name")
    system_domain: str = default_of(EndpointConfig, "system_domain")
    agent_version: Text = default_of(EndpointConfig, "agent_version")


class EndpointNode(EndpointSettings):
    """An endpoint with a posture agent. `identity_groups` are those of its MAC in the endpoint store."""

    kind: Literal["endpoint"]
    address: Address
    mac: Mac
    attached_to: CableEntry
    identity_groups: tuple[Text, ...] = ()
    inventory: InventoryEntry = Field(default_factory=InventoryEntry)
    profile: AgentProfileEntry = Field(default_factory=AgentProfileEntry)
    timers: AgentTimersEntry = Field(default_factory=AgentTimersEntry)
