"""The posture dialogue without a socket: requirements, results, silence, and whatever else is sent."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.posture import PostureStatus
from nac.posture_answer import decode_final_answer, decode_requirements
from nac.requirement import Outcome
from psn.portal.request import PortalRequest
from tests.psn.portal_bench import ADDRESS, ANTIVIRUS, MAC, OTHER_MAC, PortalBench, make_report, make_request


async def test_an_initial_request_is_answered_with_requirements() -> None:
    bench = PortalBench()
    answer = await bench.post(make_request())
    assert answer.content_type == "text/xml"
    assert decode_requirements(answer.body) == (ANTIVIRUS,)
    assert bench.session.posture_status is PostureStatus.UNKNOWN
    assert bench.last_record()[:2] == ("posture-required", "posture policy Baseline matches this session")


async def test_an_initial_request_that_no_policy_matches_is_compliant_at_once() -> None:
    """posture.md 5.1 step 5 and 5.2, the phantom: a session without groups."""
    bench = PortalBench(groups=None, posture_status=None)
    answer = await bench.post(make_request())
    assert decode_final_answer(answer.body).posture_status is PostureStatus.COMPLIANT
    assert bench.session.posture_status is PostureStatus.COMPLIANT
    (result,) = bench.sink.results
    assert (result.previous, result.policies, result.report) == (None, (), "")
    assert result.agent_version == "Posture Agent for Windows 5.1.0.0"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.PASSED, PostureStatus.COMPLIANT), (Outcome.FAILED, PostureStatus.NON_COMPLIANT)],
)
async def test_a_report_decides_the_status_before_anybody_is_told(outcome: Outcome, status: PostureStatus) -> None:
    bench = PortalBench()
    answer = await bench.post(make_report(outcome))
    assert decode_final_answer(answer.body).posture_status is status
    (result,) = bench.sink.results
    assert result.session.posture_status is status
    assert (result.status, result.previous) == (status, PostureStatus.UNKNOWN)
    assert result.policies == ("Baseline",)
    assert result.report == bench.session.posture_report
    assert result.agent_version == bench.session.agent_version == "Posture Agent for Windows 5.1.0.0"
    assert (result.user_name, result.address) == ("alice", ADDRESS)


async def test_the_agent_learns_a_result_when_it_is_safe() -> None:
    bench = PortalBench()
    await bench.post(make_request())
    assert bench.sink.happened == []
    await bench.post(make_report(Outcome.PASSED))
    assert bench.sink.happened == ["told", "settled"]


async def test_a_posture_exchange_without_session_is_answered_404() -> None:
    bench = PortalBench()
    answer = await bench.post(make_request(session_id="Z"))
    assert (answer.status, answer.body) == (HTTPStatus.NOT_FOUND, b"no session here of Z\n")
    assert bench.sink.results == []


@pytest.mark.parametrize("form", [make_request(), make_report(Outcome.PASSED)])
async def test_a_posture_exchange_about_an_earlier_session_gets_no_answer(form: str) -> None:
    """posture.md 6.5."""
    bench = PortalBench()
    bench.share(authenticated=60)
    answer = await bench.post(form)
    assert answer.is_silent
    assert bench.sink.results == []
    assert bench.session.posture_status is PostureStatus.UNKNOWN
    assert bench.last_record()[0] == "discovery-silent"


async def test_a_posture_exchange_goes_on_whatever_session_another_adapter_has() -> None:
    bench = PortalBench()
    bench.share(authenticated=60, mac=OTHER_MAC)
    answer = await bench.post(make_request(macs=(MAC, OTHER_MAC)))
    assert decode_requirements(answer.body) == (ANTIVIRUS,)


async def test_a_malformed_body_is_answered_400_with_one_sentence() -> None:
    bench = PortalBench()
    answer = await bench.post("reqtype=logoff")
    assert answer.status is HTTPStatus.BAD_REQUEST
    assert answer.body == b"malformed posture request: reqtype 'logoff' is neither 'validate' nor 'report'\n"
    assert bench.last_record()[0] == "portal-refused"


@given(st.binary())
def test_any_octets_get_an_answer(data: bytes) -> None:
    bench = PortalBench()
    answer = asyncio.run(bench.posture.answer(PortalRequest(path="/", data=data)))
    assert answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
    assert bench.sink.results == []
