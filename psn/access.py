"""Access-Requests: from credentials to a session, a decision and a reply, in one synchronous pass.

The steps, in this order: identity (`psn.identity_stores`), session and its posture status (rules P4 and P6 of
posture.md 2.1, initial status 6.2 and 6.4), authorization (`psn.authorization`), reply (`psn.accept`), record for MNT
(`psn.log.audit`). Sources: aaa-mnt.md 1.2 to 1.7, RFC 2865, RFC 3579 section 2.6 (a Reject of EAP carries EAP-Failure).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from nac.identity import find_mac
from nac.node.journal import Fact
from nac.node.runtime import Runtime
from psn.accept import AcceptTemplate
from psn.authorization import AuthorizationPolicy
from psn.config import PsnConfig
from psn.dacl_download import PREFIX as DACL_PREFIX
from psn.dacl_download import DaclDownload
from psn.endpoints.store import EndpointStore
from psn.identity_stores import Authentication, Failure, IdentityStores
from psn.log.audit import Audit, Origin
from psn.posture.initial_status import InitialStatus, choose_initial_status
from psn.session import Session
from psn.session_cache import SessionCache
from psn.session_events import SessionEvent, SessionListener
from psn.session_identity import SessionIdentity
from psn.session_opening import keep, note_address, note_device
from radius import attribute, mschap, remedy
from radius.dictionary import Dictionary
from radius.packet import Attribute, Code, Packet, encode_attributes
from radius.remedy import DropReason
from radius.server import Reply, Request

_ACCEPT = int(Code.ACCESS_ACCEPT)
_AUTHENTICATED = SessionEvent.AUTHENTICATED

REJECTED_BY_PROFILE: Failure = (15039, "Rejected per authorization profile")
REPLY_TOO_LONG: Failure = (11014, "The session id makes an attribute of the reply longer than an attribute can be")
NO_USER_NAME: Failure = (11014, "The request has no User-Name")


class AccessService:
    """Answers the Access-Requests of one node."""

    def __init__(
        self,
        *,
        config: PsnConfig,
        runtime: Runtime,
        sessions: SessionCache,
        endpoints: EndpointStore,
        audit: Audit,
        identity: SessionIdentity,
        templates: Mapping[str, AcceptTemplate],
        dictionary: Dictionary,
        listener: SessionListener,
        directory: RadiusSessionDirectory | None = None,
    ) -> None:
        """Compile policy and templates; raises as `AuthorizationPolicy` and `AcceptTemplate` do.

        From `directory` comes the status of a session that another node knows as Compliant, where statuses are shared.
        """
        self._runtime = runtime
        self._listener = listener
        self._directory = directory if config.era is Era.POSTURE_SHARING else None
        self._lease = config.posture.lease
        self._sessions = sessions
        self._endpoints = endpoints
        self._audit = audit
        self._identity = identity
        self._stores = IdentityStores(
            users=config.users,
            endpoints=config.endpoints,
            unknown_endpoints_continue=config.unknown_endpoints_continue,
        )
        self._policy = AuthorizationPolicy(
            config.rules, profiles=config.profiles, psn_name=config.name, dictionary=dictionary
        )
        self._templates = templates
        self._dacls = DaclDownload(config.dacls.values(), runtime=runtime, sessions=sessions, audit=audit)

    def handle(self, request: Request) -> Reply | None:
        """Answer one Access-Request; None (silence) where the shared secret is probably wrong."""
        packet = request.packet
        user_name = packet.text(attribute.USER_NAME)
        if user_name is None:
            return self._reject(request, "", "", NO_USER_NAME)
        if user_name.startswith(DACL_PREFIX):
            return self._dacls.handle(request, user_name)
        calling = packet.text(attribute.CALLING_STATION_ID) or ""
        mac = find_mac(calling)
        outcome = self._stores.authenticate(packet, request.client.secret, user_name, mac)
        if outcome.failure is not None:
            return self._fail(request, user_name, outcome, outcome.failure)
        return self._admit(request, user_name, outcome, calling, mac or "")

    def _admit(self, request: Request, user_name: str, outcome: Authentication, calling: str, mac: str) -> Reply:
        """Open or refresh the session of somebody authenticated, and authorize it."""
        now = self._runtime.clock.now()
        given_id = self._identity.of_access(request.packet)
        known = self._sessions.find(given_id) if given_id else None
        session = known or Session(
            session_id=given_id or self._identity.make(), created_at=now, updated_at=now, mac=mac
        )
        session.user_name = user_name
        session.groups = outcome.groups
        session.method = outcome.method
        note_device(session, request, calling)
        initial = self._refresh(session, request, mac, now)
        decision = self._policy.decide(session, request)
        profile = decision.profile
        session.rule = decision.rule
        session.profile = profile.name
        session.awaits_posture = decision.awaits_posture
        if not profile.accept:
            return self._reject(request, user_name, outcome.method, REJECTED_BY_PROFILE, rule=decision.rule)
        if profile.redirect is not None and not session.token:
            session.token = f"{self._runtime.random.getrandbits(128):032x}"
        session.acs_session_id = self._identity.next_acs_session_id()
        try:
            body, response = self._templates[profile.name].build(session, request.packet.index[attribute.USER_NAME])
        except ValueError:
            return self._reject(request, user_name, outcome.method, REPLY_TOO_LONG, rule=decision.rule)
        origin = Origin.KNOWN if known else Origin.GIVEN if given_id else Origin.MADE
        if known is None:
            keep(self._sessions, self._runtime, session)
        self._audit.passed(request, session, outcome, origin, response, now)
        self._note(session, initial, now, known=known is not None)
        self._listener.on_session(session, _AUTHENTICATED)
        return Reply(_ACCEPT, body + encode_attributes(outcome.extra) if outcome.extra else body)

    def _refresh(self, session: Session, request: Request, mac: str, now: datetime) -> InitialStatus:
        """Bring a session up to date with a passed authentication; returns the status it has and why."""
        session.updated_at = session.authenticated_at = now
        if mac != session.mac:
            self._sessions.set_mac(session, mac)
        note_address(self._sessions, session, request)
        if session.posture_status is not None:
            return InitialStatus(session.posture_status, "the session is known to this node and keeps its status")
        shared = self._directory.find(session.session_id) if self._directory is not None else None
        attributes = self._endpoints.attributes_of(mac)
        initial = choose_initial_status(attributes, lease=self._lease, now=now, shared=shared)
        session.posture_status = initial.status
        return initial

    def _note(self, session: Session, initial: InitialStatus, now: datetime, *, known: bool) -> None:
        facts: dict[str, Fact] = {
            "user": session.user_name,
            "mac": session.mac,
            "session_id": session.session_id,
            "method": session.method,
            "rule": session.rule,
            "profile": session.profile,
            "posture_status": initial.status,
            "known_session": known,
        }
        if initial.log:
            facts["log"] = initial.log
        reason = f"rule {session.rule!r} gives {session.profile}; {initial.reason}"
        self._runtime.journal.write(self._runtime.node, "access-accept", reason, facts, now)

    def _fail(self, request: Request, user_name: str, outcome: Authentication, failure: Failure) -> Reply | None:
        """Answer somebody who is not authenticated; silence where the secret is at fault: unsigned requests only."""
        if outcome.suspect_secret and attribute.MESSAGE_AUTHENTICATOR not in request.packet.index:
            why = remedy.for_wrong_secret(request.client, request.source[0])
            facts = {"drop": DropReason.NOT_AUTHENTIC.value, "user": user_name, "address": request.source[0]}
            self._runtime.write("radius-drop", f"the password came out unreadable: {why}", facts)
            return None
        return self._reject(request, user_name, outcome.method, failure)

    def _reject(self, request: Request, user_name: str, method: str, failure: Failure, *, rule: str = "") -> Reply:
        """Refuse access, for a reason of the catalogue."""
        self._audit.failed(request, user_name, method, failure, rule=rule)
        code, text = failure
        facts: dict[str, Fact] = {"user": user_name, "method": method, "failure": code, "rule": rule}
        self._runtime.write("access-reject", f"{code} {text}", facts)
        return Reply(Code.ACCESS_REJECT, encode_attributes(list_reject_attributes(request.packet)))


def list_reject_attributes(packet: Packet) -> list[Attribute]:
    """List what a Reject must carry for the method of its request."""
    eap = b"".join(packet.list_octets(attribute.EAP_MESSAGE))
    if len(eap) >= 2:
        return [(attribute.EAP_MESSAGE, bytes((4, eap[1], 0, 4)))]
    response = packet.octets(attribute.MS_CHAP2_RESPONSE)
    if response:
        challenge = packet.octets(attribute.MS_CHAP_CHALLENGE) or b""
        return [(attribute.MS_CHAP_ERROR, mschap.encode_error(response[0], challenge[:16]))]
    return []
