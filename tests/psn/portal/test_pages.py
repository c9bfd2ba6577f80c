"""The portal's pages: what a person is told, and that nothing of a session breaks out of it."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from ldd.record import RecordState, SessionRecord
from nac.posture import PostureStatus
from psn.portal.pages import render_problem_page, render_session_page, render_succeeded_page
from psn.session import Session

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Balance(HTMLParser):
    """Notes every element that is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Balance:
    reader = Balance()
    reader.feed(page)
    assert reader.open == []
    return reader


def session(**changes: object) -> Session:
    return Session(**{"session_id": "A", "created_at": NOW, "updated_at": NOW, **changes})  # type: ignore[arg-type]


def make_record(session_id: str) -> SessionRecord:
    return SessionRecord(
        session_id=session_id,
        psn="psn2",
        psn_ip="127.0.1.2",
        psn_fqdn="psn2.lab.test",
        state=RecordState.STARTED,
        version=1,
        authenticated_at=NOW,
        at=NOW,
    )


@pytest.mark.parametrize(
    ("status", "words", "follows"),
    [
        (PostureStatus.COMPLIANT, "You now have Internet access", False),
        (PostureStatus.UNKNOWN, "One step before you are online", True),
        (None, "One step before you are online", True),
        (PostureStatus.NON_COMPLIANT, "This device does not meet the requirements", False),
        (PostureStatus.NOT_APPLICABLE, "This device is let in without a check", False),
    ],
)
def test_each_status_has_its_page(*, status: PostureStatus | None, words: str, follows: bool) -> None:
    page = render_session_page(session(posture_status=status), policy_server="psn1.lab.test", remedies=())
    assert words in page
    assert ('http-equiv="refresh"' in page) is follows
    assert "psn1.lab.test" in page
    read(page)


def test_a_person_is_told_what_to_do() -> None:
    page = render_session_page(
        session(posture_status=PostureStatus.NON_COMPLIANT),
        policy_server="psn1.lab.test",
        remedies=("Install <an> antivirus product.",),
    )
    assert "<li>Install &lt;an&gt; antivirus product.</li>" in page


def test_a_succeeded_session_names_its_successor_and_who_looks_after_it() -> None:
    page = render_succeeded_page(session(), make_record("B"))
    for words in ("This device has connected again since", "<dd>B</dd>", "<dd>psn2.lab.test</dd>"):
        assert words in page
    read(page)


def test_nothing_of_a_session_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    page = render_session_page(session(session_id=evil, user_name=evil), policy_server=evil, remedies=())
    assert "script" not in read(page).names
    assert "script" not in read(render_problem_page(evil)).names
    assert "script" not in read(render_succeeded_page(session(session_id=evil), make_record(evil))).names
