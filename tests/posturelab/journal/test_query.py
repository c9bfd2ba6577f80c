"""Which journal records are meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nac.node.journal import JournalRecord
from posturelab.journal.query import RecordQuery, read_record_query
from posturelab.lab_error import UnknownNodeError

RECORD = JournalRecord(
    datetime(2026, 1, 5, tzinfo=UTC), "psn1", "access-accept", "rule 'A' gives B", {"user": "alice", "rule": None}
)


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        (RecordQuery(), True),
        (RecordQuery(event="access-accept"), True),
        (RecordQuery(event="access-reject"), False),
        (RecordQuery(event="access-accept", node="psn1"), True),
        (RecordQuery(event="access-accept", node="psn2"), False),
        (RecordQuery(facts={"user": "alice", "rule": None}), True),
        (RecordQuery(facts={"user": "bob"}), False),
        (RecordQuery(facts={"user": None}), False),
        (RecordQuery(facts={"absent": None}), False),
    ],
)
def test_a_record_is_meant_by_event_node_and_facts(query: RecordQuery, *, matches: bool) -> None:
    assert query.matches(RECORD) is matches


def test_a_query_says_what_it_means() -> None:
    assert str(RecordQuery(event="access-accept", node="psn1")) == "psn1: access-accept"
    assert str(RecordQuery(facts={"user": "alice", "known": True})) == "any node: any event (user=alice, known=True)"


def test_an_event_that_no_record_can_have_is_refused() -> None:
    sentence = r"^no journal event is called 'acess-accept' \(did you mean 'access-accept'\?\)$"
    with pytest.raises(ValueError, match=sentence):
        RecordQuery(event="acess-accept")
    with pytest.raises(ValueError, match=sentence):
        read_record_query({"event": "acess-accept"}, ["psn1"])


def test_a_request_names_node_and_event_or_neither() -> None:
    assert read_record_query({"since": "5"}, ["psn1"]) == RecordQuery()
    asked = {"node": "psn1", "event": "mistake"}
    assert read_record_query(asked, ["psn1"]) == RecordQuery(event="mistake", node="psn1")
    assert read_record_query({"node": "lab"}, ["psn1"]) == RecordQuery(node="lab")
    with pytest.raises(UnknownNodeError, match="no node is called 'psn9'; there are: psn1"):
        read_record_query({"node": "psn9"}, ["psn1"])
