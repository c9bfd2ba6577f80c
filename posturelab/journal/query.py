"""Which journal records are meant, whoever asks: a story, a test, or a request to the control API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from nac.node.journal import Fact, JournalRecord
from posturelab.journal.events import EVENTS
from posturelab.lab_error import UnknownNodeError
from posturelab.mistake import LAB
from posturelab.reading.document import suggest


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """Records of an event, by a node, whose facts include these; what is left out may be anything.

    Raises `ValueError` for an event that no record can have.
    """

    event: str | None = None
    node: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.event is not None:
            check_event(self.event)

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}"

    @property
    def subject(self) -> str:
        """Who has written them."""
        return self.node or "any node"

    @property
    def what(self) -> str:
        """What they tell: ``access-accept (user=alice, rule=Staff)``."""
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return (self.event or "any event") + f" ({facts})" * bool(facts)

    def matches(self, record: JournalRecord) -> bool:
        """Tell whether a record is meant; a fact that it lacks has no value, not even null."""
        return (
            self.event in (None, record.event)
            and self.node in (None, record.node)
            and all(name in record.facts and record.facts[name] == value for name, value in self.facts.items())
        )


def check_event(event: str) -> str:
    """Return an event that records can have; raises `ValueError` for any other."""
    if event not in EVENTS:
        raise ValueError(f"no journal event is called {event!r}{suggest(event, EVENTS)}")
    return event


def check_writer(name: str, nodes: Collection[str]) -> str:
    """Return who can have written records, a node or the lab itself; raises `UnknownNodeError` for any other."""
    if name != LAB and name not in nodes:
        raise UnknownNodeError(name, "node", nodes)
    return name


def read_record_query(parameters: Mapping[str, str], nodes: Collection[str]) -> RecordQuery:
    """Read what a request asks for, by ``node`` and ``event``; raises `UnknownNodeError` or `ValueError`."""
    node = parameters.get("node")
    if node is not None:
        check_writer(node, nodes)
    return RecordQuery(event=parameters.get("event"), node=node)
