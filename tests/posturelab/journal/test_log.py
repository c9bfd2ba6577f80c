"""The journal as a log for people."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from nac.node.clock import SystemClock
from nac.node.journal import Journal, JournalRecord
from posturelab.journal.log import JournalLog
from posturelab.journal.page import describe_record, parse_record

RECORD = JournalRecord(
    datetime(2026, 1, 5, 8, 0, 3, 250_000, tzinfo=UTC), "psn1", "access-accept", "rule 'A' gives B", {"rule": "A"}
)


def test_a_record_is_one_line() -> None:
    stream = io.StringIO()
    JournalLog(stream, {"psn1": "psn"}, colour=False).write(RECORD)
    assert stream.getvalue() == "2026-01-05\n08:00:03.250  psn1       access-accept            rule 'A' gives B\n"


def test_the_date_stands_where_it_changes_and_a_line_says_whom_it_is_about() -> None:
    stream = io.StringIO()
    log = JournalLog(stream, {"psn1": "psn", "laptop1": "endpoint"}, colour=False)
    about = RECORD._replace(facts={"user": "alice", "mac": "02:00:00:00:10:01"})
    log.write(about)
    log.write(about._replace(node="laptop1"))
    log.write(about._replace(at=about.at + timedelta(days=5), facts={"user": "alice"}))
    first, psn1, laptop1, second, later = stream.getvalue().splitlines()
    assert (first, second) == ("2026-01-05", "2026-01-10")
    assert psn1.endswith("rule 'A' gives B  [02:00:00:00:10:01]")
    assert laptop1.endswith("rule 'A' gives B")
    assert later.endswith("rule 'A' gives B  [alice]")


def test_a_journal_is_followed_from_its_beginning() -> None:
    stream, journal = io.StringIO(), Journal(SystemClock())
    journal.write("psn1", "node-started", "before")
    end = JournalLog(stream, {"psn1": "psn"}, colour=False).follow(journal)
    journal.write("psn1", "node-started", "after")
    end()
    journal.write("psn1", "node-started", "unheard")
    assert [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()[1:]] == ["before", "after"]


def test_a_record_of_the_control_api_looks_the_same() -> None:
    live, told = io.StringIO(), io.StringIO()
    JournalLog(live, {"psn1": "psn"}, colour=True).write(RECORD)
    JournalLog(told, {"psn1": "psn"}, colour=True).write(parse_record(describe_record(RECORD)))
    assert live.getvalue() == told.getvalue()
    assert "\x1b[36mpsn1" in live.getvalue()


def test_what_a_peer_sent_neither_forges_a_line_nor_reaches_the_terminal() -> None:
    stream = io.StringIO()
    forged = "not a session of\n08:00:04.000  psn1       access-accept            \x1b[2J\x9b\u202e\u2028"
    JournalLog(stream, {}, colour=False).write(RECORD._replace(reason=forged))
    _, line = stream.getvalue().splitlines()
    assert line.isprintable()
    assert line.endswith(r"\x1b[2J\x9b\u202e\u2028")


def test_a_reader_that_has_gone_does_not_disturb_the_lab() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    JournalLog(Gone(), {}, colour=False).write(RECORD)
