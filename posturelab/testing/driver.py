"""A lab under test: what the fixtures of `posturelab.testing.plugin` give to a test.

Every call is an ordinary one, for plain tests and for coroutines alike: the lab has a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

from posturelab.coa import RequestedCoa, order_coa
from posturelab.lab import Lab
from posturelab.lab_error import UnknownNodeError
from posturelab.reading.duration import read_duration, render_duration
from posturelab.scenario.expectation import wait_until
from posturelab.testing.journal import JournalWatch
from posturelab.testing.lab_thread import LabEndedError, LabThread
from posturelab.testing.nodes import (
    ClockDriver,
    EndpointDriver,
    FaultDriver,
    MntDriver,
    NodeDriver,
    PsnDriver,
    SwitchDriver,
)
from posturelab.topology.endpoint import EndpointNode
from posturelab.topology.nodes import MntNode, PsnNode, SwitchNode
from psn.coa.order import CoaOutcome

__tracebackhide__ = True
"""What fails is shown where a test has asked for it; pytest leaves out the frames of this module."""

_T = TypeVar("_T")
_Driver = TypeVar("_Driver", bound=NodeDriver)


class LabDriver:
    """A running lab, its nodes by name or the first of each kind, and what else tests need of it."""

    def __init__(self, thread: LabThread, *, seed: int, is_virtual: bool) -> None:
        """Made by the fixture `lab`, or by `posturelab_farm`, of a thread that runs."""
        self.topology = thread.lab.topology
        self.seed = seed
        self.is_virtual = is_virtual
        self._thread = thread
        self.clock = ClockDriver(self)
        self.journal = JournalWatch(thread)
        self.faults = FaultDriver(self)

    def __repr__(self) -> str:
        return f"<lab {self.topology.name}, {'virtual' if self.is_virtual else 'live'}, seed {self.seed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether the lab has neither been stopped nor broken down."""
        return self._thread.is_running

    @property
    def lab(self) -> Lab:
        """The lab itself, for what runs on its thread: coroutines given to `run`, functions given to `call`."""
        return self._thread.lab

    @property
    def mistakes(self) -> list[str]:
        """What the lab itself has done wrong; a test fails for it when the lab is stopped."""
        return self._thread.mistakes

    @property
    def ca_certificate(self) -> Path:
        """The certificate of the lab's authority, for TLS clients."""
        return self.lab.authority.certificate_path

    def psn(self, name: str | None = None) -> PsnDriver:
        """Get a policy service node, the first without a name; raises `UnknownNodeError`."""
        return self._get(PsnDriver, self.topology.select(PsnNode), name, "policy service node")

    def mnt(self, name: str | None = None) -> MntDriver:
        """Get a monitoring node, the first without a name; raises `UnknownNodeError`."""
        return self._get(MntDriver, self.topology.select(MntNode), name, "monitoring node")

    def switch(self, name: str | None = None) -> SwitchDriver:
        """Get a switch, the first without a name; raises `UnknownNodeError`."""
        return self._get(SwitchDriver, self.topology.select(SwitchNode), name, "switch")

    def endpoint(self, name: str | None = None) -> EndpointDriver:
        """Get an endpoint, the first without a name; raises `UnknownNodeError`."""
        return self._get(EndpointDriver, self.topology.select(EndpointNode), name, "endpoint")

    def node(self, name: str) -> NodeDriver:
        """Get any node; raises `UnknownNodeError`."""
        return self._get(NodeDriver, self.topology.nodes, name, "node")

    def coa(self, endpoint: str, command: str = "reauthenticate", *, psn: str = "", direct: bool = False) -> CoaOutcome:
        """Have the owner, or the node named, send a CoA for an endpoint, by name or MAC; returns how it ended."""
        asked = RequestedCoa(endpoint=endpoint, command=command, psn=psn, direct=direct)
        return self.run(order_coa(self.lab, asked, cause="a test asks for it"))[1]

    def wait_until(
        self, condition: Callable[[Lab], bool], *, within: str | timedelta = "10s", what: str = "the condition"
    ) -> None:
        """Wait until a condition holds, looked at on the lab's thread; raises `AssertionError` with the journal."""
        limit = read_duration(within)
        if not self.run(wait_until(self.lab.journal, lambda: condition(self.lab), within=limit)):
            raise AssertionError(f"{what} did not come true within {render_duration(limit)}\n{self.journal.show()}")

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the lab's loop and wait for it; lab time passes meanwhile."""
        return self._thread.run(work)

    def call(self, function: Callable[[Lab], _T]) -> _T:
        """Call a function with the lab, on its thread."""
        return self._thread.call(function, self.lab)

    def stop(self) -> None:
        """Stop the lab, which the fixture does after the test.

        Raises `LabEndedError` where it has made a mistake, or has broken down and no call has told so.
        """
        told = []
        try:
            self._thread.stop()
        except LabEndedError as error:
            told.append(str(error))
        if self.mistakes:
            told.append("the lab has made a mistake: " + "; ".join(self.mistakes))
        if told:
            raise LabEndedError("\n".join(told))

    def _get(self, kind: type[_Driver], nodes: Mapping[str, object], name: str | None, called: str) -> _Driver:
        chosen = next(iter(nodes), "") if name is None else name
        if chosen not in nodes:
            raise UnknownNodeError(chosen, called, nodes)
        return kind(self, chosen)
