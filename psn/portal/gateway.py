"""Where a redirect leads to: an agent gets the X-ISE headers of the session that the link names, a person a page.

A redirect names the session that the NAD has, and so the right one of them (posture.md 3.2); who keeps an old link may
name one that has been succeeded, and then an agent gets no answer and a person is told so.
"""

from __future__ import annotations

from http import HTTPStatus

from nac.discovery import DiscoveryRequest, find_agent
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from nac.posture_message import MalformedMessageError, decode_form
from psn.portal.discovery_dialogue import DiscoveryDialogue
from psn.portal.pages import SECURITY_HEADERS, render_problem_page, render_session_page, render_succeeded_page
from psn.portal.provisioning import PortalServer
from psn.portal.reception import PortalReception, explain_newer
from psn.portal.request import PortalAnswer, PortalRequest
from psn.portal.session_lookup import Lookup
from psn.posture.default_status import apply_default_status, find_agentless_system
from psn.posture.engine import list_requirements
from psn.posture.policy import PostureSettings
from psn.posture.result import PostureSink
from psn.session import Session


class PortalGateway:
    """The answers of one node to links."""

    def __init__(
        self,
        server: PortalServer,
        runtime: Runtime,
        *,
        reception: PortalReception,
        discovery: DiscoveryDialogue,
        settings: PostureSettings,
        sink: PostureSink,
    ) -> None:
        """Tell `sink` of every default status that a session is given."""
        self._server = server
        self._runtime = runtime
        self._reception = reception
        self._discovery = discovery
        self._settings = settings
        self._sink = sink

    def answer(self, request: PortalRequest) -> PortalAnswer:
        """Answer a link."""
        try:
            form = decode_form(request.data, "portal address")
        except MalformedMessageError as error:
            return self._refuse(request, str(error), status=HTTPStatus.BAD_REQUEST)
        session_id, token = form.get("sessionId", ""), form.get("token", "")
        lookup = self._reception.look_up(request, DiscoveryRequest(session_id=session_id))
        session = lookup.session
        if session is None:
            return self._refuse(request, lookup.reason, status=HTTPStatus.NOT_FOUND)
        if token and token != session.token:
            reason = f"the token of this link is not that of session {session_id}"
            return self._refuse(request, reason, status=HTTPStatus.NOT_FOUND)
        if find_agent(request.user_agent) is None:
            return self._show(lookup, session)
        if lookup.newer is not None:
            return self._reception.stay_silent(lookup, lookup.newer)
        return self._discovery.answer_lookup(lookup)

    def _show(self, lookup: Lookup, session: Session) -> PortalAnswer:
        """Answer a person."""
        request, why = lookup.request, lookup.reason
        if lookup.newer is None:
            self._apply_default_status(session, request)
            page = render_session_page(session, policy_server=self._server.fqdn, remedies=self._list_remedies(session))
        else:
            page = render_succeeded_page(session, lookup.newer)
            why += f", but {explain_newer(lookup.newer)}"
        facts = {"path": request.path, "session_id": session.session_id, "remote": request.remote}
        self._runtime.write("portal-page", f"{why}; not the agent's User-Agent, so a page for a person", facts)
        return _build_page(page)

    def _apply_default_status(self, session: Session, request: PortalRequest) -> None:
        """Give a session that waits for posture the default status where its endpoint can have no agent."""
        system = find_agentless_system(request.user_agent)
        if system is not None and session.posture_status is PostureStatus.UNKNOWN:
            status = self._settings.default_status
            self._sink.apply(apply_default_status(session, status, system=system, remote=request.remote))

    def _list_remedies(self, session: Session) -> list[str]:
        """List what the user is told about each unmet requirement of the last report."""
        known = {requirement.name: requirement for requirement in list_requirements(self._settings.policies)}
        unmet = [known[name] for name in session.unmet if name in known]
        return [requirement.remediation or requirement.name for requirement in unmet]

    def _refuse(self, request: PortalRequest, reason: str, *, status: HTTPStatus) -> PortalAnswer:
        """Refuse a link that leads to no session, without X-ISE headers; a person gets a page."""
        refusal = self._reception.refuse(request, reason, status=status)
        if find_agent(request.user_agent) is not None:
            return refusal
        return _build_page(render_problem_page(f"The policy server cannot use it: {reason}."), status=status)


def _build_page(page: str, *, status: HTTPStatus = HTTPStatus.OK) -> PortalAnswer:
    return PortalAnswer(status=status, content_type="text/html", body=page.encode(), headers=SECURITY_HEADERS)
