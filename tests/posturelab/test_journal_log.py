"""The journal as a log for people."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from nac.journal import JournalRecord
from posturelab.journal_json import describe_record
from posturelab.journal_log import JournalLog

RECORD = JournalRecord(
    datetime(2026, 1, 5, 8, 0, 3, 250_000, tzinfo=UTC), "psn1", "access-accept", "rule 'A' gives B", {"rule": "A"}
)


def test_a_record_is_one_line() -> None:
    stream = io.StringIO()
    JournalLog(stream, {"psn1": "psn"}, colour=False).write(RECORD)
    assert stream.getvalue() == "08:00:03.250  psn1       access-accept            rule 'A' gives B\n"


def test_a_record_of_the_control_api_looks_the_same() -> None:
    live, told = io.StringIO(), io.StringIO()
    JournalLog(live, {"psn1": "psn"}, colour=True).write(RECORD)
    JournalLog(told, {"psn1": "psn"}, colour=True).write_described(describe_record(RECORD))
    assert live.getvalue() == told.getvalue()
    assert "\x1b[36mpsn1" in live.getvalue()


def test_what_a_peer_sent_neither_forges_a_line_nor_reaches_the_terminal() -> None:
    stream = io.StringIO()
    forged = "not a session of\n08:00:04.000  psn1       access-accept            \x1b[2J\x9b\u202e\u2028"
    JournalLog(stream, {}, colour=False).write(RECORD._replace(reason=forged))
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert line.endswith(r"\x1b[2J\x9b\u202e\u2028")


def test_a_reader_that_has_gone_does_not_disturb_the_lab() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    JournalLog(Gone(), {}, colour=False).write(RECORD)
