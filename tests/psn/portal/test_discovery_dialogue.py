"""What discovery is answered, without a socket: headers, silence, or the way to the owner."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.discovery import DiscoveryRequest, decode_answer
from nac.posture import PostureStatus
from psn.portal.request import PortalRequest
from psn.posture.policy import PostureSettings
from tests.psn.portal_bench import ADDRESS, AGENT, BROWSER, MAC, TOKEN, PortalBench

ABSENT_MAC = "02:00:00:00:99:99"
ABSENT = DiscoveryRequest(macs=(ABSENT_MAC,), addresses=("192.0.2.1",))


def test_a_redirectless_probe_finds_the_session_by_address_and_mac() -> None:
    bench = PortalBench()
    by_address = bench.probe(DiscoveryRequest(addresses=(ADDRESS,)))
    by_mac = bench.probe(DiscoveryRequest(addresses=("192.0.2.1",), macs=(MAC,)))
    assert decode_answer(by_address.headers) == decode_answer(by_mac.headers)
    assert bench.last_record()[2]["found_by"] == "MAC address"


def test_a_probe_without_session_is_answered_404_without_headers() -> None:
    """posture.md 4.4 and 14."""
    answer = PortalBench().probe(DiscoveryRequest(addresses=("192.0.2.1",)))
    assert (answer.status, dict(answer.headers)) == (HTTPStatus.NOT_FOUND, {})


def test_an_agent_that_gets_no_configuration_is_told_of() -> None:
    bench = PortalBench(PostureSettings(provisioning=()))
    bench.follow(f"sessionId=A1&token={TOKEN}", BROWSER)
    assert bench.sink.unprovisioned == []
    assert "X-ISE-AC_CONFIG_URL" not in bench.probe(DiscoveryRequest(session_id="A1")).headers
    assert bench.sink.unprovisioned == [("A1", "WINDOWS 10.0.19045")]
    provided = PortalBench()
    provided.probe(DiscoveryRequest(session_id="A1"))
    assert provided.sink.unprovisioned == []


async def test_a_stale_session_answers_compliant_where_nothing_newer_is_known() -> None:
    """posture.md 5.2: status Compliant at once, no posture, no CoA."""
    bench = PortalBench(posture_status=PostureStatus.COMPLIANT)
    answers = [bench.probe(DiscoveryRequest(macs=(MAC,))), await bench.discover(DiscoveryRequest(macs=(MAC,)))]
    assert [decode_answer(answer.headers).posture_status for answer in answers] == [PostureStatus.COMPLIANT] * 2
    assert bench.sink.results == []


async def test_a_stale_session_is_not_spoken_of_where_the_directory_has_a_newer_one() -> None:
    """posture.md 6.5."""
    bench = PortalBench(posture_status=PostureStatus.COMPLIANT)
    bench.share(authenticated=60)
    request = DiscoveryRequest(macs=(MAC,))
    for answer in (bench.probe(request), await bench.discover(request)):
        assert answer.is_silent
        assert not answer.headers
        event, reason, facts = bench.last_record()
        assert event == "discovery-silent"
        assert reason == (
            f"found by MAC address {MAC}, but the directory has session B2, authenticated on psn2 at "
            "2026-01-05 08:01:00.000+00:00: the entry here is stale or phantom"
        )
        assert (facts["session_id"], facts["newer_session_id"], facts["owner"]) == ("A1", "B2", "psn2")
        assert facts["log"].endswith(
            "cisco.cpm.client.posture.PostureStatusServlet -::- Session A1 is stale or phantom: the session directory "
            f"has B2 of psn2.lab.test for this endpoint; no response to {ADDRESS}"
        )
        assert "Sent an http response" not in facts["log"]
    assert bench.list_events() == ["discovery-silent"] * 2


async def test_stage_2_names_the_owner_of_a_session_that_is_not_here() -> None:
    """posture.md 3.3 and 4.4."""
    bench = PortalBench()
    bench.share(mac=ABSENT_MAC)
    answer = await bench.discover(ABSENT)
    assert answer.status is HTTPStatus.OK
    assert dict(answer.headers) == {"X-ISE-PDP": "psn2.lab.test", "X-ISE-POSTURE_PORT": "8543"}
    assert decode_answer(answer.headers).is_referral
    event, reason, facts = bench.last_record()
    assert event == "discovery-referred"
    assert reason == f"no session here of 192.0.2.1, {ABSENT_MAC}; psn2 owns session B2, says the directory"
    assert (facts["owner"], facts["owner_session_id"], facts["session_id"]) == ("psn2", "B2", "")
    assert "Session = null\n" in facts["log"]
    assert "Session B2 is owned by psn2.lab.test\n" in facts["log"]
    assert "header X-ISE-PDP value is psn2.lab.test\n" in facts["log"]


async def test_the_owner_is_named_alone_where_its_port_is_the_usual_one() -> None:
    bench = PortalBench()
    bench.share(mac=ABSENT_MAC, psn="psn3", psn_fqdn="psn3.lab.test")
    assert dict((await bench.discover(ABSENT)).headers) == {"X-ISE-PDP": "psn3.lab.test"}


@pytest.mark.parametrize(
    ("psn", "request_", "words"),
    [
        ("", ABSENT, "the directory has no such session"),
        ("psn1", ABSENT, "this node owns session B2, but has it no more"),
        ("psn2", DiscoveryRequest(addresses=("192.0.2.1",)), "MNT can be asked by MAC only, and none is known"),
    ],
)
async def test_stage_2_without_another_owner_is_answered_404(psn: str, request_: DiscoveryRequest, words: str) -> None:
    bench = PortalBench()
    if psn:
        bench.share(mac=ABSENT_MAC, psn=psn)
    answer = await bench.discover(request_)
    assert (answer.status, dict(answer.headers)) == (HTTPStatus.NOT_FOUND, {})
    event, reason, _ = bench.last_record()
    assert event == "discovery-answered"
    assert reason.startswith("no session here of 192.0.2.1")
    assert words in reason


async def test_a_phantom_answers_instead_of_an_owner_look_up() -> None:
    """posture.md 3.3: every stage 2 probe looks here first."""
    bench = PortalBench(posture_status=None, groups=None)
    answer = await bench.discover(DiscoveryRequest(macs=(MAC,)))
    assert decode_answer(answer.headers).session_id == "A1"
    assert bench.list_events() == ["discovery-answered"]


def test_a_status_probe_looks_for_no_owner() -> None:
    bench = PortalBench()
    bench.share(mac=ABSENT_MAC)
    assert bench.probe(ABSENT).status is HTTPStatus.NOT_FOUND
    assert bench.list_events() == ["discovery-answered"]


@given(st.binary(), st.sampled_from([AGENT, BROWSER, ""]))
def test_any_octets_get_an_answer(data: bytes, user_agent: str) -> None:
    bench = PortalBench()
    answer = bench.discovery.answer_status(PortalRequest(path="/", data=data, user_agent=user_agent))
    assert answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
