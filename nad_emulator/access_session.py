"""One session on an access port: its states, what it enforces, and when it has to authenticate again.

The audit session id is kept from the first authentication until the link goes down or the session is ended; only a
new session gets a new one (aaa-mnt 1.6, 2.2). Access opens with an accepted authentication, stays as it is while a
re-authentication runs, and closes where that fails. Knows neither sockets nor timers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from nac.identity import render_mac_plain
from nad_emulator.authorization import Authorization
from nad_emulator.config import AccessPortConfig, SwitchConfig
from nad_emulator.data_plane import Enforcement


class SessionState(Enum):
    """Where a session stands; the value is what is shown."""

    AUTHENTICATING = "Authenticating"
    AUTHORIZED = "Authorized"
    REAUTHENTICATING = "Reauthenticating"
    HELD = "Unauthorized"
    WAITING = "Waiting for a server"
    ENDED = "Ended"


class SessionEvent(Enum):
    """What can happen to a session."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    UNANSWERED = "unanswered"
    RESTARTED = "restarted"
    ENDED = "ended"


TRANSITIONS = {
    (SessionState.AUTHENTICATING, SessionEvent.ACCEPTED): SessionState.AUTHORIZED,
    (SessionState.AUTHENTICATING, SessionEvent.FAILED): SessionState.HELD,
    (SessionState.AUTHENTICATING, SessionEvent.UNANSWERED): SessionState.WAITING,
    (SessionState.AUTHENTICATING, SessionEvent.ENDED): SessionState.ENDED,
    (SessionState.AUTHORIZED, SessionEvent.RESTARTED): SessionState.REAUTHENTICATING,
    (SessionState.AUTHORIZED, SessionEvent.ENDED): SessionState.ENDED,
    (SessionState.REAUTHENTICATING, SessionEvent.ACCEPTED): SessionState.AUTHORIZED,
    (SessionState.REAUTHENTICATING, SessionEvent.FAILED): SessionState.HELD,
    (SessionState.REAUTHENTICATING, SessionEvent.UNANSWERED): SessionState.WAITING,
    (SessionState.REAUTHENTICATING, SessionEvent.ENDED): SessionState.ENDED,
    (SessionState.HELD, SessionEvent.RESTARTED): SessionState.AUTHENTICATING,
    (SessionState.HELD, SessionEvent.ENDED): SessionState.ENDED,
    (SessionState.WAITING, SessionEvent.RESTARTED): SessionState.AUTHENTICATING,
    (SessionState.WAITING, SessionEvent.ENDED): SessionState.ENDED,
}


class UndefinedTransitionError(RuntimeError):
    """An event that cannot happen in this state: a mistake of the switch's own."""

    def __init__(self, state: SessionState, event: SessionEvent) -> None:
        super().__init__(f"a session that is {state.value!r} cannot be {event.value}")
        self.state = state
        self.event = event


@dataclass(frozen=True, slots=True)
class Restart:
    """What a session does when nothing else happens: after a time it authenticates again, or it ends."""

    after: timedelta
    ends_session: bool
    reason: str


@dataclass(slots=True, kw_only=True, eq=False)
class AccessSession:
    """A session of one endpoint on one port. Octets are counted since its accounting began; input is what came in."""

    session_id: str
    interface_id: int
    port: AccessPortConfig
    mac: str
    address: str
    method: str = "mab"
    state: SessionState = SessionState.AUTHENTICATING
    authorization: Authorization | None = None
    enforcement: Enforcement | None = None
    acct_session_id: str = ""
    input_octets: int = 0
    output_octets: int = 0

    def accept(self, authorization: Authorization, enforcement: Enforcement) -> None:
        """Open the port, or replace what it enforces."""
        self._step(SessionEvent.ACCEPTED)
        self.authorization = authorization
        self.enforcement = enforcement

    def fail(self) -> None:
        """Close the port after a refusal."""
        self._step(SessionEvent.FAILED)
        self._close()

    def miss_servers(self) -> None:
        """Close the port because nobody answered."""
        self._step(SessionEvent.UNANSWERED)
        self._close()

    def restart(self) -> None:
        """Begin another authentication; what is enforced stays until its outcome."""
        self._step(SessionEvent.RESTARTED)

    def end(self) -> None:
        """End for good."""
        self._step(SessionEvent.ENDED)
        self._close()

    @property
    def is_busy(self) -> bool:
        """Whether an authentication is running."""
        return self.state in {SessionState.AUTHENTICATING, SessionState.REAUTHENTICATING}

    @property
    def user_name(self) -> bytes:
        """The User-Name of the session: the server's, else the MAC it asked with."""
        if self.authorization is None or self.authorization.user_name is None:
            return render_mac_plain(self.mac).encode()
        return self.authorization.user_name

    @property
    def summary(self) -> str:
        """The access in one word: ``closed``, ``redirect``, ``restricted`` or ``open``."""
        return "closed" if self.enforcement is None else self.enforcement.summary

    def find_restart(self, config: SwitchConfig) -> Restart | None:
        """Find what happens next by itself, counted from now; None where nothing does."""
        match self.state:
            case SessionState.HELD:
                return Restart(config.restart_interval, False, "the restart timer of a failed authentication ran out")
            case SessionState.WAITING:
                return Restart(config.unreachable_interval, False, "time to try the servers again")
        if self.state is not SessionState.AUTHORIZED or self.authorization is None:
            return None
        timeout = self.authorization.session_timeout
        if timeout is None:
            return None
        if self.authorization.reauthenticates:
            return Restart(timeout, False, "Session-Timeout ran out, Termination-Action is RADIUS-Request")
        return Restart(timeout, True, "Session-Timeout ran out, Termination-Action is Default")

    def _close(self) -> None:
        self.authorization = None
        self.enforcement = None

    def _step(self, event: SessionEvent) -> None:
        state = TRANSITIONS.get((self.state, event))
        if state is None:
            raise UndefinedTransitionError(self.state, event)
        self.state = state
