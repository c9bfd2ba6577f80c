"""The nodes, the clock and the faults of a lab under test: what tests ask of them, each call on the lab's thread."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from mnt.session import MonitoredSession
from nad_emulator.access_view import AccessView
from posturelab.lab_error import ImpossibleActionError, possible_on_port
from posturelab.observation.facts import EndpointFacts, observe_endpoint
from posturelab.reading.document import suggest
from posturelab.reading.duration import read_duration, render_duration
from posturelab.reading.input_error import InputError
from posturelab.scenario.action import find_port
from posturelab.scenario.expectation import Check, check_facts, wait_until
from posturelab.scenario.file import check_fact_names
from posturelab.scenario.model import Facts
from posturelab.testing.document import build_document
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.nodes import SwitchNode
from psn.session import Session

if TYPE_CHECKING:
    from posturelab.lab import Lab
    from posturelab.testing.driver import LabDriver

__tracebackhide__ = True
"""What fails is shown where a test has asked for it; pytest leaves out the frames of this module."""


class NodeDriver:
    """Any node of a lab."""

    def __init__(self, driver: LabDriver, name: str) -> None:
        """Made by `LabDriver`."""
        self.name = name
        self._driver = driver
        self.address = driver.topology.nodes[name].address

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} at {self.address}>"

    @property
    def ports(self) -> dict[str, int]:
        """The ports that are bound, by use; none while the node does not run."""
        return self._driver.call(lambda lab: dict(lab.get_node(self.name).ports))

    def start(self) -> None:
        """Start the node."""
        self._driver.run(self._lab.start_node(self.name))

    def stop(self) -> None:
        """Stop the node; no other is told."""
        self._driver.run(self._lab.stop_node(self.name))

    def restart(self) -> None:
        """Stop the node and start it again; it forgets what a restart forgets."""
        self._driver.run(self._lab.restart_node(self.name))

    @property
    def _lab(self) -> Lab:
        return self._driver.lab


class PsnDriver(NodeDriver):
    """A policy service node."""

    @property
    def authentication_port(self) -> int:
        """Where Access-Requests go; raises `ImpossibleActionError` while the node does not run."""
        return self._get_port("authentication")

    @property
    def accounting_port(self) -> int:
        """Where Accounting-Requests go; raises `ImpossibleActionError` while the node does not run."""
        return self._get_port("accounting")

    @property
    def secret(self) -> str:
        """The shared secret of any client that the topology does not declare."""
        return self._driver.topology.radius.secret

    @property
    def sessions(self) -> list[Session]:
        """What its session cache holds."""
        return self._driver.call(lambda lab: list(lab.psns[self.name].sessions))

    def _get_port(self, use: str) -> int:
        ports = self.ports
        if not ports:
            raise ImpossibleActionError(f"{self.name} does not run, and has no port for {use}")
        return ports[use]


class MntDriver(NodeDriver):
    """A monitoring node."""

    @property
    def sessions(self) -> list[MonitoredSession]:
        """What its session directory holds."""
        return self._driver.call(lambda lab: lab.mnts[self.name].directory.list_sessions())

    def find(self, mac: str) -> MonitoredSession | None:
        """Find the session that is shown for a MAC address."""
        return self._driver.call(lambda lab: lab.mnts[self.name].directory.find_by_mac(mac))


class SwitchDriver(NodeDriver):
    """A switch."""

    def access(self, port: str) -> AccessView:
        """What one of its access ports shows of the session there; raises `LookupError`."""
        known = self._driver.topology.select(SwitchNode)[self.name].access_ports
        if port not in known:
            raise LookupError(f"{self.name} has no access port {port!r}{suggest(port, known)}")
        return self._driver.call(lambda lab: lab.switches[self.name].access(port))


class EndpointDriver(NodeDriver):
    """An endpoint with its agent, and its access port."""

    def __init__(self, driver: LabDriver, name: str) -> None:
        """Made by `LabDriver`."""
        super().__init__(driver, name)
        node = driver.topology.select(EndpointNode)[name]
        self.mac = node.mac
        self.user = node.user

    @property
    def facts(self) -> EndpointFacts:
        """What is true of it at present: what its agent shows, PSNs hold, MNT shows, and the switch enforces."""
        return self._driver.call(partial(observe_endpoint, name=self.name))

    def plug(self) -> None:
        """Plug the cable in."""
        self._driver.run(self._lab.get_endpoint(self.name).plug())

    def unplug(self) -> None:
        """Pull the cable out."""
        self._driver.run(self._lab.get_endpoint(self.name).unplug())

    def rescan(self) -> None:
        """Ask the agent for a scan."""
        self._driver.run(self._lab.get_endpoint(self.name).rescan())

    def reauthenticate(self) -> None:
        """Let the switch authenticate the session again, as by a timer of its own.

        Raises `ImpossibleActionError` where there is no session.
        """

        def work(lab: Lab) -> None:
            switch, port = find_port(lab, self.name)
            with possible_on_port():
                switch.reauthenticate(port)

        self._driver.call(work)

    def expect(self, *, within: str | timedelta = "10s", **facts: Any) -> None:
        """Wait until these facts hold; raises `AssertionError` that names those that do not, and shows the journal.

        The facts are those of a scenario's `expect`: agent, owner, psn, others, directory, profile, mnt, mnt_posture,
        access. Raises `ValueError` for others, for words that they never are, and for nodes that do not exist.
        """
        limit, wanted = read_duration(within), self._read_facts(facts)

        def list_failed(lab: Lab) -> list[Check]:
            return [check for check in check_facts(lab, self.name, wanted) if not check.held]

        lab = self._lab
        if not self._driver.run(wait_until(lab.journal, lambda: not list_failed(lab), within=limit)):
            failed = self._driver.call(list_failed)
            told = "".join(f"\n  {check.fact} should be {check.expected!r}, is {check.actual!r}" for check in failed)
            raise AssertionError(f"{self.name} after {render_duration(limit)}:{told}\n{self._driver.journal.show()}")

    def _read_facts(self, facts: dict[str, Any]) -> Facts:
        document = build_document("expect", facts)
        try:
            wanted = document.validate(Facts)
        except InputError as error:
            raise error.with_traceback(None) from None  # what the caller has written is wrong: the sentence is enough
        faults = [document.fault(*found) for found in check_fact_names(wanted, (), self._driver.topology)]
        if faults:
            raise InputError(*faults)
        return wanted


class ClockDriver:
    """The clock of a lab."""

    def __init__(self, driver: LabDriver) -> None:
        """Made by `LabDriver`."""
        self._driver = driver

    @property
    def now(self) -> datetime:
        """The lab's present."""
        return self._driver.call(lambda lab: lab.clock.now())

    def advance(self, by: str | timedelta) -> None:
        """Leap forward, running every timer on the way: ``5d1h``. Also a live lab leaps."""
        self._driver.run(self._driver.lab.advance(read_duration(by)))

    def sleep(self, duration: str | timedelta) -> None:
        """Let lab time pass; on a live lab that is real time."""
        self._driver.run(asyncio.sleep(read_duration(duration).total_seconds()))


class FaultDriver:
    """The faults of a lab (`posturelab.faults.Faults`). They end with the test."""

    def __init__(self, driver: LabDriver) -> None:
        """Made by `LabDriver`."""
        self._driver = driver

    def cut(self, name: str) -> None:
        """Cut a node off: datagrams are lost, connections hang, its link is down. It keeps its state."""
        self._driver.call(lambda lab: lab.faults.cut(name))

    def restore(self, name: str) -> None:
        """End a cut."""
        self._driver.call(lambda lab: lab.faults.restore(name))

    def freeze(self, name: str) -> None:
        """Let a node hang: it takes nothing and sends nothing; its timers run on."""
        self._driver.call(lambda lab: lab.faults.freeze(name))

    def thaw(self, name: str) -> None:
        """End a freeze: the node takes what waits."""
        self._driver.call(lambda lab: lab.faults.thaw(name))

    def restart(self, name: str) -> None:
        """Stop a node and start it again."""
        self._driver.run(self._driver.lab.restart_node(name))

    def leg(self, source: str, destination: str, *, drop: float = 0.0, delay: str | timedelta = "0s") -> None:
        """Lose a share of the datagrams of one direction, by the lab's seed, and deliver the others late.

        An end is a node or ``outside``. Without `drop` and `delay` the leg is whole again.
        """
        late = read_duration(delay)
        self._driver.call(lambda lab: lab.faults.leg(source, destination, drop=drop, delay=late))

    def cut_link(self, name: str) -> None:
        """Break a node's link to the others."""
        self._driver.call(lambda lab: lab.faults.cut_link(name))

    def restore_link(self, name: str) -> None:
        """Mend it."""
        self._driver.call(lambda lab: lab.faults.restore_link(name))

    def end(self) -> None:
        """End all faults."""
        self._driver.call(lambda lab: lab.faults.end())
