"""What travels between nodes, in both directions, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.envelope import (
    LAST_NUMBER,
    EnvelopeError,
    RecordMessage,
    SchemaVersionError,
    Sequences,
    decode_letters,
    decode_records,
    encode_letters,
    encode_records,
)
from ldd.link import Delivery

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.text(), st.text(), st.integers(1, LAST_NUMBER), st.text(), st.lists(values, max_size=5))
def test_records_survive_their_envelope(node: str, stream: str, sequence: int, topic: str, records: list[Any]) -> None:
    message = RecordMessage(node=node, stream=stream, sequence=sequence, topic=topic, records=records)
    encoded = [json.dumps(record).encode() for record in records]
    data = encode_records(node=node, stream=stream, sequence=sequence, topic=topic, records=encoded)
    assert decode_records(data) == message


@given(st.text(), st.text(), st.integers(1, LAST_NUMBER), st.lists(values, max_size=5))
def test_letters_survive_their_envelope(node: str, stream: str, first: int, letters: list[Any]) -> None:
    encoded = [json.dumps(letter).encode() for letter in letters]
    data = encode_letters(node=node, stream=stream, first=first, letters=encoded)
    assert decode_letters(data) == Delivery(sender=node, stream=stream, first=first, letters=letters)


def test_an_envelope_reads_as_documented() -> None:
    data = encode_records(node="psn1", stream="5f", sequence=17, topic="session", records=[b'{"a":1}', b"2"])
    assert data == (
        b'{"schemaVersion":1,"node":"psn1","stream":"5f","sequence":17,"topic":"session","records":[{"a":1},2]}'
    )
    data = encode_letters(node="psn1", stream="5f", first=41, letters=[b'["<182>"]'])
    assert data == b'{"schemaVersion":1,"node":"psn1","stream":"5f","first":41,"letters":[["<182>"]]}'


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_other_bytes_raise_one_error(data: bytes) -> None:
    for decode in (decode_records, decode_letters):
        with pytest.raises(EnvelopeError):
            decode(data)


@pytest.mark.parametrize("first", [True, 0, -1, LAST_NUMBER + 1])
def test_letters_cannot_count_from_anywhere(first: int) -> None:
    members = {"schemaVersion": 1, "node": "a", "stream": "b", "first": first, "letters": []}
    with pytest.raises(EnvelopeError, match="first "):
        decode_letters(json.dumps(members).encode())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schemaVersion": 2}, "a writes schema version 2, and this release knows 1"),
        ({"schemaVersion": 2, "node": "a\nb"}, "a node without a name writes schema version 2"),
        ({"schemaVersion": 2, "node": "a" * 254}, "a node without a name writes schema version 2"),
        ({"schemaVersion": 2, "node": None}, "a node without a name writes schema version 2"),
        ({"schemaVersion": 0}, "schemaVersion lies not between 1 and "),
        ({"node": None}, "node is missing or of another type"),
        ({"schemaVersion": True}, "schemaVersion is missing or of another type"),
        ({"sequence": True}, "sequence is missing or of another type"),
        *(({"sequence": number}, "sequence lies not between 1 and ") for number in (0, -1, LAST_NUMBER + 1, 10**20)),
        ({"records": {}}, "records is missing or of another type"),
    ],
)
def test_what_is_wrong_with_a_message_is_told(changes: dict[str, object], reason: str) -> None:
    members = {"schemaVersion": 1, "node": "a", "stream": "b", "sequence": 1, "topic": "c", "records": []}
    with pytest.raises(EnvelopeError, match=reason):
        decode_records(json.dumps(members | changes).encode())


def test_a_message_of_a_newer_release_is_told_from_one_of_an_older(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older release knows what to do with neither; a newer one will read its own."""
    monkeypatch.setattr("ldd.envelope.SCHEMA_VERSION", 2)
    for version, is_newer in ((1, False), (3, True)):
        with pytest.raises(SchemaVersionError) as caught:
            decode_letters(b'{"schemaVersion":%d,"node":"psn1"}' % version)
        assert caught.value.is_newer is is_newer


def test_gaps_are_counted_for_each_sender_and_each_of_its_lives() -> None:
    sequences = Sequences()

    def find(node: str, stream: str, sequence: int) -> str | None:
        return sequences.find_gap(
            RecordMessage(node=node, stream=stream, sequence=sequence, topic="session", records=[])
        )

    assert find("psn1", "a", 40) is None, "what came before the first is nobody's loss"
    assert find("psn1", "a", 41) is None
    assert find("psn2", "b", 7) is None
    assert find("psn1", "a", 44) == "2 of the messages of psn1 did not arrive"
    assert find("psn1", "a", 42) is None, "one that comes again"
    assert find("psn1", "a", 45) is None
    assert find("psn1", "c", 1) is None, "a new life begins at one"
    assert find("psn2", "d", 3) == "2 of the messages of psn2 did not arrive"
    assert find("psn2", "d", LAST_NUMBER) is not None
    assert find("psn2", "d", 4) == "the messages of psn2 did not come in their order"
    assert find("psn2", "d", 6) == "1 of the messages of psn2 did not arrive", "one wrong number blinds nobody"
