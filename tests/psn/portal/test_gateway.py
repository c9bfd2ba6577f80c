"""What links are answered, without a socket: headers for agents, pages for people, and neither where they are void."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.discovery import decode_answer
from nac.posture import PostureStatus
from nac.requirement import Outcome
from psn.portal.request import PortalRequest
from tests.psn.portal_bench import AGENT, BROWSER, OTHER_MAC, TOKEN, PortalBench, make_report

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"


def test_a_redirected_agent_gets_the_headers_of_its_session() -> None:
    bench = PortalBench()
    answer = bench.follow(f"sessionId=A1&portal=p&action=cpp&token={TOKEN}")
    assert answer.status is HTTPStatus.OK
    assert answer.body == b""
    decoded = decode_answer(answer.headers)
    assert (decoded.session_id, decoded.posture_status) == ("A1", PostureStatus.UNKNOWN)
    event, reason, facts = bench.last_record()
    assert (event, reason) == ("discovery-answered", "found by session id A1")
    assert facts["agent_configuration"] == "Default agent"
    assert "header X-ISE-SessionId value is A1" in facts["log"]


def test_a_redirected_browser_gets_a_page() -> None:
    bench = PortalBench()
    answer = bench.follow(f"sessionId=A1&token={TOKEN}", BROWSER)
    assert (answer.status, answer.content_type) == (HTTPStatus.OK, "text/html")
    assert b"One step before you are online" in answer.body
    assert "X-ISE-PDP" not in answer.headers
    assert bench.last_record()[0] == "portal-page"


def test_a_browser_of_a_compliant_session_has_internet_access() -> None:
    """Scenario 29 of posture.md 11."""
    bench = PortalBench(posture_status=PostureStatus.COMPLIANT)
    assert b"You now have Internet access" in bench.follow("sessionId=A1", BROWSER).body
    assert bench.sink.results == []


async def test_a_browser_of_a_failed_session_is_told_the_remedy() -> None:
    bench = PortalBench()
    await bench.post(make_report(Outcome.FAILED))
    assert b"<li>Install an antivirus product.</li>" in bench.follow("sessionId=A1", BROWSER).body


def test_an_agent_with_a_link_to_an_earlier_session_gets_no_answer() -> None:
    """posture.md 6.5."""
    bench = PortalBench()
    bench.share(authenticated=60)
    assert bench.follow(f"sessionId=A1&token={TOKEN}").is_silent
    assert bench.last_record()[0] == "discovery-silent"


def test_a_redirected_agent_is_answered_whatever_session_another_adapter_has() -> None:
    bench = PortalBench()
    bench.share(authenticated=60, mac=OTHER_MAC)
    assert decode_answer(bench.follow(f"sessionId=A1&token={TOKEN}").headers).session_id == "A1"


@pytest.mark.parametrize("user_agent", [BROWSER, PHONE])
def test_a_person_with_a_link_to_an_earlier_session_is_told_so(user_agent: str) -> None:
    bench = PortalBench()
    bench.share(authenticated=60)
    answer = bench.follow(f"sessionId=A1&token={TOKEN}", user_agent)
    assert (answer.status, answer.is_silent) == (HTTPStatus.OK, False)
    assert b"This device has connected again since" in answer.body
    assert b"psn2.lab.test" in answer.body
    assert bench.sink.results == []
    event, reason, _ = bench.last_record()
    assert event == "portal-page"
    assert reason.startswith("found by session id A1, but the directory has session B2, authenticated on psn2 at ")


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("sessionId=Z", HTTPStatus.NOT_FOUND, "no session here of Z"),
        ("", HTTPStatus.NOT_FOUND, "the request names neither session nor endpoint"),
        ("sessionId=A1&token=wrong", HTTPStatus.NOT_FOUND, "the token of this link is not that of session A1"),
        (
            "sessionId=A1&sessionId=B",
            HTTPStatus.BAD_REQUEST,
            "malformed portal address: field 'sessionId' appears twice",
        ),
    ],
)
@pytest.mark.parametrize("user_agent", [AGENT, BROWSER])
def test_a_link_that_leads_nowhere_is_refused_without_headers(
    query: str, status: HTTPStatus, reason: str, user_agent: str
) -> None:
    bench = PortalBench()
    answer = bench.follow(query, user_agent)
    assert answer.status is status
    assert not any(name.startswith("X-ISE") for name in answer.headers)
    assert answer.content_type == ("text/plain" if user_agent == AGENT else "text/html")
    assert bench.last_record()[:2] == ("portal-refused", reason)


@given(st.binary(), st.sampled_from([AGENT, BROWSER, ""]))
def test_any_octets_get_an_answer(data: bytes, user_agent: str) -> None:
    bench = PortalBench()
    answer = bench.gateway.answer(PortalRequest(path="/", data=data, user_agent=user_agent))
    assert answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
    assert bench.sink.results == []
