"""What the posture portal answers, request by request: octets in, an answer out, a journal record for each decision.

Who is meant is `psn.session_lookup`'s, which agent configuration `psn.provisioning`'s, which status
`psn.posture_result`'s. A session found here answers as it is: one that is Compliant says so at once, however stale it
may be (posture.md 5.2). Knows neither sockets nor the web framework.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from nac.agent_profile import encode_profile
from nac.dialogue import PostureReport, PostureRequest, decode_submission
from nac.discovery import DiscoveryRequest, decode_request, encode_answer, find_agent
from nac.posture import PostureStatus
from nac.posture_answer import REQUIREMENTS_TYPE, FinalAnswer, encode_final_answer, encode_requirements
from nac.posture_message import MalformedMessageError, decode_form
from nac.runtime import Runtime
from psn.default_status import apply_default_status, find_agentless_system
from psn.portal_pages import SECURITY_HEADERS, render_problem_page, render_session_page
from psn.posture_engine import list_requirements, select_policies
from psn.posture_policy import AgentConfiguration, PosturePolicy, PostureSettings
from psn.posture_result import PostureResult, apply_result
from psn.provisioning import PortalServer, build_answer, select_configuration
from psn.session import Session
from psn.session_cache import SessionCache
from psn.session_lookup import Lookup, look_up, render_log


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalRequest:
    """One request. `data` is the body or, where there is none, the query string; `remote` the peer's IP address."""

    path: str
    data: bytes = b""
    user_agent: str = ""
    remote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalAnswer:
    """One answer."""

    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class PortalDialogue:
    """The answers of one node; the records of what its callbacks are told are theirs.

    `on_result` is told of every result once the session has it, `on_unprovisioned` of a session and the operating
    system of its agent where client provisioning selects nothing for the two.
    """

    def __init__(
        self,
        server: PortalServer,
        runtime: Runtime,
        *,
        sessions: SessionCache,
        settings: PostureSettings,
        on_result: Callable[[PostureResult], None],
        on_unprovisioned: Callable[[Session, str], None] = lambda _session, _system: None,
    ) -> None:
        self._server = server
        self._runtime = runtime
        self._sessions = sessions
        self._settings = settings
        self._on_result = on_result
        self._on_unprovisioned = on_unprovisioned

    def refuse(self, request: PortalRequest, reason: str, *, status: HTTPStatus) -> PortalAnswer:
        """Refuse a request with one sentence, and write it down."""
        facts = {"path": request.path, "status": status.value, "remote": request.remote}
        self._runtime.write("portal-refused", reason, facts)
        return PortalAnswer(status=status, body=f"{reason}\n".encode())

    def answer_gateway(self, request: PortalRequest) -> PortalAnswer:
        """Answer where a redirect leads to: X-ISE headers for the agent, a page for a person."""
        try:
            form = decode_form(request.data, "portal address")
        except MalformedMessageError as error:
            return self._refuse_link(request, str(error), status=HTTPStatus.BAD_REQUEST)
        session_id, token = form.get("sessionId", ""), form.get("token", "")
        lookup = look_up(self._sessions, DiscoveryRequest(session_id=session_id), remote=request.remote)
        if lookup.session is None:
            return self._refuse_link(request, lookup.reason, status=HTTPStatus.NOT_FOUND)
        if token and token != lookup.session.token:
            reason = f"the token of this link is not that of session {session_id}"
            return self._refuse_link(request, reason, status=HTTPStatus.NOT_FOUND)
        if find_agent(request.user_agent) is not None:
            return self._answer_lookup(request, lookup)
        self._apply_default_status(lookup.session, request)
        self._runtime.write(
            "portal-page",
            f"{lookup.reason}; not the agent's User-Agent, so a page for a person",
            {"path": request.path, "session_id": session_id, "remote": request.remote},
        )
        remedies = self._list_remedies(lookup.session)
        page = render_session_page(lookup.session, policy_server=self._server.fqdn, remedies=remedies)
        return PortalAnswer(content_type="text/html", body=page.encode(), headers=SECURITY_HEADERS)

    def answer_probe(self, request: PortalRequest) -> PortalAnswer:
        """Answer a probe that names the endpoint: ``/auth/status`` and ``/auth/ng-discovery``."""
        try:
            probe = decode_request(request.data)
        except MalformedMessageError as error:
            return self.refuse(request, str(error), status=HTTPStatus.BAD_REQUEST)
        return self._answer_lookup(request, look_up(self._sessions, probe, remote=request.remote))

    def answer_posture(self, request: PortalRequest) -> PortalAnswer:
        """Answer the posture dialogue: a request with requirements or the result, a report with the result."""
        try:
            submission = decode_submission(request.data)
        except MalformedMessageError as error:
            return self.refuse(request, str(error), status=HTTPStatus.BAD_REQUEST)
        probe = DiscoveryRequest(macs=submission.macs, addresses=submission.addresses, session_id=submission.session_id)
        lookup = look_up(self._sessions, probe, remote=request.remote)
        session = lookup.session
        if session is None:
            return self.refuse(request, lookup.reason, status=HTTPStatus.NOT_FOUND)
        policies = select_policies(self._settings.policies, operating_system=submission.os, groups=session.groups)
        if isinstance(submission, PostureRequest) and policies:
            return self._require(session, submission, policies)
        return self._conclude(session, submission, policies=policies, remote=request.remote)

    def answer_configuration(self, uuid: str) -> PortalAnswer | None:
        """Answer with an agent configuration; None where no rule hands out one of this id."""
        for configuration in self._list_configurations():
            if str(configuration.uuid) == uuid:
                return PortalAnswer(content_type="text/xml", body=encode_profile(configuration.profile))
        return None

    def answer_package(self, uuid: str) -> PortalAnswer | None:
        """Answer with a stand-in for an agent package; None where no rule hands out one of this id."""
        for configuration in self._list_configurations():
            if str(configuration.package_uuid) == uuid:
                body = f"Posture Lab agent package {configuration.package_version}\n".encode()
                return PortalAnswer(content_type="application/octet-stream", body=body)
        return None

    def _apply_default_status(self, session: Session, request: PortalRequest) -> None:
        """Give a session that waits for posture the default status where its endpoint can have no agent."""
        system = find_agentless_system(request.user_agent)
        if system is not None and session.posture_status is PostureStatus.UNKNOWN:
            status = self._settings.default_status
            self._on_result(apply_default_status(session, status, system=system, remote=request.remote))

    def _list_configurations(self) -> list[AgentConfiguration]:
        return [rule.configuration for rule in self._settings.provisioning if rule.configuration is not None]

    def _refuse_link(self, request: PortalRequest, reason: str, *, status: HTTPStatus) -> PortalAnswer:
        """Refuse a link that leads to no session, without X-ISE headers; a person gets a page."""
        refusal = self.refuse(request, reason, status=status)
        if find_agent(request.user_agent) is not None:
            return refusal
        page = render_problem_page(f"The policy server cannot use it: {reason}.")
        return PortalAnswer(status=status, content_type="text/html", body=page.encode(), headers=SECURITY_HEADERS)

    def _list_remedies(self, session: Session) -> list[str]:
        """List what the user is told about each unmet requirement of the last report."""
        known = {requirement.name: requirement for requirement in list_requirements(self._settings.policies)}
        unmet = [known[name] for name in session.unmet if name in known]
        return [requirement.remediation or requirement.name for requirement in unmet]

    def _answer_lookup(self, request: PortalRequest, lookup: Lookup) -> PortalAnswer:
        """Answer a discovery request with the headers of the session that was found, or 404 without any."""
        session = lookup.session
        agent = find_agent(request.user_agent)
        headers: dict[str, str] = {}
        configuration = None
        if session is not None:
            configuration = self._select_configuration(session, agent.os if agent else "")
            headers = encode_answer(build_answer(session, configuration, server=self._server))
        self._runtime.write(
            "discovery-answered",
            lookup.reason,
            {
                "path": request.path,
                "remote": request.remote,
                "found_by": lookup.found_by,
                "session_id": session.session_id if session else "",
                "posture_status": (session.posture_status or PostureStatus.UNKNOWN).value if session else "",
                "agent_configuration": configuration.name if configuration else "",
                "log": render_log(lookup, user_agent=request.user_agent, headers=headers),
            },
        )
        if session is not None and agent is not None and configuration is None:
            self._on_unprovisioned(session, f"{agent.os} {agent.os_version}".strip())
        return PortalAnswer(status=HTTPStatus.OK if session else HTTPStatus.NOT_FOUND, headers=headers)

    def _select_configuration(self, session: Session, operating_system: str) -> AgentConfiguration | None:
        return select_configuration(
            self._settings.provisioning, operating_system=operating_system, groups=session.groups
        )

    def _require(self, session: Session, request: PostureRequest, policies: tuple[PosturePolicy, ...]) -> PortalAnswer:
        """Answer an initial request with what its policies require."""
        requirements = list_requirements(policies)
        names = ", ".join(policy.name for policy in policies)
        facts = {
            "session_id": session.session_id,
            "policies": names,
            "requirements": ", ".join(requirement.name for requirement in requirements),
            "products": ", ".join(product.name for product in request.products),
        }
        self._runtime.write("posture-required", f"posture policy {names} matches this session", facts)
        return PortalAnswer(content_type=REQUIREMENTS_TYPE, body=encode_requirements(requirements))

    def _conclude(
        self,
        session: Session,
        submission: PostureRequest | PostureReport,
        *,
        policies: tuple[PosturePolicy, ...],
        remote: str,
    ) -> PortalAnswer:
        """Write the result into the session, tell it to the node, and answer the agent."""
        configuration = self._select_configuration(session, submission.os)
        result = apply_result(
            session,
            submission,
            policies=policies,
            agent_configuration=configuration.name if configuration else "",
            remote=remote,
        )
        self._on_result(result)
        answer = FinalAnswer(posture_status=result.status, client_mac=session.mac, user_name=result.user_name)
        return PortalAnswer(content_type="text/html", body=encode_final_answer(answer))
