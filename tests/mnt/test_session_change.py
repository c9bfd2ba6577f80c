"""Every change is told in a sentence that says which record of which node did it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from mnt.session_directory import SessionDirectory
from nac.syslog import SyslogRecord
from tests.mnt.conftest import SESSION

Maker = Callable[..., SyslogRecord]
Step = tuple[int, str, str]

UNKNOWN, COMPLIANT = "Unknown", "Compliant"


@pytest.mark.parametrize(
    ("before", "last", "told"),
    [
        (
            [],
            (5200, "psn1", UNKNOWN),
            [("session-authenticated", "passed authentication 5200 of psn1 makes a new session")],
        ),
        (
            [(5200, "psn1", UNKNOWN)],
            (5200, "psn1", UNKNOWN),
            [("session-reauthenticated", "passed authentication 5200 of psn1 renews the session")],
        ),
        (
            [(5200, "psn1", UNKNOWN)],
            (5200, "psn2", COMPLIANT),
            [
                ("session-reauthenticated", "passed authentication 5200 of psn2 makes psn2 the owner, it was psn1"),
                ("posture-status-changed", "passed authentication 5200 of psn2 says Compliant, it was Pending"),
            ],
        ),
        (
            [(5200, "psn1", "")],
            (87000, "psn1", COMPLIANT),
            [
                ("session-postured", "posture report 87000 of psn1 came before the accounting start"),
                ("posture-status-changed", "posture report 87000 of psn1 says Compliant, it was not known"),
            ],
        ),
        (
            [(5200, "psn1", "")],
            (3000, "psn2", ""),
            [("session-started", "accounting start 3000 of psn2 arrived")],
        ),
        (
            [(5200, "psn1", ""), (3000, "psn1", "")],
            (3001, "psn1", ""),
            [("session-terminated", "accounting stop 3001 of psn1 arrived")],
        ),
        (
            [(5200, "psn1", ""), (3000, "psn1", "")],
            (3001, "psn2", ""),
            [("session-terminated", "accounting stop 3001 of psn2 ends it, though the owner is psn1")],
        ),
        (
            [(5200, "psn1", ""), (3001, "psn1", "")],
            (5200, "psn2", ""),
            [("session-authenticated", "passed authentication 5200 of psn2 revives the terminated session")],
        ),
        (
            [(5200, "psn1", ""), (3001, "psn1", "")],
            (3002, "psn2", ""),
            [
                (
                    "record-ignored",
                    "accounting interim 3002 of psn2 changes nothing: "
                    f"session {SESSION} is terminated, and only a new passed authentication revives it",
                )
            ],
        ),
        (
            [],
            (3002, "psn2", ""),
            [
                (
                    "record-ignored",
                    "accounting interim 3002 of psn2 changes nothing: "
                    f"session {SESSION} is not known here, and only a passed authentication makes one",
                )
            ],
        ),
        ([(5200, "psn1", UNKNOWN)], (3002, "psn1", ""), []),
        ([(5200, "psn1", UNKNOWN)], (5205, "psn1", UNKNOWN), []),
    ],
)
def test_each_change_is_told_in_one_sentence(
    record: Maker, now: datetime, before: list[Step], last: Step, told: list[tuple[str, str]]
) -> None:
    directory = SessionDirectory()
    for code, host, status in before:
        directory.apply(record(code, host=host, PostureStatus=status), now)
    code, host, status = last
    changes = directory.apply(record(code, host=host, PostureStatus=status), now)
    assert [(change.event, change.reason) for change in changes] == told
