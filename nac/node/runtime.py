"""What every node is given: time, chance, the journal, and the gate its datagrams pass."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from nac.node.clock import Clock
from nac.node.journal import NO_FACTS, Fact, Journal, Observer
from radius.gate import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The surroundings of one node. `random` is the node's own generator, so that nodes do not disturb each other."""

    node: str
    clock: Clock
    random: random.Random
    journal: Journal
    gate: Gate = field(default_factory=Gate)
    """Where datagrams enter and leave the node."""

    @property
    def observe(self) -> Observer:
        """A journal writer bound to this node."""
        return self.journal.writer(self.node)

    def write(self, event: str, reason: str, facts: Mapping[str, Fact] = NO_FACTS) -> None:
        """Write one journal record as this node."""
        self.journal.write(self.node, event, reason, facts)
