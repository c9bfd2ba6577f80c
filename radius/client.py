"""A RADIUS client: sends a request until its answer comes or the schedule ends.

Rules: RFC 2865 section 2.5 and RFC 5080 section 2.2.1 (retransmission), RFC 2866 section 5.2 (Acct-Delay-Time),
RFC 5176 section 2.3, RFC 5997 (Status-Server). A repetition is the identical packet, except where it would say
something untrue (Acct-Delay-Time) or must not be one (Status-Server): then it is a new packet with an identifier
and an authenticator of its own.

Identifiers are counted per server and source port and taken least recently used first; none is used again before
its answer or its timeout. When 256 are out towards a server, another source port opens; when all ports are full,
requests wait in line. Which answer counts is `radius.authenticator`'s decision; the others are reported and ignored.
"""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address
from random import Random

from radius import attribute
from radius.authenticator import ZEROS, Fault, encode_request, verify_reply
from radius.gate import Gate
from radius.observer import Observer
from radius.packet import Attribute, Code, MalformedPacketError, Packet, decode, integer
from radius.retransmission import Retransmission
from radius.secret import Secret

MAXIMUM_SOURCE_PORTS = 16
_IDENTIFIERS = 256
_DATAGRAMS_PER_TURN = 64
_LARGEST_DATAGRAM = 65_535
_RECEIVE_BUFFER = 1 << 20

_RANDOM_AUTHENTICATOR = frozenset({Code.ACCESS_REQUEST, Code.STATUS_SERVER})
_ANSWERS: dict[int, frozenset[int]] = {
    Code.ACCESS_REQUEST: frozenset({Code.ACCESS_ACCEPT, Code.ACCESS_REJECT, Code.ACCESS_CHALLENGE}),
    Code.ACCOUNTING_REQUEST: frozenset({Code.ACCOUNTING_RESPONSE}),
    Code.STATUS_SERVER: frozenset({Code.ACCESS_ACCEPT, Code.ACCOUNTING_RESPONSE}),
    Code.DISCONNECT_REQUEST: frozenset({Code.DISCONNECT_ACK, Code.DISCONNECT_NAK}),
    Code.COA_REQUEST: frozenset({Code.COA_ACK, Code.COA_NAK}),
}

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server to ask: dotted address, port, shared secret."""

    host: str
    port: int
    secret: Secret

    def __post_init__(self) -> None:
        IPv4Address(self.host)
        if not 0 < self.port < 65_536:
            raise ValueError(f"port {self.port} is outside 1..65535")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class NoResponseError(TimeoutError):
    """A server has answered none of `attempts` transmissions.

    `fault` says why what came last did not count; None where nothing came.
    """

    def __init__(self, peer: Peer, attempts: int, fault: str | None = None) -> None:
        super().__init__(f"{peer} did not answer ({attempts} transmissions)")
        self.peer = peer
        self.attempts = attempts
        self.fault = fault


class ClientClosedError(RuntimeError):
    """The client was closed before the answer came."""

    def __init__(self) -> None:
        super().__init__("the RADIUS client is closed")


@dataclass(slots=True, eq=False)
class _Source:
    """A source port, and what waits there for its answer, by server and identifier."""

    sock: socket.socket
    waiting: dict[tuple[Address, int], _RequestPacket] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Lane:
    """The way to one server: its free (source port, identifier) pairs, least recently used first."""

    free: deque[tuple[_Source, int]] = field(default_factory=deque)
    ports: int = 0
    capacity: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAXIMUM_SOURCE_PORTS * _IDENTIFIERS))


@dataclass(slots=True, eq=False)
class _RequestPacket:
    """A request on its way, and the future of its answer."""

    peer: Peer
    source: _Source
    data: bytes
    answer: asyncio.Future[Packet]
    fault: str | None = None
    """What was wrong with the last answer that was ignored."""


class RadiusClient:
    """The requesting side of a node, towards any number of servers. Sockets open when they are first needed."""

    def __init__(self, *, host: str, random: Random, observe: Observer, gate: Gate | None = None) -> None:
        """Send from address `host`; authenticators and jitter come from `random`."""
        self._host = host
        self._gate = gate or Gate()
        self._random = random
        self._observe = observe
        self._sources: list[_Source] = []
        self._lanes: defaultdict[Address, _Lane] = defaultdict(_Lane)
        self._closed = False

    async def exchange(
        self,
        peer: Peer,
        code: int,
        attributes: list[Attribute],
        *,
        retransmission: Retransmission,
        on_timeout: Callable[[], None] | None = None,
        sign: bool = True,
    ) -> Packet:
        """Send a request and return its verified answer.

        User-Password is given in the clear. `on_timeout` is called for every transmission that stays unanswered;
        what it raises ends the exchange. Raises `NoResponseError` at the end of the schedule, `ValueError` for
        attributes that do not fit into a packet, `OSError` where no source port can be opened.
        """
        lane = self._lanes[peer.host, peer.port]
        timeouts = retransmission.timeouts(self._random)
        renew = code == Code.STATUS_SERVER or _is_delayed(code, attributes)
        clock = asyncio.get_running_loop().time
        begun = clock()
        attempts = 0
        fault: str | None = None
        async with lane.capacity:
            for repetitions in ((timeout,) for timeout in timeouts) if renew else (timeouts,):
                current = _add_delay(attributes, clock() - begun) if renew else attributes
                with self._packet(lane, peer, code, current, sign=sign) as packet:
                    for timeout in repetitions:
                        attempts += 1
                        self._send(packet)
                        await asyncio.wait((packet.answer,), timeout=timeout.total_seconds())
                        if packet.answer.cancelled():
                            raise ClientClosedError
                        if packet.answer.done():
                            return packet.answer.result()
                        fault = packet.fault or fault
                        if on_timeout is not None:
                            on_timeout()
        raise NoResponseError(peer, attempts, fault)

    def close(self) -> None:
        """Close all source ports; exchanges still open raise `ClientClosedError`."""
        self._closed = True
        for source in self._sources:
            asyncio.get_running_loop().remove_reader(source.sock)
            source.sock.close()
            for packet in source.waiting.values():
                packet.answer.cancel()
        self._sources.clear()

    @contextmanager
    def _packet(
        self, lane: _Lane, peer: Peer, code: int, attributes: list[Attribute], *, sign: bool
    ) -> Iterator[_RequestPacket]:
        """Encode a packet under the identifier that has rested longest, and hold that while its answer is awaited."""
        if self._closed:
            raise ClientClosedError
        if not lane.free:
            self._widen(lane)
        source, identifier = lane.free.popleft()
        key = (peer.host, peer.port), identifier
        authenticator = self._random.randbytes(16) if code in _RANDOM_AUTHENTICATOR else ZEROS
        try:
            data = encode_request(code, identifier, attributes, peer.secret, authenticator, sign=sign)
            packet = _RequestPacket(peer, source, data, asyncio.get_running_loop().create_future())
            source.waiting[key] = packet
            yield packet
        finally:
            source.waiting.pop(key, None)
            lane.free.append((source, identifier))

    def _widen(self, lane: _Lane) -> None:
        """Give a server one more source port; all servers share the ports."""
        if lane.ports == len(self._sources):
            self._sources.append(self._open())
        source = self._sources[lane.ports]
        lane.ports += 1
        lane.free.extend((source, identifier) for identifier in range(_IDENTIFIERS))

    def _open(self) -> _Source:
        """Open a source port and read it from now on."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.bind((self._host, 0))
        except OSError as error:
            sock.close()
            raise OSError(error.errno, f"cannot send from {self._host}: {error.strerror}") from None
        source = _Source(sock)
        asyncio.get_running_loop().add_reader(sock, self._drain, source)
        return source

    def _send(self, packet: _RequestPacket, *, is_passed: bool = False) -> None:
        """Send one datagram; where that fails it counts as lost, and the schedule sends it again."""
        peer, sock, keeper = packet.peer, packet.source.sock, self._gate.leaving
        if self._closed:
            return
        if keeper is not None and not is_passed:
            keeper(sock.getsockname(), (peer.host, peer.port), partial(self._send, packet, is_passed=True))
            return
        try:
            sock.sendto(packet.data, (peer.host, peer.port))
        except OSError as error:
            why = f"the request to {peer} could not be sent: {error.strerror}"
            self._observe("radius-request-lost", why, {"peer": peer.host, "port": peer.port})

    def _drain(self, source: _Source) -> None:
        """Take what has arrived at a source port, up to a bound; the loop calls again while there is more."""
        keeper = self._gate.entering
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                data, address = source.sock.recvfrom(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier request; its timeout says the same
            if keeper is None:
                self._receive(source, data, address)
            else:
                keeper(address, source.sock.getsockname(), partial(self._receive, source, data, address))

    def _receive(self, source: _Source, data: bytes, address: Address) -> None:
        """Take one answer, or report why it does not count."""
        fault = None if self._closed else self._match(source, data, address)
        if fault is not None:
            why = f"the answer from {address[0]}:{address[1]} was ignored: {fault}"
            self._observe("radius-answer-ignored", why, {"peer": address[0], "port": address[1]})

    def _match(self, source: _Source, data: bytes, address: Address) -> str | None:
        """Hand a valid answer to its exchange, or say why it does not count."""
        try:
            reply = decode(data)
        except MalformedPacketError as error:
            return error.fault
        request = source.waiting.get((address, reply.identifier))
        if request is None or request.answer.done():
            return f"no request with identifier {reply.identifier} waits for it"
        code = request.data[0]
        fault = verify_reply(data, reply, code, request.data[4:20], request.peer.secret)
        if fault is not None:
            hint = "; the shared secret is probably not the server's" if fault is Fault.RESPONSE_AUTHENTICATOR else ""
            request.fault = f"{fault.value}{hint}"
        elif reply.code not in _ANSWERS.get(code, (reply.code,)):
            request.fault = f"code {reply.code} does not answer code {code}"
        else:
            request.answer.set_result(reply)
            return None
        return request.fault


def _is_delayed(code: int, attributes: list[Attribute]) -> bool:
    """Tell whether a request says how long it has been waiting, so that a repetition must say something else."""
    return code == Code.ACCOUNTING_REQUEST and any(type_ == attribute.ACCT_DELAY_TIME for type_, _ in attributes)


def _add_delay(attributes: list[Attribute], waited: float) -> list[Attribute]:
    """Raise Acct-Delay-Time by the whole seconds waited."""
    return [
        (type_, integer(int.from_bytes(value, "big") + round(waited)) if type_ == attribute.ACCT_DELAY_TIME else value)
        for type_, value in attributes
    ]
