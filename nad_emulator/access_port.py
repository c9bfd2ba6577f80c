"""An access port: its link, the session on it, and the one task that takes the session through its life.

A link that comes up begins a session, a link that goes down ends it; a session ended for any other reason is followed
by a new one while the link is up, because the endpoint goes on sending frames. What a session may do is
`nad_emulator.access_session`'s decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from nac.owned_tasks import OwnedTasks
from nac.runtime import Runtime
from nad_emulator.access_session import AccessSession
from nad_emulator.accounting import SessionAccounting, TerminateCause
from nad_emulator.authenticator import Accepted, AuthenticationRequest, Authenticator, Refused, Unanswered
from nad_emulator.authorization import Authorization
from nad_emulator.config import AccessPortConfig, SwitchConfig
from nad_emulator.fail_over import FailOverClient
from nad_emulator.identifiers import Identifiers

_FIRST = AuthenticationRequest(reason="the first frame of an endpoint without a session")


class Link(Enum):
    """The state of a port's link."""

    DOWN = "down"
    UP = "up"
    BOUNCING = "bouncing"
    DISABLED = "administratively down"


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is at the other end of the cable."""

    mac: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """What a port shows, as ``show authentication sessions`` does. `summary` is the access in one word."""

    port: str
    link: str
    summary: str = "closed"
    session_id: str = ""
    acct_session_id: str = ""
    mac: str = ""
    address: str = ""
    method: str = ""
    status: str = ""
    server: str = ""
    dacl: str | None = None
    redirect_url: str | None = None
    redirect_acl: str | None = None
    filter_id: str | None = None
    vlan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchServices:
    """What the ports of one running switch share."""

    config: SwitchConfig
    runtime: Runtime
    client: FailOverClient
    authenticator: Authenticator
    identifiers: Identifiers
    tasks: OwnedTasks


class AccessPort:
    """One access port of a running switch. `on_change` is called after every change of what the port enforces."""

    def __init__(self, config: AccessPortConfig, *, switch: SwitchServices, on_change: Callable[[], None]) -> None:
        """Begin without a link."""
        self.config = config
        self.session: AccessSession | None = None
        self._switch = switch
        self._on_change = on_change
        self._attachment: Attachment | None = None
        self._shut = False
        self._bouncing = False
        self._accounting: SessionAccounting | None = None
        self._task: asyncio.Task[None] | None = None
        self._requests: asyncio.Queue[AuthenticationRequest] = asyncio.Queue(1)

    def find_session(self) -> AccessSession | None:
        """Find the session on the port."""
        return self.session

    @property
    def link(self) -> Link:
        """The state of the link."""
        if self._shut:
            return Link.DISABLED
        if self._bouncing:
            return Link.BOUNCING
        return Link.DOWN if self._attachment is None else Link.UP

    def attach(self, attachment: Attachment) -> None:
        """An endpoint is plugged in; one that was there before is gone."""
        self.detach()
        self._attachment = attachment
        self._settle()

    def detach(self) -> None:
        """The endpoint is unplugged."""
        self._end(TerminateCause.LOST_CARRIER, "the link went down")
        self._attachment = None

    def bounce(self) -> None:
        """Take the link down for the bounce time; the session ends."""
        self._end(TerminateCause.PORT_REINITIALIZED, "the port bounces")
        self._bouncing = True
        self._switch.tasks.spawn(self._finish_bounce(), name=f"bounce {self.config.name}")

    def shut(self) -> None:
        """Take the port down until `no_shut`; the session ends."""
        self._end(TerminateCause.PORT_DISABLED, "the port is administratively down")
        self._shut = True

    def no_shut(self) -> None:
        """Allow the link again."""
        self._shut = False
        self._settle()

    def disconnect(self) -> None:
        """End the session and leave the port alone; the endpoint's next frame begins a new one."""
        self._end(TerminateCause.ADMIN_RESET, "a Disconnect-Request asked for it")
        self._settle()

    def reauthenticate(self, request: AuthenticationRequest) -> None:
        """Authenticate the session again, under the same id; while one request waits, another adds nothing."""
        if not self._requests.full():
            self._requests.put_nowait(request)

    def view(self) -> AccessView:
        """Show the port."""
        session = self.session
        if session is None:
            return AccessView(port=self.config.name, link=self.link.value)
        granted = session.authorization or Authorization(server="")
        return AccessView(
            port=self.config.name,
            link=self.link.value,
            summary=session.summary,
            session_id=session.session_id,
            acct_session_id=session.acct_session_id,
            mac=session.mac,
            address=session.address,
            method=session.method,
            status=session.state.value,
            server=granted.server,
            dacl=granted.dacl,
            redirect_url=granted.redirect_url,
            redirect_acl=granted.redirect_acl,
            filter_id=granted.filter_id,
            vlan=granted.vlan,
        )

    def _settle(self) -> None:
        """Begin a session where the link is up and none is there."""
        if self.link is not Link.UP or self.session is not None or self._attachment is None:
            return
        switch = self._switch
        session_id, interface_id = switch.identifiers.open_session(switch.runtime.clock.now())
        self.session = AccessSession(
            session_id=session_id,
            interface_id=interface_id,
            port=self.config,
            mac=self._attachment.mac,
            address=self._attachment.address,
        )
        self._requests = asyncio.Queue(1)
        self._write("session-started", "an endpoint is on the port", mac=self.session.mac, address=self.session.address)
        self._task = switch.tasks.spawn(self._run(self.session), name=f"session {session_id}")

    async def _run(self, session: AccessSession) -> None:
        """Authenticate, wait for a reason to do so again, and so on; returns when the session has ended itself."""
        request: AuthenticationRequest | None = _FIRST
        while request is not None:
            outcome = await self._switch.authenticator.authenticate(session, request)
            match outcome:
                case Accepted():
                    self._open(session, outcome)
                case Refused(reason):
                    session.fail()
                    self._close(reason)
                case Unanswered(reason):
                    session.miss_servers()
                    self._close(reason)
            request = await self._find_next_request(session)
        self._task = None
        self._end(TerminateCause.SESSION_TIMEOUT, "Session-Timeout ran out")
        self._settle()

    async def _find_next_request(self, session: AccessSession) -> AuthenticationRequest | None:
        """Wait for what starts the next authentication: a command or the session's own timer; None ends the session."""
        restart = session.find_restart(self._switch.config)
        try:
            async with asyncio.timeout(None if restart is None else restart.after.total_seconds()):
                request = await self._requests.get()
        except TimeoutError:
            assert restart is not None, "only a restart has a timeout"
            if restart.ends_session:
                return None
            # RFC 2865 section 5.24: State comes back in the request that Termination-Action asks for
            state = None if session.authorization is None else session.authorization.state
            request = AuthenticationRequest(reason=restart.reason, state=state)
        session.restart()
        return request

    def _open(self, session: AccessSession, outcome: Accepted) -> None:
        """Apply an Access-Accept, and account for it."""
        session.accept(outcome.authorization, outcome.enforcement)
        granted = outcome.authorization
        self._write(
            "authorized",
            f"{granted.server} has accepted; access is {session.summary}",
            server=granted.server,
            access=session.summary,
            dacl=granted.dacl,
            redirect_acl=granted.redirect_acl,
            vlan=granted.vlan,
        )
        if self._accounting is not None:
            self._accounting.update(granted)
        elif self._switch.config.accounting:
            session.acct_session_id = self._switch.identifiers.open_accounting()
            session.input_octets = session.output_octets = 0
            self._accounting = SessionAccounting(
                session,
                granted,
                config=self._switch.config,
                client=self._switch.client,
                runtime=self._switch.runtime,
            )
            self._switch.tasks.spawn(self._accounting.run(), name=f"accounting {session.acct_session_id}")
        self._on_change()

    def _close(self, reason: str) -> None:
        """Close the port after an authentication without success; the session stays, to try again."""
        self._write("unauthorized", reason)
        self._stop_accounting(TerminateCause.REAUTHENTICATION_FAILURE, reason)
        self._on_change()

    def _end(self, cause: TerminateCause, reason: str) -> None:
        """End the session, if there is one."""
        if self.session is None:
            return
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._write("session-ended", reason, cause=cause.name.lower())
        self.session.end()
        self._stop_accounting(cause, reason)
        self.session = None
        self._on_change()

    def _stop_accounting(self, cause: TerminateCause, reason: str) -> None:
        if self._accounting is not None:
            self._accounting.stop(cause, reason)
            self._accounting = None

    async def _finish_bounce(self) -> None:
        await asyncio.sleep(self._switch.config.port_bounce.total_seconds())
        self._bouncing = False
        self._write("link-up", "the bounce time is over")
        self._settle()

    def _write(self, event: str, reason: str, **facts: str | None) -> None:
        session_id = None if self.session is None else self.session.session_id
        self._switch.runtime.write(event, reason, {"access_port": self.config.name, "session_id": session_id, **facts})
