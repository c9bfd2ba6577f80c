"""What discovery is answered: the X-ISE headers of the agent's session, or the way to the node that owns it.

Which agent configuration is `psn.portal.provisioning`'s. A session found here answers as it is: one that is Compliant
says so at once, however stale it may be (posture.md 5.2), unless the session directory knows better (6.5). Only where
none is found here, and only in stage 2, is an owner looked for (3.3).
"""

from __future__ import annotations

from http import HTTPStatus

from nac.discovery import build_referral, decode_request, encode_answer, find_agent
from nac.node.journal import Fact
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from nac.posture_message import MalformedMessageError
from psn.internode.owner_lookup import Owner, UnknownOwner
from psn.portal.guest_log import render_answer
from psn.portal.provisioning import PortalServer, build_answer, select_configuration
from psn.portal.reception import PortalReception
from psn.portal.request import PortalAnswer, PortalRequest
from psn.portal.session_lookup import Lookup
from psn.portal.sessions_elsewhere import SessionsElsewhere
from psn.posture.policy import PostureSettings
from psn.posture.result import PostureSink


class DiscoveryDialogue:
    """The discovery answers of one node."""

    def __init__(
        self,
        server: PortalServer,
        runtime: Runtime,
        *,
        reception: PortalReception,
        elsewhere: SessionsElsewhere,
        settings: PostureSettings,
        sink: PostureSink,
    ) -> None:
        """Tell `sink` of sessions for whose agents client provisioning selects nothing."""
        self._server = server
        self._runtime = runtime
        self._reception = reception
        self._elsewhere = elsewhere
        self._settings = settings
        self._sink = sink

    def answer_status(self, request: PortalRequest) -> PortalAnswer:
        """Answer a probe for what this node itself knows: ``/auth/status``."""
        lookup = self._look_up(request)
        return lookup if isinstance(lookup, PortalAnswer) else self.answer_lookup(lookup)

    async def answer_ng_discovery(self, request: PortalRequest) -> PortalAnswer:
        """Answer a probe of stage 2, ``/auth/ng-discovery``: where no session is here, by naming its owner."""
        lookup = self._look_up(request)
        if isinstance(lookup, PortalAnswer):
            return lookup
        if lookup.session is not None:
            return self.answer_lookup(lookup)
        owner = await self._elsewhere.find_owner(lookup.asked.macs)
        if isinstance(owner, UnknownOwner):
            return self.answer_lookup(lookup, why=f"{lookup.reason}; {owner.reason}")
        return self._refer(lookup, owner)

    def answer_lookup(self, lookup: Lookup, *, why: str = "") -> PortalAnswer:
        """Answer with the headers of the session that was found, or 404 without any; `why` says more than it does."""
        session = lookup.session
        agent = find_agent(lookup.request.user_agent)
        headers: dict[str, str] = {}
        configuration = None
        if session is not None:
            configuration = select_configuration(
                self._settings.provisioning, operating_system=agent.os if agent else "", groups=session.groups
            )
            headers = encode_answer(build_answer(session, configuration, server=self._server))
        facts: dict[str, Fact] = {
            "posture_status": (session.posture_status or PostureStatus.UNKNOWN).value if session else "",
            "agent_configuration": configuration.name if configuration else "",
            "log": render_answer(lookup, headers),
        }
        self._runtime.write("discovery-answered", why or lookup.reason, lookup.facts | facts)
        if session is not None and agent is not None and configuration is None:
            self._sink.note_unprovisioned(session, f"{agent.os} {agent.os_version}".strip())
        return PortalAnswer(status=HTTPStatus.OK if session else HTTPStatus.NOT_FOUND, headers=headers)

    def _look_up(self, request: PortalRequest) -> Lookup | PortalAnswer:
        """Look up who is meant; an answer where there is nothing to be looked up or nothing to be told."""
        try:
            asked = decode_request(request.data)
        except MalformedMessageError as error:
            return self._reception.refuse(request, str(error), status=HTTPStatus.BAD_REQUEST)
        lookup = self._reception.look_up(request, asked)
        return lookup if lookup.newer is None else self._reception.stay_silent(lookup, lookup.newer)

    def _refer(self, lookup: Lookup, owner: Owner) -> PortalAnswer:
        """Send the agent to the owner of its session."""
        headers = encode_answer(build_referral(owner.fqdn, self._elsewhere.get_portal_port(owner.name)))
        facts: dict[str, Fact] = {
            "owner": owner.name,
            "owner_session_id": owner.session_id,
            "source": owner.source,
            "log": render_answer(lookup, headers, owner=owner),
        }
        why = f"{lookup.reason}; {owner.name} owns session {owner.session_id}, says the {owner.source}"
        self._runtime.write("discovery-referred", why, lookup.facts | facts)
        return PortalAnswer(headers=headers)
