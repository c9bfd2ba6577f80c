"""What the portal answers, without a socket: links, probes, the posture dialogue, and whatever else is sent."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nac.dialogue import PostureReport, PostureRequest, RequirementResult, encode_posture_report, encode_posture_request
from nac.discovery import AgentIdentity, DiscoveryRequest, decode_answer, encode_request, render_user_agent
from nac.journal import Journal
from nac.posture import PostureStatus
from nac.posture_answer import decode_final_answer, decode_requirements
from nac.requirement import Category, Check, Operation, Outcome, Requirement
from nac.runtime import Runtime
from psn.portal_dialogue import PortalAnswer, PortalDialogue, PortalRequest
from psn.posture_policy import Audience, PosturePolicy, PostureSettings
from psn.posture_result import PostureResult
from psn.provisioning import PortalServer
from psn.session import Session
from psn.session_cache import SessionCache

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MAC, ADDRESS, TOKEN = "02:00:00:00:10:01", "127.0.10.1", "ab" * 16
AGENT = render_user_agent(AgentIdentity(os="Windows", os_version="10.0.19045", version="5.1.0.0"))
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ANTIVIRUS = Requirement(
    name="Antivirus",
    checks=(Check(name="AV-Installed", category=Category.ANTIVIRUS, operation=Operation.EXISTS),),
    remediation="Install an antivirus product.",
)
EMPLOYEES = Audience(groups=frozenset({"Employees"}))
SETTINGS = PostureSettings(policies=(PosturePolicy(name="Baseline", requirements=(ANTIVIRUS,), audience=EMPLOYEES),))


class StandingClock:
    def now(self) -> datetime:
        return NOW


class Portal:
    """A dialogue with one session in its cache."""

    def __init__(self, policy: PostureSettings = SETTINGS, **changes: Any) -> None:
        self.journal = Journal(StandingClock())
        self.sessions = SessionCache()
        self.results: list[PostureResult] = []
        self.unprovisioned: list[tuple[str, str]] = []
        self.session = Session(
            **{
                "session_id": "A1",
                "created_at": NOW,
                "updated_at": NOW,
                "mac": MAC,
                "addresses": (ADDRESS,),
                "groups": ("Employees",),
                "token": TOKEN,
                "posture_status": PostureStatus.UNKNOWN,
                **changes,
            }
        )
        self.sessions.add(self.session)
        self.dialogue = PortalDialogue(
            PortalServer(fqdn="psn1.lab.test", port=8443),
            Runtime(node="psn1", clock=StandingClock(), random=random.Random(1), journal=self.journal),
            sessions=self.sessions,
            settings=policy,
            on_result=self.results.append,
            on_unprovisioned=lambda session, system: self.unprovisioned.append((session.session_id, system)),
        )

    def gateway(self, query: str, user_agent: str = AGENT) -> PortalAnswer:
        return self.dialogue.answer_gateway(
            PortalRequest(path="/portal/gateway", data=query.encode(), user_agent=user_agent, remote=ADDRESS)
        )

    def probe(self, request: DiscoveryRequest) -> PortalAnswer:
        data = encode_request(request).encode()
        return self.dialogue.answer_probe(
            PortalRequest(path="/auth/status", data=data, user_agent=AGENT, remote=ADDRESS)
        )

    def post(self, form: str) -> PortalAnswer:
        return self.dialogue.answer_posture(
            PortalRequest(path="/auth/perfigo_validate.jsp", data=form.encode(), user_agent=AGENT, remote=ADDRESS)
        )

    def last_record(self) -> tuple[str, str, Mapping[str, Any]]:
        record = list(self.journal)[-1]
        return record.event, record.reason, record.facts


def request(**changes: Any) -> str:
    return encode_posture_request(
        PostureRequest(**{"session_id": "A1", "os": "Windows", "os_version": "10", "user_agent": AGENT, **changes})
    )


def report(outcome: Outcome, **changes: Any) -> str:
    result = RequirementResult(requirement="Antivirus", outcome=outcome, checks=(("AV-Installed", outcome),))
    fields = {"session_id": "A1", "os": "Windows", "agent_version": "5.1.0.0", "user_name": "alice", **changes}
    return encode_posture_report(PostureReport(**fields, results=(result,)))


def test_an_agent_that_gets_no_configuration_is_told_of() -> None:
    portal = Portal(PostureSettings(provisioning=()))
    portal.gateway(f"sessionId=A1&token={TOKEN}", BROWSER)
    assert portal.unprovisioned == []
    assert "X-ISE-AC_CONFIG_URL" not in portal.gateway(f"sessionId=A1&token={TOKEN}").headers
    assert portal.unprovisioned == [("A1", "WINDOWS 10.0.19045")]
    provided = Portal()
    provided.gateway(f"sessionId=A1&token={TOKEN}")
    assert provided.unprovisioned == []


def test_a_redirected_agent_gets_the_headers_of_its_session() -> None:
    portal = Portal()
    answer = portal.gateway(f"sessionId=A1&portal=p&action=cpp&token={TOKEN}")
    assert answer.status is HTTPStatus.OK
    assert answer.body == b""
    decoded = decode_answer(answer.headers)
    assert (decoded.session_id, decoded.posture_status) == ("A1", PostureStatus.UNKNOWN)
    event, reason, facts = portal.last_record()
    assert (event, reason) == ("discovery-answered", "found by session id A1")
    assert facts["agent_configuration"] == "Default agent"
    assert "header X-ISE-SessionId value is A1" in facts["log"]


def test_a_redirected_browser_gets_a_page() -> None:
    portal = Portal()
    answer = portal.gateway(f"sessionId=A1&token={TOKEN}", BROWSER)
    assert (answer.status, answer.content_type) == (HTTPStatus.OK, "text/html")
    assert b"One step before you are online" in answer.body
    assert "X-ISE-PDP" not in answer.headers
    assert portal.last_record()[0] == "portal-page"


def test_a_browser_of_a_compliant_session_has_internet_access() -> None:
    """Scenario 29 of posture.md 11."""
    portal = Portal(posture_status=PostureStatus.COMPLIANT)
    assert b"You now have Internet access" in portal.gateway("sessionId=A1", BROWSER).body
    assert portal.results == []


def test_a_browser_of_a_failed_session_is_told_the_remedy() -> None:
    portal = Portal()
    portal.post(report(Outcome.FAILED))
    assert b"<li>Install an antivirus product.</li>" in portal.gateway("sessionId=A1", BROWSER).body


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
    portal = Portal()
    answer = portal.gateway(query, user_agent)
    assert answer.status is status
    assert not any(name.startswith("X-ISE") for name in answer.headers)
    assert answer.content_type == ("text/plain" if user_agent == AGENT else "text/html")
    assert portal.last_record()[:2] == ("portal-refused", reason)


def test_a_redirectless_probe_finds_the_session_by_address_and_mac() -> None:
    portal = Portal()
    by_address = portal.probe(DiscoveryRequest(addresses=(ADDRESS,)))
    by_mac = portal.probe(DiscoveryRequest(addresses=("192.0.2.1",), macs=(MAC,)))
    assert decode_answer(by_address.headers) == decode_answer(by_mac.headers)
    assert portal.last_record()[2]["found_by"] == "MAC address"


def test_a_probe_without_session_is_answered_404_without_headers() -> None:
    """posture.md 4.4 and 14."""
    answer = Portal().probe(DiscoveryRequest(addresses=("192.0.2.1",)))
    assert (answer.status, dict(answer.headers)) == (HTTPStatus.NOT_FOUND, {})


def test_a_stale_session_answers_compliant() -> None:
    """posture.md 5.2: status Compliant at once, no posture, no CoA."""
    portal = Portal(posture_status=PostureStatus.COMPLIANT)
    answer = decode_answer(portal.probe(DiscoveryRequest(macs=(MAC,))).headers)
    assert answer.posture_status is PostureStatus.COMPLIANT
    assert portal.results == []


def test_an_initial_request_is_answered_with_requirements() -> None:
    portal = Portal()
    answer = portal.post(request())
    assert answer.content_type == "text/xml"
    assert decode_requirements(answer.body) == (ANTIVIRUS,)
    assert portal.session.posture_status is PostureStatus.UNKNOWN
    assert portal.last_record()[:2] == ("posture-required", "posture policy Baseline matches this session")


def test_an_initial_request_that_no_policy_matches_is_compliant_at_once() -> None:
    """posture.md 5.1 step 5 and 5.2, the phantom: a session without groups."""
    portal = Portal(groups=None, posture_status=None)
    answer = portal.post(request())
    assert decode_final_answer(answer.body).posture_status is PostureStatus.COMPLIANT
    assert portal.session.posture_status is PostureStatus.COMPLIANT
    (result,) = portal.results
    assert (result.previous, result.policies, result.report) == (None, (), "")
    assert result.agent_version == "Posture Agent for Windows 5.1.0.0"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.PASSED, PostureStatus.COMPLIANT), (Outcome.FAILED, PostureStatus.NON_COMPLIANT)],
)
def test_a_report_decides_the_status_before_anybody_is_told(outcome: Outcome, status: PostureStatus) -> None:
    portal = Portal()
    answer = portal.post(report(outcome))
    assert decode_final_answer(answer.body).posture_status is status
    (result,) = portal.results
    assert result.session.posture_status is status
    assert (result.status, result.previous) == (status, PostureStatus.UNKNOWN)
    assert result.policies == ("Baseline",)
    assert result.report == portal.session.posture_report
    assert result.agent_version == portal.session.agent_version == "Posture Agent for Windows 5.1.0.0"
    assert (result.user_name, result.address) == ("alice", ADDRESS)


def test_a_posture_exchange_without_session_is_answered_404() -> None:
    portal = Portal()
    answer = portal.post(request(session_id="Z"))
    assert (answer.status, answer.body) == (HTTPStatus.NOT_FOUND, b"no session here of Z\n")
    assert portal.results == []


def test_a_malformed_body_is_answered_400_with_one_sentence() -> None:
    portal = Portal()
    answer = portal.post("reqtype=logoff")
    assert answer.status is HTTPStatus.BAD_REQUEST
    assert answer.body == b"malformed posture request: reqtype 'logoff' is neither 'validate' nor 'report'\n"
    assert portal.last_record()[0] == "portal-refused"


def test_configurations_and_packages_are_found_by_id() -> None:
    portal = Portal()
    decoded = decode_answer(portal.gateway("sessionId=A1").headers)
    configuration = portal.dialogue.answer_configuration(decoded.configuration_uri.partition("uuid=")[2])
    package = portal.dialogue.answer_package(decoded.package_uri.rpartition("/")[2])
    assert configuration is not None
    assert b"<cfg>" in configuration.body
    assert package is not None
    assert package.body == b"Posture Lab agent package 5.1.0.0\n"
    assert portal.dialogue.answer_configuration("nonsense") is None
    assert portal.dialogue.answer_package("nonsense") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(), st.sampled_from([AGENT, BROWSER, ""]))
def test_any_octets_get_an_answer(data: bytes, user_agent: str) -> None:
    portal = Portal()
    anything = PortalRequest(path="/", data=data, user_agent=user_agent)
    for answer in (portal.dialogue.answer_gateway, portal.dialogue.answer_probe, portal.dialogue.answer_posture):
        assert answer(anything).status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
    assert portal.results == []
