"""What travels between nodes: the JSON around records and around letters, the same over either back end.

Knows neither topics nor mailboxes, nor what records and letters say; ISE's own payload is not public. A message of
records counts on from its sender's last one, so that whoever receives them notices what did not arrive.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ldd.link import Delivery, Json

SCHEMA_VERSION = 1

LAST_NUMBER = (1 << 53) - 1
"""Of a message or a letter: what every JSON reader can count to (RFC 8259 section 6)."""

REDELIVERY_LIMIT = 100_000
"""So many messages behind its sender's last one a message may be one that comes again."""


LONGEST_NAME = 253
"""Characters of a sender's name that are repeated where nothing else of its message can be read."""


class EnvelopeError(ValueError):
    """Bytes from the broker are not a message of a schema that this node knows; says what is wrong."""


class SchemaVersionError(EnvelopeError):
    """A message of another release than this node's."""

    def __init__(self, version: int, sender: Json) -> None:
        """Name the sender, which may be anything."""
        is_name = isinstance(sender, str) and 0 < len(sender) <= LONGEST_NAME and sender.isprintable()
        named = sender if is_name else "a node without a name"
        super().__init__(f"{named} writes schema version {version}, and this release knows {SCHEMA_VERSION}")
        self.is_newer = version > SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMessage:
    """Records of one topic. `stream` names a life of the sender, in which messages count from 1."""

    node: str
    stream: str
    sequence: int
    topic: str
    records: Sequence[Json]


def encode_records(*, node: str, stream: str, sequence: int, topic: str, records: Iterable[bytes]) -> bytes:
    """Put records, each a JSON value, into one message."""
    head = {"schemaVersion": SCHEMA_VERSION, "node": node, "stream": stream, "sequence": sequence, "topic": topic}
    return _encode(head, "records", records)


def decode_records(data: bytes) -> RecordMessage:
    """Decode a message of records; raises `EnvelopeError` for any other bytes."""
    members = _decode(data)
    return RecordMessage(
        node=_get(members, "node", str),
        stream=_get(members, "stream", str),
        sequence=_get_number(members, "sequence"),
        topic=_get(members, "topic", str),
        records=_get(members, "records", list),
    )


def encode_letters(*, node: str, stream: str, first: int, letters: Iterable[bytes]) -> bytes:
    """Put consecutive letters, each a JSON value, into one message."""
    head = {"schemaVersion": SCHEMA_VERSION, "node": node, "stream": stream, "first": first}
    return _encode(head, "letters", letters)


def decode_letters(data: bytes) -> Delivery:
    """Decode a message of letters; raises `EnvelopeError` for any other bytes."""
    members = _decode(data)
    return Delivery(
        sender=_get(members, "node", str),
        stream=_get(members, "stream", str),
        first=_get_number(members, "first"),
        letters=_get(members, "letters", list),
    )


class Sequences:
    """How far each sender has counted, as one receiver sees it."""

    def __init__(self) -> None:
        """Begin without senders; what came before a sender's first message here is nobody's loss."""
        self._next: dict[str, tuple[str, int]] = {}

    def find_gap(self, message: RecordMessage) -> str | None:
        """Count a message; one sentence where messages before it did not arrive. One that comes again is no gap.

        Where a number is far below the last one it is that which was wrong, and counting begins anew.
        """
        stream, expected = self._next.get(message.node, (message.stream, message.sequence))
        if stream != message.stream:
            expected = 1
        missing = message.sequence - expected
        if missing < -REDELIVERY_LIMIT:
            self._next[message.node] = (message.stream, message.sequence + 1)
            return f"the messages of {message.node} did not come in their order"
        self._next[message.node] = (message.stream, max(expected, message.sequence + 1))
        return f"{missing} of the messages of {message.node} did not arrive" if missing > 0 else None


def _encode(head: dict[str, object], name: str, values: Iterable[bytes]) -> bytes:
    """Join values that are JSON already, instead of encoding them a second time."""
    begin = json.dumps(head, separators=(",", ":"))[:-1]
    return b'%b,"%b":[%b]}' % (begin.encode(), name.encode(), b",".join(values))


def _decode(data: bytes) -> dict[str, Any]:
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        raise EnvelopeError("it is not JSON") from None
    if not isinstance(members, dict):
        raise EnvelopeError("it is not a JSON object")
    version = _get_number(members, "schemaVersion")
    if version != SCHEMA_VERSION:
        raise SchemaVersionError(version, members.get("node"))
    return members


def _get_number(members: dict[str, Any], name: str) -> int:
    number: int = _get(members, name, int)
    if not 0 < number <= LAST_NUMBER:
        raise EnvelopeError(f"{name} lies not between 1 and {LAST_NUMBER}")
    return number


def _get(members: dict[str, Any], name: str, kind: type) -> Any:
    value = members.get(name)
    if type(value) is not kind:
        raise EnvelopeError(f"{name} is missing or of another type")
    return value
