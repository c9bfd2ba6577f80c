"""What a node has to send and the broker does not have yet: bounded, so that an absent broker costs no node its life.

Of records the newest of each topic and key waits; what is dropped there is asked for again by those who miss it. Of
letters every one waits, in order. Knows neither broker nor clock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

RECORD_LIMIT = 100_000
"""Keys of one topic that may wait."""

LETTER_LIMIT = 50_000
"""Letters to one mailbox that may wait."""

BATCH_LIMIT = 500
"""Records or letters in one message."""

_BATCH_OCTETS = 1 << 20
"""What a message may hold before it takes no further record or letter."""

Tell = Callable[[str], None]

_Waiting = OrderedDict[str, tuple[int, bytes]]
"""Records of one topic by key, oldest first, each with how many had been put when it, or its forerunner, was."""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one topic that go out as one message."""

    topic: str
    records: dict[str, bytes]
    """By key."""
    since: int
    """How many records had been put when the oldest of these was."""


@dataclass(frozen=True, slots=True)
class LetterBatch:
    """Consecutive letters to one mailbox that go out as one message."""

    mailbox: str
    stream: str
    first: int
    letters: Sequence[bytes]


class Outbox:
    """Everything that waits at one node. `tell` is called with one sentence where something is dropped."""

    def __init__(
        self, stream: str, tell: Tell, *, record_limit: int = RECORD_LIMIT, letter_limit: int = LETTER_LIMIT
    ) -> None:
        """Begin empty; letters of this life count in `stream`."""
        self._stream = stream
        self._tell = tell
        self._record_limit = record_limit
        self._letter_limit = letter_limit
        self._topics: OrderedDict[str, _Waiting] = OrderedDict()
        self._overflows: set[str] = set()
        self._under_way: RecordBatch | None = None
        self.put = 0
        """How many records have been put in the outbox's life."""
        self._lanes: dict[str, _Lane] = {}

    @property
    def has_records(self) -> bool:
        """Whether a record waits."""
        return bool(self._topics)

    def has_published(self, put: int) -> bool:
        """Tell whether the broker has what had been put when `put` records had, or something newer in its place."""
        if self._under_way is not None and self._under_way.since <= put:
            return False
        return all(next(iter(records.values()))[0] > put for records in self._topics.values())

    def list_mailboxes(self) -> list[str]:
        """List the mailboxes for which a letter waits."""
        return [mailbox for mailbox, lane in self._lanes.items() if lane.count]

    def has_letters(self, mailbox: str) -> bool:
        """Whether a letter to a mailbox waits."""
        lane = self._lanes.get(mailbox)
        return lane is not None and lane.count > 0

    def put_record(self, topic: str, key: str, record: bytes) -> None:
        """Let a record wait; it takes the place of an older one of its key."""
        waiting = self._topics.get(topic)
        if waiting is None:
            waiting = self._topics[topic] = OrderedDict()
        self.put += 1
        known = waiting.get(key)
        waiting[key] = (self.put if known is None else known[0], record)
        if len(waiting) > self._record_limit:
            self._shorten(topic, waiting)

    def take_records(self) -> RecordBatch | None:
        """Take the oldest records of the topic whose turn it is; the last batch has been confirmed or put back."""
        if not self._topics:
            return None
        topic, waiting = next(iter(self._topics.items()))
        self._topics.move_to_end(topic)
        since, _ = next(iter(waiting.values()))
        octets, records = 0, dict[str, bytes]()
        while waiting and len(records) < BATCH_LIMIT and octets < _BATCH_OCTETS:
            key, (_, record) = waiting.popitem(last=False)
            records[key] = record
            octets += len(record)
        if not waiting:
            del self._topics[topic]
        self._under_way = RecordBatch(topic, records, since)
        return self._under_way

    def confirm_records(self, batch: RecordBatch) -> None:
        """Forget a batch that the broker has."""
        self._under_way = None
        if batch.topic not in self._topics:
            self._overflows.discard(batch.topic)

    def put_back(self, batch: RecordBatch) -> None:
        """Let a batch that the broker may not have wait again, except where a newer record of a key does."""
        self._under_way = None
        waiting = self._topics.setdefault(batch.topic, OrderedDict())
        for key, record in reversed(batch.records.items()):
            if key not in waiting:
                waiting[key] = (batch.since, record)
                waiting.move_to_end(key, last=False)
        self._shorten(batch.topic, waiting)

    def put_letter(self, mailbox: str, letter: bytes) -> None:
        """Let a letter wait."""
        lane = self._lanes.get(mailbox)
        if lane is None:
            lane = self._lanes[mailbox] = _Lane(self._stream)
        lane.segments[-1].letters.append(letter)
        lane.count += 1
        if lane.count > self._letter_limit:
            if not lane.dropped:
                self._tell(f"more than {self._letter_limit} letters to {mailbox} wait; the oldest are dropped")
            lane.drop()

    def take_letters(self, mailbox: str) -> LetterBatch | None:
        """Name the oldest letters to a mailbox; they wait on until they are confirmed."""
        lane = self._lanes.get(mailbox)
        if lane is None or not lane.count:
            return None
        segment = lane.get_oldest()
        octets, letters = 0, list[bytes]()
        for letter in islice(segment.letters, BATCH_LIMIT):
            letters.append(letter)
            octets += len(letter)
            if octets >= _BATCH_OCTETS:
                break
        return LetterBatch(mailbox, segment.stream, segment.first, letters)

    def confirm_letters(self, batch: LetterBatch) -> None:
        """Forget letters that the broker has."""
        lane = self._lanes[batch.mailbox]
        lane.forget(batch.stream, batch.first + len(batch.letters))
        if lane.dropped and not lane.count:
            self._tell(f"{lane.dropped} letters to {batch.mailbox} were dropped")
            lane.dropped = 0

    def restore_letters(self, batches: Sequence[LetterBatch]) -> None:
        """Let letters of earlier lives wait before all others."""
        for batch in reversed(batches):
            lane = self._lanes.setdefault(batch.mailbox, _Lane(self._stream))
            lane.segments.appendleft(_Segment(batch.stream, batch.first, deque(batch.letters)))
            lane.count += len(batch.letters)

    def list_letters(self) -> Iterator[LetterBatch]:
        """List everything that waits for mailboxes, in order."""
        for mailbox, lane in self._lanes.items():
            for segment in lane.segments:
                if segment.letters:
                    yield LetterBatch(mailbox, segment.stream, segment.first, tuple(segment.letters))

    def clear_letters(self) -> None:
        """Forget all letters, which are kept elsewhere; their numbers are not given again."""
        for lane in self._lanes.values():
            own = lane.segments[-1]
            lane.forget_all()
            lane.segments.append(_Segment(self._stream, own.first + len(own.letters), deque()))

    def _shorten(self, topic: str, waiting: _Waiting) -> None:
        while len(waiting) > self._record_limit:
            waiting.popitem(last=False)
            if topic not in self._overflows:
                self._overflows.add(topic)
                self._tell(f"more than {self._record_limit} records of topic {topic} wait; the oldest are dropped")


@dataclass(slots=True)
class _Segment:
    """Letters of one life of the sender, the oldest of which has number `first`."""

    stream: str
    first: int
    letters: deque[bytes]


class _Lane:
    """What waits for one mailbox; the last segment is that of the present life."""

    def __init__(self, stream: str) -> None:
        self.segments = deque([_Segment(stream, 1, deque())])
        self.count = 0
        self.dropped = 0

    def get_oldest(self) -> _Segment:
        while len(self.segments) > 1 and not self.segments[0].letters:
            self.segments.popleft()
        return self.segments[0]

    def drop(self) -> None:
        self.dropped += 1
        oldest = self.get_oldest()
        self.forget(oldest.stream, oldest.first + 1)

    def forget(self, stream: str, end: int) -> None:
        """Forget the oldest segment's letters below a number; another segment's were dropped meanwhile."""
        oldest = self.get_oldest()
        while oldest.stream == stream and oldest.letters and oldest.first < end:
            oldest.letters.popleft()
            oldest.first += 1
            self.count -= 1

    def forget_all(self) -> None:
        self.segments.clear()
        self.count = 0
