"""Asks the servers of the group one after the other until one answers.

Which servers are worth asking is `nad_emulator.server_group`'s decision, how one is asked `radius.client`'s.
Authentication and accounting share the servers and their health (aaa-mnt section 9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from nac.node.journal import Fact
from nac.node.runtime import Runtime
from nad_emulator.config import AaaServer, SwitchConfig
from nad_emulator.server_group import ServerGroup
from radius import attribute
from radius.client import NoResponseError, Peer, RadiusClient
from radius.packet import Attribute, Code, Packet, integer
from radius.retransmission import Retransmission


class Answer(NamedTuple):
    """A reply and the name of the server that gave it."""

    server: str
    packet: Packet


class NoAnswerError(Exception):
    """No server has answered; the message says which were asked, or why none could be."""


class FailOverClient:
    """The RADIUS client of one switch, from power-up to power-down."""

    def __init__(self, config: SwitchConfig, runtime: Runtime) -> None:
        """Begin with every server alive."""
        self._servers = {server.name: server for server in config.servers}
        self._group = ServerGroup(self._servers, criteria=config.dead_criteria, deadtime=config.deadtime)
        self._retransmission = Retransmission.every(config.timeout, config.retransmit)
        self._client = RadiusClient(
            host=config.address, random=runtime.random, observe=runtime.observe, gate=runtime.gate
        )
        self._observe = runtime.observe

    async def exchange(
        self,
        code: Code,
        attributes: list[Attribute],
        *,
        first: str = "",
        only: str = "",
        happened_at: float | None = None,
    ) -> Answer:
        """Send a request, to the server named `first` before the others, or to the one named `only`, dead or alive.

        `happened_at` (loop time) sets Acct-Delay-Time, which grows while servers do not answer. Raises
        `NoAnswerError`.
        """
        loop = asyncio.get_running_loop()
        asked: list[str] = []
        for name in [only] if only else self._list_candidates(first, loop.time()):
            current = attributes if happened_at is None else _set_delay(attributes, loop.time() - happened_at)
            try:
                packet = await self._ask(name, code, current)
            except NoResponseError as error:
                asked.append(name)
                reason = f"{name} has not answered{'' if only else ', the next server of the group is asked'}"
                facts: dict[str, Fact] = {"server": name, "attempts": error.attempts}
                self._observe("server-silent", reason, facts)
            except (OSError, ValueError) as error:
                # no source port to be had, or a peer's Class or State, echoed, makes the request too long
                why = getattr(error, "strerror", None) or error
                raise NoAnswerError(f"the request cannot be sent: {why}") from None
            else:
                if self._group.note_reply(name, loop.time()):
                    self._observe("server-alive", f"{name} has answered", {"server": name})
                return Answer(name, packet)
        raise NoAnswerError(f"no answer from {', '.join(asked)}" if asked else "there is no server to ask")

    def close(self) -> None:
        """Close the sockets; nothing may be under way any more."""
        self._client.close()

    async def _ask(self, name: str, code: Code, attributes: list[Attribute]) -> Packet:
        """Ask one server; raises as `radius.client.RadiusClient.exchange` does."""
        return await self._client.exchange(
            _find_peer(self._servers[name], code),
            code,
            attributes,
            retransmission=self._retransmission,
            on_timeout=self._count_timeouts(name),
        )

    def _list_candidates(self, first: str, now: float) -> list[str]:
        """List the servers to ask, reviving those whose deadtime is over."""
        for name in self._group.revive(now):
            self._observe("server-alive", f"the deadtime of {name} is over", {"server": name})
        return sorted(self._group.list_candidates(), key=lambda name: name != first)

    def _count_timeouts(self, name: str) -> Callable[[], None]:
        """Build a counter for one exchange that leaves the first transmission out, as IOS-XE does."""
        retransmitting = False

        def count() -> None:
            nonlocal retransmitting
            if retransmitting and self._group.note_timeout(name, asyncio.get_running_loop().time()):
                self._observe("server-dead", f"{name} meets both dead criteria", {"server": name})
            retransmitting = True

        return count


def _find_peer(server: AaaServer, code: Code) -> Peer:
    port = server.acct_port if code == Code.ACCOUNTING_REQUEST else server.auth_port
    return Peer(host=server.host, port=port, secret=server.secret)


def _set_delay(attributes: list[Attribute], delay: float) -> list[Attribute]:
    """Set Acct-Delay-Time to whole seconds."""
    return [
        (type_, integer(round(delay)) if type_ == attribute.ACCT_DELAY_TIME else value) for type_, value in attributes
    ]
