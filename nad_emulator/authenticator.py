"""One authentication of one session: ask, then fetch what the answer refers to, then say what came of it.

The switch knows MAB only, so the method that last succeeded and the whole method list are the same. Source: aaa-mnt
1.2, 1.7, 1.8; that a failed dACL download or an unknown Filter-Id fails the authorization is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nac.node.runtime import Runtime
from nad_emulator.access_session import AccessSession
from nad_emulator.acl import Acl
from nad_emulator.authorization import Authorization, UnknownAclError, build_enforcement, decode_authorization
from nad_emulator.config import SwitchConfig
from nad_emulator.dacl import DaclDownloadError, DaclStore
from nad_emulator.data_plane import Enforcement
from nad_emulator.fail_over import FailOverClient, NoAnswerError
from nad_emulator.session_attributes import list_authorize_only_attributes, list_mab_attributes
from radius import attribute
from radius.packet import Attribute, Code


@dataclass(frozen=True, slots=True)
class Accepted:
    """The session may have this access."""

    authorization: Authorization
    enforcement: Enforcement


@dataclass(frozen=True, slots=True)
class Refused:
    """The session may have no access."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No server has said anything."""

    reason: str


Outcome = Accepted | Refused | Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationRequest:
    """What starts an authentication, and the State it has to carry, if any."""

    reason: str
    state: bytes | None = None
    authorize_only: bool = False


class Authenticator:
    """Authenticates the sessions of one switch."""

    def __init__(
        self, *, config: SwitchConfig, client: FailOverClient, access_lists: Mapping[str, Acl], runtime: Runtime
    ) -> None:
        """Take the switch's local access lists by name."""
        self._config = config
        self._client = client
        self._access_lists = access_lists
        self._dacls = DaclStore(config=config, client=client, runtime=runtime)
        self._runtime = runtime

    async def authenticate(self, session: AccessSession, request: AuthenticationRequest) -> Outcome:
        """Authenticate a session; the outcome is not yet applied to it."""
        facts = {"access_port": session.port.name, "session_id": session.session_id}
        self._runtime.write("authentication-started", request.reason, facts)
        try:
            server, packet = await self._client.exchange(Code.ACCESS_REQUEST, self._list_attributes(session, request))
        except NoAnswerError as error:
            return Unanswered(str(error))
        if packet.code == Code.ACCESS_REJECT:
            return Refused(packet.text(attribute.REPLY_MESSAGE) or f"{server} has sent Access-Reject")
        if packet.code == Code.ACCESS_CHALLENGE:
            return Refused(f"{server} has sent an Access-Challenge, which MAB cannot answer")
        authorization = decode_authorization(packet, server)
        try:
            dacl = None if authorization.dacl is None else await self._dacls.get(authorization.dacl, server)
            enforcement = build_enforcement(authorization, dacl, self._access_lists)
        except (DaclDownloadError, UnknownAclError) as error:
            return Refused(str(error))
        if authorization.redirect_url is not None and enforcement.redirect is None:
            reason = f"the switch has no access list named {authorization.redirect_acl}: nothing is redirected"
            self._runtime.write("redirect-acl-missing", reason, facts)
        return Accepted(authorization, enforcement)

    def _list_attributes(self, session: AccessSession, request: AuthenticationRequest) -> list[Attribute]:
        if request.authorize_only:
            return list_authorize_only_attributes(self._config, session, request.state or b"")
        return list_mab_attributes(self._config, session, request.state)
