"""Log records as letters: the syslog lines of one record, as they go to the mailboxes of monitoring nodes.

A letter is a JSON list of the record's lines, its segments in their order; how ISE frames them is not public
(aaa-mnt.md 4.5). It travels inside a message of the bus, which is read as JSON as a whole. So it is encoded as text
of that message, and parsed from the list that is found in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from nac.syslog import MOST_SEGMENTS, MalformedSyslogError, SyslogRecord, parse_record, parse_segment


def encode_letter(lines: Iterable[bytes]) -> bytes:
    """Encode lines as JSON: they are UTF-8 and free of control characters, which leaves two characters to escape."""
    texts = [line.replace(b"\\", b"\\\\").replace(b'"', b'\\"') for line in lines]
    return b'["' + b'","'.join(texts) + b'"]'


def parse_letter(letter: object) -> SyslogRecord:
    """Parse what JSON made of a letter; raises `MalformedSyslogError`."""
    if not isinstance(letter, list) or not 0 < len(letter) <= MOST_SEGMENTS:
        raise MalformedSyslogError("a letter is a list of lines")
    payloads = []
    head = None
    for index, line in enumerate(letter):
        if not isinstance(line, str):
            raise MalformedSyslogError("a line of a letter is text")
        segment = parse_segment(line.encode("utf-8", "replace"))
        head = head or segment
        if (segment.host, segment.message_id) != (head.host, head.message_id):
            raise MalformedSyslogError("the lines of a letter belong to several records")
        if (segment.index, segment.total) != (index, len(letter)):
            raise MalformedSyslogError("the lines of a letter are not all segments of a record in their order")
        payloads.append(segment.payload)
    assert head is not None
    return parse_record(host=head.host, category=head.category, text="".join(payloads))
