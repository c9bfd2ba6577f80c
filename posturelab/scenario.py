"""A scenario: a story in YAML, told over a topology, with what must be true along the way.

Steps run in order. A step begins at a time from the start of the story (`at`), or some time after the step before
(`after`), else at once. It does something, then waits, at most `within`, until all it expects holds; where it says
what must not be seen, it waits that long in any case. `seen` and `not_seen` speak of the journal records since the last
thing that was done.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Tag, model_validator

from agent_emulator.view import AgentStatus
from mnt.session import SessionState
from nac.posture import PostureStatus
from nad_emulator.accounting import StrayRecord
from posturelab.coa import COMMANDS
from posturelab.document import Entry
from posturelab.duration import Duration
from posturelab.facts import NO_SESSION, NO_STATUS
from posturelab.topology.endpoint import InventoryEntry
from posturelab.topology.file import DEFAULT
from posturelab.topology.values import ONE_OR_MANY, Name, Text, one_of

_HELD = [*(status.value for status in PostureStatus), NO_STATUS, NO_SESSION]

AgentWord = Annotated[str, one_of([status.value for status in AgentStatus])]
HeldWord = Annotated[str, one_of(_HELD)]
MntWord = Annotated[str, one_of([*(state.value for state in SessionState), NO_SESSION])]
ShownWord = Annotated[str, one_of(["", *(status.shown for status in PostureStatus)])]
AccessWord = Annotated[str, one_of(["closed", "redirect", "restricted", "open"])]


class CoaAction(Entry):
    """A CoA for an endpoint's session, asked of its owner or of the node named, which may send it `direct`."""

    endpoint: Name
    command: Annotated[str, one_of(COMMANDS)] = "reauthenticate"
    psn: Name | None = None
    direct: bool = False


class LinkAction(Entry):
    """A node's link to the others breaks, or is mended."""

    cut: Name | None = None
    restore: Name | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("name one of cut, restore")
        return self


class LegEntry(Entry):
    """What datagrams one way suffer: a share that is lost, a delay for the others; with neither all is well again."""

    source: Name
    destination: Name
    drop: float = Field(default=0.0, ge=0, le=1)
    delay: Annotated[Duration, Field(ge=timedelta(0))] = timedelta(0)


class FaultAction(Entry):
    """The network fails a node, or a leg between two: exactly one key."""

    cut: Name | None = None
    restore: Name | None = None
    freeze: Name | None = None
    thaw: Name | None = None
    leg: LegEntry | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"name one of {', '.join(type(self).model_fields)}")
        return self


class MisdirectAction(Entry):
    """A record of an endpoint's accounting that its switch sends to one server alone, whoever its session is with."""

    endpoint: Name
    send: StrayRecord
    to: Name


class NewSessionAction(Entry):
    """A session id that changes while the endpoint stays, the accounting of the old one ended by a stop or not."""

    endpoint: Name
    stop: bool = True


class InventoryAction(Entry):
    """New software for an endpoint."""

    endpoint: Name
    inventory: InventoryEntry


class Action(Entry):
    """One thing that is done: exactly one key."""

    plug: Name | None = None
    unplug: Name | None = None
    rescan: Name | None = None
    stop: Name | None = None
    start: Name | None = None
    advance: Duration | None = None
    coa: CoaAction | None = None
    reauthenticate: Name | None = None
    new_session_id: NewSessionAction | None = None
    misdirect: MisdirectAction | None = None
    link: LinkAction | None = None
    fault: FaultAction | None = None
    software: InventoryAction | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"name one of {', '.join(type(self).model_fields)}")
        return self


class DirectoryFacts(Entry):
    """What one node's replica of the session directory must hold of an endpoint."""

    owner: Name | Literal[""] | None = None
    posture: Annotated[str, one_of(["", *(status.value for status in PostureStatus)])] | None = None


class Facts(Entry):
    """What must be true of one endpoint; what is left out may be anything."""

    agent: AgentWord | None = None
    owner: Name | None = None
    psn: HeldWord | None = None
    others: dict[Name, HeldWord] = Field(default_factory=dict)
    directory: dict[Name, DirectoryFacts] = Field(default_factory=dict)
    profile: str | None = None
    mnt: MntWord | None = None
    mnt_posture: ShownWord | None = None
    access: AccessWord | None = None


class Sighting(Entry):
    """A kind of journal record: of this event, by this node, whose facts include these."""

    event: Text
    node: Name | None = None
    facts: dict[Text, str | int | float | bool | None] = Field(default_factory=dict)


Actions = Annotated[Annotated[Action, Tag("one")] | Annotated[tuple[Action, ...], Tag("many")], ONE_OR_MANY]


class Step(Entry):
    """One step of a story."""

    at: Duration | None = None
    after: Duration | None = None
    note: Text
    do: Actions = ()
    expect: dict[Name, Facts] = Field(default_factory=dict)
    seen: tuple[Sighting, ...] = ()
    not_seen: tuple[Sighting, ...] = ()
    within: Duration = timedelta(seconds=5)

    @model_validator(mode="after")
    def _begins_once(self) -> Self:
        if self.at is not None and self.after is not None:
            raise ValueError("a step has either at or after")
        return self

    @property
    def actions(self) -> tuple[Action, ...]:
        """What is done, in order."""
        return (self.do,) if isinstance(self.do, Action) else self.do


class Scenario(Entry):
    """A story."""

    name: Text
    description: Text
    topology: Text = DEFAULT
    overrides: dict[str, Any] = Field(default_factory=dict)
    seed: int = 1
    steps: tuple[Step, ...] = Field(min_length=1)
