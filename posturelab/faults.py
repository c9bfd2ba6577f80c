"""Faults between the nodes of a lab: one that is cut off, one that hangs, a leg that loses or delays, a broken link.

Every node has an address of its own and sends from it, so a fault is a matter of addresses. Datagrams pass the gate of
the lab (`radius.gate`), where those between nodes are judged once, on arrival; streams are left out by the event loop
(`posturelab.halting_selector`); the link to the other nodes is cut at the embedded broker, and stays where there is
none. A node keeps its state and its timers through all of them. Each fault is told in the journal, and so is each
datagram that meets one, but for those that are merely late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from random import Random

from ldd.embedded import EmbeddedBroker
from nac.node.journal import Fact, Journal
from posturelab.clock import LabLoop
from posturelab.lab_error import ImpossibleActionError, UnknownNodeError
from posturelab.mistake import LAB
from posturelab.reading.duration import render_duration
from radius.gate import Gate

OUTSIDE = "outside"
"""One end of a leg: every address that is no node's."""

MAXIMUM_HELD = 10_000
"""Datagrams that may wait for nodes that hang; more are lost, as in a full receive buffer."""

_Address = tuple[str, int]
_Leg = tuple[str, str]


class Isolation(StrEnum):
    """How a node is apart from all others.

    Held back are datagrams, and what is read from streams. What a timer of the node writes to a TCP connection that is
    already open still leaves.
    """

    CUT = "cut"
    """What is sent to it or by it is lost."""
    FREEZE = "freeze"
    """What is sent to it or by it waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFault:
    """What happens to datagrams one way: a share that is lost, 0 to 1, and how late the others are."""

    drop: float = 0.0
    delay: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not 0 <= self.drop <= 1:
            raise ValueError(f"drop is a share from 0 to 1, not {self.drop}")
        if self.delay < timedelta(0):
            raise ValueError("nothing arrives before it is sent")


class Faults:
    """The faults of one lab. Raises `UnknownNodeError` for names it does not have."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        *,
        gate: Gate,
        broker: EmbeddedBroker | None,
        linked: frozenset[str],
        journal: Journal,
        random: Random,
    ) -> None:
        """Begin without any. `addresses` are those of the nodes by name; the nodes in `linked` have a link."""
        self._addresses = dict(addresses)
        self._names = {address: name for name, address in addresses.items()}
        self._gate = gate
        self._broker = broker
        self._linked = linked
        self._journal = journal
        self._random = random
        self._isolated: dict[str, Isolation] = {}
        self._legs: dict[_Leg, LegFault] = {}
        self._links: set[str] = set()
        self._held: list[tuple[str, str, Callable[[], None]]] = []

    def cut(self, name: str) -> None:
        """Cut a node off: datagrams are lost, connections hang, its link is down. It is not told."""
        self._isolate(name, Isolation.CUT, f"{name} is cut off from all others, and runs on")

    def freeze(self, name: str) -> None:
        """Let a node hang: it receives nothing and sends nothing until `thaw`. Its timers run on."""
        self._isolate(name, Isolation.FREEZE, f"{name} hangs: it takes nothing and says nothing")

    def restore(self, name: str) -> None:
        """End a cut."""
        self._join(name, Isolation.CUT, f"{name} is reachable again")

    def thaw(self, name: str) -> None:
        """End a freeze: what waits is taken, in its order."""
        self._join(name, Isolation.FREEZE, f"{name} goes on, and takes what waits")

    def leg(self, source: str, destination: str, *, drop: float = 0.0, delay: timedelta = timedelta(0)) -> None:
        """Lose a share of the datagrams of one direction and deliver the rest late; without either the leg is whole.

        An end is a node or `OUTSIDE`. Raises `ValueError` for a share or delay that cannot be.
        """
        fault = LegFault(drop=drop, delay=delay)
        for end in (source, destination):
            if end != OUTSIDE:
                self._check(end)
        leg = (source, destination)
        self._legs.pop(leg, None)
        facts: dict[str, Fact] = {"fault": "leg", "from": source, "to": destination}
        if fault == LegFault():
            self._note("fault-ended", f"datagrams from {source} to {destination} arrive as they should", facts)
        else:
            self._legs[leg] = fault
            what = f"{drop:.0%} are lost, the others arrive {render_duration(delay)} late"
            facts |= {"drop": drop, "delay": delay.total_seconds()}
            self._note("fault-begun", f"datagrams from {source} to {destination}: {what}", facts)
        self._settle()

    def cut_link(self, name: str) -> None:
        """Break a node's link to the others; everything else of it is as it was."""
        self._check_link(name)
        self._links.add(name)
        self._note("fault-begun", f"the link of {name} is cut", {"fault": "link", "name": name})
        self._settle_link(name)

    def restore_link(self, name: str) -> None:
        """Mend what `cut_link` broke."""
        self._check_link(name)
        self._links.discard(name)
        self._note("fault-ended", f"the link of {name} is mended", {"fault": "link", "name": name})
        self._settle_link(name)

    def end(self) -> None:
        """End all of them: first nodes that are apart, then legs, then links."""
        for name, isolation in list(self._isolated.items()):
            (self.restore if isolation is Isolation.CUT else self.thaw)(name)
        for source, destination in list(self._legs):
            self.leg(source, destination)
        for name in sorted(self._links):
            self.restore_link(name)

    def _isolate(self, name: str, isolation: Isolation, reason: str) -> None:
        self._check(name)
        if name in self._isolated:
            raise ImpossibleActionError(f"{name} is under a fault already: {self._isolated[name].value}")
        self._isolated[name] = isolation
        self._note("fault-begun", reason, {"fault": isolation.value, "name": name})
        self._settle()
        self._settle_link(name)

    def _join(self, name: str, isolation: Isolation, reason: str) -> None:
        self._check(name)
        if self._isolated.get(name) is not isolation:
            raise ImpossibleActionError(f"{name} is not under this fault: {isolation.value}")
        del self._isolated[name]
        self._note("fault-ended", reason, {"fault": isolation.value, "name": name})
        self._settle()
        self._settle_link(name)
        waiting, self._held = self._held, []
        for source, destination, pass_on in waiting:
            if Isolation.FREEZE in self._find_isolations(source, destination):
                self._held.append((source, destination, pass_on))
            else:
                self._judge(source, destination, pass_on)

    def _settle(self) -> None:
        """Keep the gate while there is anything to keep it for, and halt the streams of who is apart."""
        keep = bool(self._isolated or self._legs)
        self._gate.entering = self._enter if keep else None
        self._gate.leaving = self._leave if keep else None
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LabLoop), "a whole lab runs on a loop of its own"
        loop.halt([self._addresses[name] for name in self._isolated])

    def _settle_link(self, name: str) -> None:
        """Bring a link into the state that follows from all faults."""
        if self._broker is None or name not in self._linked:
            return
        if name in self._links or name in self._isolated:
            self._broker.cut(name, reason="the link is cut" if name in self._links else "the node is cut off")
        else:
            self._broker.restore(name)

    def _enter(self, source: _Address, destination: _Address, pass_on: Callable[[], None]) -> None:
        """Judge what arrives at a node."""
        self._judge(self._name(source), self._name(destination), pass_on)

    def _leave(self, source: _Address, destination: _Address, pass_on: Callable[[], None]) -> None:
        """Judge what leaves the lab; what goes to a node is judged where it arrives."""
        if destination[0] in self._names:
            pass_on()
        else:
            self._judge(self._name(source), OUTSIDE, pass_on)

    def _judge(self, source: str, destination: str, pass_on: Callable[[], None]) -> None:
        """Let one datagram pass now, later or never."""
        states = self._find_isolations(source, destination)
        fault = self._legs.get((source, destination), LegFault())
        facts: dict[str, Fact] = {"from": source, "to": destination}
        if Isolation.CUT in states:
            self._note("datagram-lost", f"a datagram from {source} to {destination}: one of them is cut off", facts)
        elif Isolation.FREEZE in states:
            self._hold(source, destination, pass_on)
        elif fault.drop and self._random.random() < fault.drop:
            self._note("datagram-lost", f"a datagram from {source} to {destination}: the leg loses some", facts)
        elif fault.delay:
            asyncio.get_running_loop().call_later(fault.delay.total_seconds(), pass_on)
        else:
            pass_on()

    def _hold(self, source: str, destination: str, pass_on: Callable[[], None]) -> None:
        facts: dict[str, Fact] = {"from": source, "to": destination}
        if len(self._held) >= MAXIMUM_HELD:
            self._note("datagram-lost", f"a datagram from {source} to {destination}: too many wait already", facts)
            return
        self._held.append((source, destination, pass_on))
        self._note("datagram-held", f"a datagram from {source} to {destination}: one of them hangs", facts)

    def _find_isolations(self, source: str, destination: str) -> set[Isolation]:
        """Find how the two ends are apart from others."""
        return {self._isolated[end] for end in (source, destination) if end in self._isolated}

    def _name(self, address: _Address) -> str:
        return self._names.get(address[0], OUTSIDE)

    def _check(self, name: str) -> None:
        if name not in self._addresses:
            raise UnknownNodeError(name, "node", self._addresses)

    def _check_link(self, name: str) -> None:
        if name not in self._linked:
            raise UnknownNodeError(name, "node with a link", sorted(self._linked))
        if self._broker is None:
            raise ImpossibleActionError("only links over the embedded bus can be cut and restored")

    def _note(self, event: str, reason: str, facts: Mapping[str, Fact]) -> None:
        self._journal.write(LAB, event, reason, facts)
