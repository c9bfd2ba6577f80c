"""CoA for any session of the deployment: sent from here where this node owns it, handed to its owner where not.

The NAD so sees every CoA come from the owner (posture.md 7, aaa-mnt.md 2.5). A *direct* CoA skips the question whose
session it is, as a posture result does: for a stale or phantom entry it reaches a NAD that knows no such session.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nac.node.runtime import Runtime
from psn.coa.message import ProxyCoa
from psn.coa.order import CoaCommand, CoaEnd, CoaOrder, CoaOutcome, list_steps_of_proxy
from psn.coa.sender import CoaSender
from psn.config import PeerNode, PsnConfig
from psn.internode.client import HandOverError, InternodeClient
from psn.internode.owner_lookup import Owner, OwnerLookup, UnknownOwner
from psn.session import Session
from psn.session_cache import SessionCache

_NOT_HELD = "this node does not hold the session, so its network device is not known"


class CoaService:
    """The CoA of one node."""

    def __init__(
        self,
        config: PsnConfig,
        runtime: Runtime,
        *,
        sessions: SessionCache,
        sender: CoaSender,
        owners: OwnerLookup,
        internode: InternodeClient | None,
    ) -> None:
        """Without `internode` nothing can be handed to another node."""
        self._name = config.name
        self._runtime = runtime
        self._sessions = sessions
        self._sender = sender
        self._owners = owners
        self._internode = internode
        self._peers: Mapping[str, PeerNode] = MappingProxyType({peer.name: peer for peer in config.peers})

    async def request(
        self,
        *,
        session_id: str = "",
        mac: str = "",
        command: CoaCommand,
        cause: str,
        source_component: str,
        direct: bool = False,
    ) -> CoaOutcome:
        """Carry out one command for a session, or for the newest one of an endpoint, and return how it ended.

        `mac` is in the inner form. Never raises for what other nodes or the NAD do; `ValueError` where both are empty.
        """
        if not session_id and not mac:
            raise ValueError("a CoA is for a session or for an endpoint")
        order = CoaOrder(command=command, cause=cause, source_component=source_component)
        session = self._find(session_id, mac)
        if direct:
            return await self._send(session, order)
        owner = await self._owners.find(session_id=session_id, macs=[session.mac] if session.mac else [])
        if isinstance(owner, UnknownOwner):
            if session.groups is not None:  # authenticated here, and nobody says that it was elsewhere since
                return await self._send(session, order)
            return self._sender.fail(session, order, CoaEnd.NO_OWNER, owner.reason)
        session = self._find(owner.session_id, owner.mac)
        if owner.name == self._name:
            return await self._send(session, order)
        return await self._hand_over(owner, session, order)

    async def carry_out(self, proxied: ProxyCoa) -> CoaOutcome:
        """Carry out what another node asks of the owner; a session that is not held here ends in 11205."""
        order = proxied.order
        session = self._find(proxied.session_id, proxied.mac)
        facts = {"session_id": session.session_id, "mac": session.mac, "asked_by": order.asked_by}
        why = f"{order.asked_by} asks for {order.command.name.lower()}: {order.cause}"
        self._runtime.write("coa-requested", why, facts | {"command": order.command.name})
        return await self._send(session, order)

    async def _send(self, session: Session, order: CoaOrder) -> CoaOutcome:
        if self._sessions.peek(session.session_id) is None:
            return self._sender.fail(session, order, CoaEnd.NO_DEVICE, _NOT_HELD)
        return await self._sender.send(session, order)

    async def _hand_over(self, owner: Owner, session: Session, order: CoaOrder) -> CoaOutcome:
        peer = self._peers.get(owner.name)
        if peer is None or self._internode is None:
            lack = "is no node this one knows" if peer is None else "cannot be reached: this node has no certificate"
            return self._sender.fail(session, order, CoaEnd.NO_OWNER, f"{owner.name}, which owns the session, {lack}")
        facts = {"session_id": owner.session_id, "mac": owner.mac, "owner": owner.name, "command": order.command.name}
        self._runtime.write("coa-proxied", f"handed to {owner.name}, which owns the session", facts)
        asked = CoaOrder(
            command=order.command,
            cause=order.cause,
            source_component=order.source_component,
            asked_by=self._name,
        )
        try:
            found = await self._internode.hand_over(
                peer, ProxyCoa(session_id=owner.session_id, mac=owner.mac, order=asked)
            )
        except HandOverError as error:
            return self._sender.fail(session, order, error.end, f"{owner.name}: {error.why}")
        self._runtime.write("coa-proxy-ended", f"{owner.name}: {found.reason}", facts | {"code": found.code.value})
        steps = list_steps_of_proxy(order, found.steps)
        return CoaOutcome(code=found.code, reason=found.reason, steps=steps, node=found.node)

    def _find(self, session_id: str, mac: str) -> Session:
        """Find the entry of a session, or the newest of an endpoint, without using it; else say only what is known."""
        held = [self._sessions.peek(session_id)] if session_id else self._sessions.list_by_mac(mac)[-1:]
        if held and held[0] is not None:
            return held[0]
        now = self._runtime.clock.now()
        return Session(session_id=session_id, mac=mac, created_at=now, updated_at=now)
