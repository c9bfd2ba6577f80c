"""A scenario: a story in YAML, told over a topology, with what must be true along the way.

Steps run in order. A step begins at a time from the start of the story (`at`), or some time after the step before
(`after`), else at once. It does something, then waits, at most `within`, until all it expects holds; where it says
what must not be seen, it waits that long in any case. `seen` and `not_seen` speak of the journal records since the last
thing that was done.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, Tag, model_validator

from agent_emulator.view import AgentStatus
from mnt.session import SessionState
from nac.posture import PostureStatus
from nad_emulator.accounting import StrayRecord
from posturelab.coa_words import COMMANDS
from posturelab.journal.query import RecordQuery, check_event
from posturelab.observation.facts import NO_SESSION, NO_STATUS
from posturelab.reading.document import Entry
from posturelab.reading.duration import Duration
from posturelab.topology.endpoint import InventoryEntry
from posturelab.topology.file import DEFAULT
from posturelab.topology.values import ONE_OR_MANY, Name, Text, Within, lasting, one_of

_HELD = [*(status.value for status in PostureStatus), NO_STATUS, NO_SESSION]

AgentWord = Annotated[str, one_of([status.value for status in AgentStatus])]
HeldWord = Annotated[str, one_of(_HELD)]
MntWord = Annotated[str, one_of([*(state.value for state in SessionState), NO_SESSION])]
ShownWord = Annotated[str, one_of(["", *(status.shown for status in PostureStatus)])]
AccessWord = Annotated[str, one_of(["closed", "redirect", "restricted", "open"])]


class OneKeyEntry(Entry):
    """A mapping of which exactly one key is written."""

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"name one of {', '.join(type(self).model_fields)}")
        key, value = self.only
        if value is None:
            raise ValueError(f"nothing stands at {key}")
        return self

    @property
    def only(self) -> tuple[str, Any]:
        """The key that is written, and what stands there."""
        (key,) = self.model_fields_set
        return key, getattr(self, key)


class EndpointAction(Entry):
    """Something that is done to one endpoint."""

    endpoint: Name


class CoaAction(EndpointAction):
    """A CoA for an endpoint's session, asked of its owner or of the node named, which may send it `direct`."""

    command: Annotated[str, one_of(COMMANDS)] = "reauthenticate"
    psn: Name | None = None
    direct: bool = False


class LegEntry(Entry):
    """What datagrams one way suffer: a share that is lost, a delay for the others; with neither all is well again."""

    source: Name
    destination: Name
    drop: Annotated[float, Within(0, 1)] = 0.0
    delay: Annotated[Duration, lasting("0s", "1h")] = timedelta(0)


class FaultAction(OneKeyEntry):
    """The network fails a node, its link to the others, or a leg between two; or that ends."""

    cut: Name | None = None
    restore: Name | None = None
    freeze: Name | None = None
    thaw: Name | None = None
    cut_link: Name | None = None
    restore_link: Name | None = None
    leg: LegEntry | None = None


class MisdirectAction(EndpointAction):
    """A record of an endpoint's accounting that its switch sends to one server alone, whoever its session is with."""

    send: StrayRecord
    to: Name


class NewSessionAction(EndpointAction):
    """A session id that changes while the endpoint stays, the accounting of the old one ended by a stop or not."""

    stop: bool = True


class InventoryAction(EndpointAction):
    """New software for an endpoint."""

    inventory: InventoryEntry


class Action(OneKeyEntry):
    """One thing that is done."""

    plug: Name | None = None
    unplug: Name | None = None
    rescan: Name | None = None
    stop: Name | None = None
    start: Name | None = None
    advance: Annotated[Duration, lasting("1ms", "400d")] | None = None
    coa: CoaAction | None = None
    reauthenticate: Name | None = None
    new_session_id: NewSessionAction | None = None
    misdirect: MisdirectAction | None = None
    fault: FaultAction | None = None
    software: InventoryAction | None = None


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

    event: Annotated[str, AfterValidator(check_event)]
    node: Name | None = None
    facts: dict[Text, str | int | float | bool | None] = Field(default_factory=dict)

    @property
    def query(self) -> RecordQuery:
        """Which records are meant."""
        return RecordQuery(event=self.event, node=self.node, facts=self.facts)


Actions = Annotated[Annotated[Action, Tag("one")] | Annotated[tuple[Action, ...], Tag("many")], ONE_OR_MANY]


class Step(Entry):
    """One step of a story."""

    at: Annotated[Duration, lasting("0s", "400d")] | None = None
    after: Annotated[Duration, lasting("0s", "400d")] | None = None
    note: Text
    do: Actions = ()
    expect: dict[Name, Facts] = Field(default_factory=dict)
    seen: tuple[Sighting, ...] = ()
    not_seen: tuple[Sighting, ...] = ()
    within: Annotated[Duration, lasting("0s", "400d")] = timedelta(seconds=5)

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
