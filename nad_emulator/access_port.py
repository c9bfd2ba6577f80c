"""An access port: the session on it, and the one task that takes the session through its life.

A port link that comes up begins a session, one that goes down ends it; a session ended for any other reason is followed
by a new one while the port link is up, because the endpoint goes on sending frames. What a session may do is
`nad_emulator.access_session`'s decision, what state the port link is in `nad_emulator.port_link`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime
from nad_emulator.access_session import AccessSession
from nad_emulator.access_view import AccessView, build_view
from nad_emulator.accounting import SessionAccounting, StrayRecord, TerminateCause
from nad_emulator.authenticator import Accepted, AuthenticationRequest, Authenticator, Refused, Unanswered
from nad_emulator.config import AccessPortConfig, SwitchConfig
from nad_emulator.fail_over import FailOverClient
from nad_emulator.identifiers import Identifiers
from nad_emulator.port_link import Attachment, PortLink

_FIRST = AuthenticationRequest(reason="the first frame of an endpoint without a session")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchServices:
    """What the ports of one running switch share."""

    config: SwitchConfig
    runtime: Runtime
    client: FailOverClient
    authenticator: Authenticator
    identifiers: Identifiers
    tasks: OwnedTasks


class NoSessionError(ValueError):
    """A port has no session to do something with; `lacking` says what it would have to be."""

    def __init__(self, port: str, lacking: str = "session") -> None:
        super().__init__(f"{port} has no {lacking}")
        self.port = port
        self.lacking = lacking


class UnknownServerError(ValueError):
    """A server is named that is not in the switch's group."""

    def __init__(self, switch: str, server: str) -> None:
        super().__init__(f"{switch} has no RADIUS server named {server}")
        self.switch = switch
        self.server = server


class AccessPort:
    """One access port of a running switch.

    `on_change` is called after every change of what the port enforces, `on_port_link` after it took its port link down
    or let it come up again.
    """

    def __init__(
        self,
        config: AccessPortConfig,
        *,
        switch: SwitchServices,
        on_change: Callable[[], None],
        on_port_link: Callable[[], None],
    ) -> None:
        """Begin with nothing attached."""
        self.config = config
        self.port_link = PortLink(on_port_link)
        self.session: AccessSession | None = None
        self._switch = switch
        self._on_change = on_change
        self._accounting: SessionAccounting | None = None
        self._accounting_task: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._requests: asyncio.Queue[AuthenticationRequest] = asyncio.Queue(1)

    def find_session(self) -> AccessSession | None:
        """Find the session on the port."""
        return self.session

    def attach(self, attachment: Attachment) -> None:
        """An endpoint is plugged in; one that was there before is gone."""
        self.detach()
        self.port_link.attachment = attachment
        self._settle()

    def detach(self) -> None:
        """The endpoint is unplugged."""
        self._end(TerminateCause.LOST_CARRIER, "the link went down")
        self.port_link.attachment = None

    def bounce(self) -> None:
        """Take the port link down for the bounce time; the session ends."""
        self._end(TerminateCause.PORT_REINITIALIZED, "the port bounces")
        self.port_link.begin_bounce()
        self._switch.tasks.spawn(self._finish_bounce(), name=f"bounce {self.config.name}")

    def shut(self) -> None:
        """Take the port down until `no_shut`; the session ends."""
        self._end(TerminateCause.PORT_DISABLED, "the port is administratively down")
        self.port_link.shut()

    def no_shut(self) -> None:
        """Allow the port link again."""
        self.port_link.no_shut()
        self._settle()

    def disconnect(self) -> None:
        """End the session and leave the port alone; the endpoint's next frame begins a new one."""
        self._end(TerminateCause.ADMIN_RESET, "a Disconnect-Request asked for it")
        self._settle()

    def reauthenticate(self, request: AuthenticationRequest) -> None:
        """Authenticate the session again, under the same id; while one request waits, another adds nothing."""
        if not self._requests.full():
            self._requests.put_nowait(request)

    def repeat_authentication(self) -> None:
        """Do what the timer of a session does that keeps its id. Raises `NoSessionError`."""
        if self.session is None:
            raise NoSessionError(self.config.name)
        self.reauthenticate(_build_repetition(self.session, "the switch authenticates the session again"))

    def change_session_id(self, *, sends_stop: bool) -> None:
        """Let the session go on under a new id, as a device does that loses the old one. Raises `NoSessionError`."""
        if self.session is None:
            raise NoSessionError(self.config.name)
        reason = "the switch authenticates again under a new session id"
        if not sends_stop and self._accounting_task is not None:
            reason += " and sends no stop for the old one"
            self._accounting_task.cancel()
            self._accounting = self._accounting_task = None
        self._end(TerminateCause.SESSION_TIMEOUT, reason)
        self._settle()

    def misdirect(self, record: StrayRecord, *, server: str) -> None:
        """Send one accounting record of the session to `server` alone: an interim now, the stop when it is due.

        Raises `NoSessionError`, `UnknownServerError`.
        """
        config = self._switch.config
        if server not in {known.name for known in config.servers}:
            raise UnknownServerError(config.name, server)
        if self._accounting is None:
            raise NoSessionError(self.config.name, "session whose accounting has begun")
        self._accounting.misdirect(record, server=server)

    def view(self) -> AccessView:
        """Show the port."""
        return build_view(self.config.name, self.port_link.state.value, self.session)

    def _settle(self) -> None:
        """Begin a session where the port link is up and none is there."""
        reachable = self.port_link.find_reachable()
        if reachable is None or self.session is not None:
            return
        switch = self._switch
        session_id, interface_id = switch.identifiers.open_session(switch.runtime.clock.now())
        self.session = AccessSession(
            session_id=session_id,
            interface_id=interface_id,
            port=self.config,
            mac=reachable.mac,
            address=reachable.address,
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
            request = _build_repetition(session, restart.reason)
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
            name = f"accounting {session.acct_session_id}"
            self._accounting_task = self._switch.tasks.spawn(self._accounting.run(), name=name)
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
            self._accounting = self._accounting_task = None

    async def _finish_bounce(self) -> None:
        await asyncio.sleep(self._switch.config.port_bounce.total_seconds())
        self._write("link-up", "the bounce time is over")
        self.port_link.end_bounce()
        self._settle()

    def _write(self, event: str, reason: str, **facts: str | None) -> None:
        session_id = None if self.session is None else self.session.session_id
        self._switch.runtime.write(event, reason, {"access_port": self.config.name, "session_id": session_id, **facts})


def _build_repetition(session: AccessSession, reason: str) -> AuthenticationRequest:
    """Build what authenticates a session again; State comes back as Termination-Action asks (RFC 2865 section 5.24)."""
    state = None if session.authorization is None else session.authorization.state
    return AuthenticationRequest(reason=reason, state=state)
