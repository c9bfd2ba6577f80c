"""The posture dialogue of the portal: a request is answered with requirements or the result, a report with the result.

Which status a report gives is `psn.posture.result`'s. The agent learns a result when what the node keeps of it is safe.
"""

from __future__ import annotations

from http import HTTPStatus

from nac.dialogue import PostureReport, PostureRequest, decode_submission
from nac.discovery import DiscoveryRequest
from nac.node.runtime import Runtime
from nac.posture_answer import REQUIREMENTS_TYPE, FinalAnswer, encode_final_answer, encode_requirements
from nac.posture_message import MalformedMessageError
from psn.portal.provisioning import select_configuration
from psn.portal.reception import PortalReception
from psn.portal.request import PortalAnswer, PortalRequest
from psn.posture.engine import list_requirements, select_policies
from psn.posture.policy import PosturePolicy, PostureSettings
from psn.posture.result import PostureSink, apply_result
from psn.session import Session


class PostureDialogue:
    """The posture answers of one node."""

    def __init__(
        self, runtime: Runtime, *, reception: PortalReception, settings: PostureSettings, sink: PostureSink
    ) -> None:
        """Tell `sink` of every result once the session has it."""
        self._runtime = runtime
        self._reception = reception
        self._settings = settings
        self._sink = sink

    async def answer(self, request: PortalRequest) -> PortalAnswer:
        """Answer a request or a report."""
        try:
            submission = decode_submission(request.data)
        except MalformedMessageError as error:
            return self._reception.refuse(request, str(error), status=HTTPStatus.BAD_REQUEST)
        asked = DiscoveryRequest(macs=submission.macs, addresses=submission.addresses, session_id=submission.session_id)
        lookup = self._reception.look_up(request, asked)
        session = lookup.session
        if session is None:
            return self._reception.refuse(request, lookup.reason, status=HTTPStatus.NOT_FOUND)
        if lookup.newer is not None:
            return self._reception.stay_silent(lookup, lookup.newer)
        policies = select_policies(self._settings.policies, operating_system=submission.os, groups=session.groups)
        if isinstance(submission, PostureRequest) and policies:
            return self._require(session, submission, policies)
        answer = self._conclude(session, submission, policies=policies, remote=request.remote)
        await self._sink.settled()
        return answer

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
        """Write the result into the session, tell it to the node, and build what the agent is told."""
        configuration = select_configuration(
            self._settings.provisioning, operating_system=submission.os, groups=session.groups
        )
        result = apply_result(
            session,
            submission,
            policies=policies,
            agent_configuration=configuration.name if configuration else "",
            remote=remote,
        )
        self._sink.apply(result)
        answer = FinalAnswer(posture_status=result.status, client_mac=session.mac, user_name=result.user_name)
        return PortalAnswer(content_type="text/html", body=encode_final_answer(answer))
