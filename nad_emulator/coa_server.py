"""The dynamic authorization server of a switch: answers CoA and Disconnect, then does what was asked.

An answer never waits: an ACK leaves before the work begins, so also before a re-authentication ends (aaa-mnt 2.2).
What is refused and why is `nad_emulator.coa_request`'s decision.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable
from datetime import timedelta

from nac.identity import AUDIT_SESSION_ID, render_mac_hyphens
from nac.node.journal import Fact
from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime
from nad_emulator.access_port import AccessPort
from nad_emulator.access_session import AccessSession, SessionState
from nad_emulator.accounting import TerminateCause
from nad_emulator.authenticator import AuthenticationRequest
from nad_emulator.coa_request import CoaRefusedError, CoaRequest, Command, check_willingness, find_session, parse_coa
from nad_emulator.config import SwitchConfig
from nad_emulator.session_attributes import pair
from radius import attribute
from radius.client_table import ClientTable
from radius.duplicates import LONGEST_LIFETIME
from radius.dynamic_authorization import ErrorCause, build_ack, build_nak
from radius.packet import Attribute, Code, address, integer, text
from radius.server import Handler, RadiusServer, Reply, Request, Service


class CoaServer:
    """Serves CoA and Disconnect on the switch's ports for it."""

    def __init__(
        self,
        sockets: Iterable[socket.socket],
        *,
        config: SwitchConfig,
        ports: Collection[AccessPort],
        tasks: OwnedTasks,
        runtime: Runtime,
    ) -> None:
        """Take bound sockets; they belong to the server from now on."""
        self._config = config
        self._ports = ports
        self._tasks = tasks
        self._runtime = runtime
        handlers: dict[int, Handler] = {Code.COA_REQUEST: self._answer, Code.DISCONNECT_REQUEST: self._answer}
        service = Service(
            name="dynamic authorization",
            handlers=handlers,
            duplicate_lifetime=_choose_duplicate_lifetime(config.event_timestamp_window),
        )
        self._server = RadiusServer(
            services=[(sock, service) for sock in sockets],
            clients=ClientTable(config.dynamic_author_clients),
            observe=runtime.observe,
            gate=runtime.gate,
        )

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    async def stop(self) -> None:
        """Close the sockets."""
        await self._server.stop()

    def _answer(self, request: Request) -> Reply | None:
        """Answer one authentic request, and put what it asks for in work."""
        packet = request.packet
        facts: dict[str, Fact] = {"client": request.client.name}
        try:
            coa = parse_coa(packet, self._config, self._runtime.clock.now())
            facts["command"] = coa.command.value
            session = find_session(coa, [port.session for port in self._ports if port.session is not None])
            facts |= {"access_port": session.port.name, "session_id": session.session_id}
            check_willingness(coa, session, self._config)
        except CoaRefusedError as refusal:
            if refusal.cause is None:
                self._runtime.write("coa-ignored", refusal.reason, facts)
                return None
            self._runtime.write("coa-refused", refusal.reason, {**facts, "error_cause": refusal.cause.value})
            return build_nak(packet, refusal.cause)
        self._tasks.spawn(self._carry_out(coa, session), name=f"coa {coa.command.value}")
        if coa.command is Command.AUTHORIZE_ONLY:
            reason = "an Access-Request is on its way, as asked"
            self._runtime.write("coa-refused", reason, {**facts, "error_cause": ErrorCause.REQUEST_INITIATED.value})
            return build_nak(packet, ErrorCause.REQUEST_INITIATED)
        residual = coa.command is Command.DISCONNECT and session.state in {SessionState.HELD, SessionState.WAITING}
        self._runtime.write("coa-acknowledged", "the request is in order and one session matches", facts)
        cause = ErrorCause.RESIDUAL_SESSION_CONTEXT_REMOVED if residual else None
        return build_ack(packet, _list_ack_attributes(coa.command, session), error_cause=cause)

    async def _carry_out(self, coa: CoaRequest, session: AccessSession) -> None:
        """Do what was asked, in a task of its own so that the answer is out first."""
        port = next((port for port in self._ports if port.session is session), None)
        if port is None:
            return
        match coa.command:
            case Command.REAUTHENTICATE:
                wanted = "the whole method list" if coa.rerun else "the method that last succeeded"
                port.reauthenticate(AuthenticationRequest(reason=f"a CoA-Request asked to run {wanted} again"))
            case Command.AUTHORIZE_ONLY:
                reason = "a CoA-Request asked to authorize only"
                port.reauthenticate(AuthenticationRequest(reason=reason, state=coa.state, authorize_only=True))
            case Command.BOUNCE:
                port.bounce()
            case Command.DISABLE:
                port.shut()
            case Command.DISCONNECT:
                port.disconnect()


def _choose_duplicate_lifetime(window: timedelta) -> timedelta:
    """Remember an answer for as long as its request is current, so that a replay is never carried out (RFC 5176 2.3).

    A request stamped ahead of this clock is current for two windows, and an entry is sure of half its lifetime only.
    """
    return max(timedelta(seconds=LONGEST_LIFETIME), 4 * window)


def _list_ack_attributes(command: Command, session: AccessSession) -> list[Attribute]:
    """List what an ACK tells: the cause of a disconnection, or what was asked about the session."""
    if command is Command.DISCONNECT:
        return [(attribute.ACCT_TERMINATE_CAUSE, integer(TerminateCause.ADMIN_RESET))]
    if command is not Command.QUERY:
        return []
    return [
        (attribute.USER_NAME, session.user_name),
        (attribute.NAS_PORT, integer(session.port.nas_port)),
        (attribute.NAS_PORT_ID, text(session.port.name)),
        (attribute.CALLING_STATION_ID, text(render_mac_hyphens(session.mac))),
        (attribute.FRAMED_IP_ADDRESS, address(session.address)),
        (attribute.ACCT_SESSION_ID, text(session.acct_session_id)),
        pair(f"{AUDIT_SESSION_ID}{session.session_id}"),
        pair(f"method={session.method}"),
    ]
