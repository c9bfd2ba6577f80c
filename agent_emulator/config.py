"""What an emulated endpoint is told before it starts: its identity, its software, its posture agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from agent_emulator.inventory import Inventory
from nac.agent_profile import AgentProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTimers:
    """The agent's own times, which no profile sets (posture.md 3.4; the first two of them are the lab's)."""

    probe_timeout: timedelta = timedelta(seconds=5)
    first_backoff: timedelta = timedelta(seconds=1)
    """Pause after the first fruitless round of probes; each further one is twice as long, up to the back-off limit."""
    redirect_timeout: timedelta = timedelta(seconds=5)
    """How long the policy server that a redirect names has to answer before Auth-Status answers count."""
    retry_pause: timedelta = timedelta(seconds=600)
    """From giving up to the next discovery; with the back-off limit it makes the 630 s seen in a real log."""
    posture_timeout: timedelta = timedelta(seconds=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """Everything one endpoint is told. `user` is who sits before it, as its agent reports."""

    name: str
    address: str
    mac: str
    user: str = ""
    os: str = "Windows"
    os_version: str = "10.0.19045"
    system_name: str = ""
    system_domain: str = ""
    agent_version: str = "5.1.0.0"
    inventory: Inventory = field(default_factory=Inventory)
    profile: AgentProfile = field(default_factory=AgentProfile)
    timers: AgentTimers = field(default_factory=AgentTimers)
