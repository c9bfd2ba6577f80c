"""Remote syslog between nodes, encode and decode: frame, segments, record head, attribute list (aaa-mnt.md 4.1).

A record is one line of text, ``<date> <zone> <sequence> <code> <severity> <class>: <text>, key=value, ...,``. It
travels as one datagram, or as several numbered segments under the same message id, each no longer than the target's
setting. A segment's payload is everything after the one blank that ends its frame, so that joining payloads in order
gives the record back, also where an attribute longer than a segment had to be cut. Cuts fall behind the comma of an
attribute; the blank that follows it begins the next payload, hence the two blanks seen there.

Escaping as real lines have it: comma, semicolon, backslash and braces behind a backslash. A value in braces
(``Response={...}``) is itself a list and keeps its escapes. Control characters (Unicode's Cc) and the separators of
lines and paragraphs never enter a line; they become ``?``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from nac.syslog_catalogue import LEVELS, CatalogueEntry

LOCAL6 = 22
"""The facility of the targets named LogCollector, as it is by default."""

SHORTEST_LENGTH, LONGEST_LENGTH, DEFAULT_LENGTH = 200, 8192, 1024
"""Octets: the range of a remote target's maximum length, and its default."""

LONGEST_HOST = 64
"""Octets; with it the shortest segment still has room for some attributes."""

MOST_SEGMENTS = 9999

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SECOND = timedelta(seconds=1)
_BACKSLASH = ord("\\")
_NEVER = datetime.min.replace(tzinfo=UTC)

_ESCAPES = str.maketrans(
    {
        **{chr(code): "?" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)},
        **{special: f"\\{special}" for special in ",;\\{}"},
    }
)
_SPECIAL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029,;\\{}]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ITEMS = re.compile(r"(?:[^,\\]|\\.?)+", re.DOTALL)

_TIME = r"[A-Z][a-z]{2} {1,2}[0-9]{1,2} (?:[0-9]{4} )?[0-9:]{8}(?:\.[0-9]{1,9})?(?: (?:[A-Z]{1,5}|[+-][0-9:]{4,5}):?)?"
_FRAME = re.compile(
    rf"<(?P<priority>[0-9]{{1,3}})>(?:{_TIME} [!-~]{{1,255}} (?:<[0-9]{{1,3}}>)?)?{_TIME} (?P<host>[!-~]{{1,255}})"
    r" (?P<category>[A-Za-z0-9_]{1,80}) (?P<message_id>[0-9]{1,10})"
    r" (?P<total>[0-9]{1,4}) (?P<index>[0-9]{1,4}) (?P<payload>.*)",
    re.DOTALL,
)
_RECORD = re.compile(
    r"(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,6}) (?P<zone>[+-][0-9]{2}:[0-9]{2})"
    r" (?P<sequence>[0-9]{1,20}) (?P<code>[0-9]{1,6}) (?P<severity>[A-Z]{1,10}) (?P<message_class>[^:,]{1,80}):"
    r" (?P<text>[^,]{0,300})(?:,(?P<attributes>.*))?",
    re.DOTALL,
)


class MalformedSyslogError(ValueError):
    """A datagram or a record is not of the form above; `problem` says in which respect."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"not a syslog record of a policy service node: {problem}")
        self.problem = problem


def escape(value: str) -> str:
    """Escape one value of a key list."""
    return value.translate(_ESCAPES) if _SPECIAL.search(value) else value


def render_attributes(pairs: Sequence[tuple[str, str]]) -> str:
    """Render ``key=value, key=value, `` with escapes; renderings of parts may be joined as they are."""
    if not pairs:
        return ""
    text = ", ".join([f"{key}={value}" for key, value in pairs])
    clean = text.isprintable() and not ("\\" in text or ";" in text or "{" in text or "}" in text)
    if clean and text.count(",") == len(pairs) - 1:
        return f"{text}, "
    return "".join([f"{key}={value.translate(_ESCAPES)}, " for key, value in pairs])


def parse_attributes(text: str) -> list[tuple[str, str]]:
    """Parse a key list; order and repeats stay, an item without ``=`` is a key with an empty value."""
    pairs = []
    for item in text.split(",") if "\\" not in text else _ITEMS.findall(text):
        key, _, value = item.lstrip(" ").partition("=")
        if key or value:
            pairs.append((key, value if value.startswith("{") else _unescape(value)))
    return pairs


def _unescape(value: str) -> str:
    return _ESCAPED.sub(r"\1", value) if "\\" in value else value


class SyslogEncoder:
    """Encode the records of one node for one target, numbering them from one."""

    def __init__(self, host: str, *, maximum_length: int = DEFAULT_LENGTH) -> None:
        """Raise `ValueError` for a host name with blanks or over 64 octets, or a length outside 200..8192."""
        if not re.fullmatch(rf"[!-~]{{1,{LONGEST_HOST}}}", host):
            raise ValueError(f"{host!r} cannot be a syslog host name: 1 to {LONGEST_HOST} visible ASCII characters")
        if not SHORTEST_LENGTH <= maximum_length <= LONGEST_LENGTH:
            raise ValueError(f"the maximum syslog length must be {SHORTEST_LENGTH} to {LONGEST_LENGTH}")
        self.host = host
        self.maximum_length = maximum_length
        self.records = 0
        self._second = self._next_second = _NEVER
        self._date = self._zone = self._bsd_time = ""
        self._known: dict[int, tuple[str, str]] = {}

    def encode(self, entry: CatalogueEntry, now: datetime, body: str) -> list[bytes]:
        """Encode one record as its datagrams. `body` is joined parts that each end in ``, ``, as rendered above."""
        if not self._second <= now < self._next_second:
            self._begin_second(now)
        frame, head = self._known.get(entry.code) or self._render_entry(entry)
        self.records += 1
        number = f"{self.records:010d}"
        record = f"{self._date}{now.microsecond // 1000:03d}{self._zone}{number} {head}{body}"
        payload = record.encode("utf-8", "replace")
        frame = f"{frame}{number} "
        if len(frame) + len("1 0 ") + len(payload) - 1 <= self.maximum_length:
            return [f"{frame}1 0 ".encode() + payload[:-1]]
        return self._encode_segments(frame, payload[:-1])

    def _encode_segments(self, frame: str, payload: bytes) -> list[bytes]:
        room = self.maximum_length - len(frame) - len(f"{MOST_SEGMENTS} {MOST_SEGMENTS} ")
        parts = []
        start = 0
        while len(payload) - start > room:
            end = _find_cut(payload, start, start + room)
            parts.append(payload[start:end])
            start = end
        parts.append(payload[start:])
        frame = f"{frame}{len(parts)} "
        return [f"{frame}{index} ".encode() + part for index, part in enumerate(parts)]

    def _begin_second(self, now: datetime) -> None:
        """Render what all records of one second share."""
        self._second = now.replace(microsecond=0)
        self._next_second = self._second + _SECOND
        text = self._second.isoformat(" ")
        self._date = f"{text[:19]}."
        self._zone = f" {text[19:25]} "
        self._bsd_time = f"{_MONTHS[now.month - 1]} {now.day:2d} {text[11:19]}"
        self._known.clear()

    def _render_entry(self, entry: CatalogueEntry) -> tuple[str, str]:
        """Render what all records of one kind share within one second: frame up to the message id, and head."""
        priority = LOCAL6 * 8 + LEVELS[entry.severity]
        frame = f"<{priority}>{self._bsd_time} {self.host} {entry.category} "
        head = f"{entry.code} {entry.severity} {entry.message_class}: {entry.text}, "
        self._known[entry.code] = frame, head
        return frame, head


def _find_cut(data: bytes, start: int, limit: int) -> int:
    """Find the end, `limit` at most, of the segment that begins at `start`.

    Behind the last whole attribute; else, inside an attribute too long for a segment, before the last blank; else as
    far as it goes without parting a character or an escape.
    """
    end = data.rfind(b", ", start, limit + 1)
    while end > start and _is_escaped(data, end):
        end = data.rfind(b", ", start, end + 1)
    if end > start:
        return end + 1
    end = data.rfind(b" ", start + 1, limit + 1)
    if end > start:
        return end
    end = limit
    while data[end] & 0xC0 == 0x80 or _is_escaped(data, end):
        end -= 1
    return end


def _is_escaped(data: bytes, at: int) -> bool:
    """Whether an odd number of backslashes precedes an octet."""
    return data[at - 1] == _BACKSLASH and (at - len(data[:at].rstrip(b"\\"))) % 2 == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One datagram of a record: segment `index` of `total`."""

    priority: int
    host: str
    category: str
    message_id: int
    total: int
    index: int
    payload: str


def parse_segment(data: bytes) -> Segment:
    """Parse one datagram; raises `MalformedSyslogError`. Takes a relay's second header, and a zone after the time."""
    found = _FRAME.fullmatch(data.decode("utf-8", "replace").rstrip("\r\n\0"))
    if found is None:
        raise MalformedSyslogError("the frame is not <PRI>time host category id segments segment")
    segment = Segment(
        priority=int(found["priority"]),
        host=found["host"],
        category=found["category"],
        message_id=int(found["message_id"]),
        total=int(found["total"]),
        index=int(found["index"]),
        payload=found["payload"],
    )
    if segment.priority > 191:
        raise MalformedSyslogError(f"the priority {segment.priority} is above 191")
    if segment.index >= segment.total:
        raise MalformedSyslogError(f"segment {segment.index} of {segment.total} cannot be")
    return segment


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogRecord:
    """A whole record. `host` is the node that wrote it; `at` is when, by that node's clock."""

    host: str
    category: str
    at: datetime
    sequence: int
    code: int
    severity: str
    message_class: str
    text: str
    attributes: tuple[tuple[str, str], ...]
    _index: dict[str, list[str]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for key, value in self.attributes:
            self._index.setdefault(key.lower(), []).append(value)

    def all(self, key: str) -> list[str]:
        """List the values of a key in order. Case does not count: real lines have both ``-ID`` and ``-Id``."""
        return list(self._index.get(key.lower(), ()))

    def first(self, *keys: str) -> str:
        """Tell the first value of the first of these keys that has one, or an empty text."""
        for key in keys:
            for value in self._index.get(key.lower(), ()):
                if value:
                    return value
        return ""


def parse_record(*, host: str, category: str, text: str) -> SyslogRecord:
    """Parse the joined payloads of a record; raises `MalformedSyslogError`."""
    found = _RECORD.fullmatch(text)
    if found is None:
        raise MalformedSyslogError("the head is not date zone sequence code severity class: text")
    try:
        at = datetime.fromisoformat(f"{found['at']}{found['zone']}")
    except ValueError as error:
        raise MalformedSyslogError(f"the time is malformed ({error})") from None
    return SyslogRecord(
        host=host,
        category=category,
        at=at,
        sequence=int(found["sequence"]),
        code=int(found["code"]),
        severity=found["severity"],
        message_class=found["message_class"],
        text=found["text"],
        attributes=tuple(parse_attributes(found["attributes"] or "")),
    )
