"""A RADIUS server: what happens to each datagram, and the sockets it comes from.

Rules (RFC 2865, 2866, 3579, 5080, 5176, 5997; reference page aaa-mnt 3): an unknown source, a malformed packet, a
code this port does not serve and a packet that is not authentic are discarded in silence, with a reason for the
journal; a duplicate gets the stored reply; Status-Server is answered here; every other request goes to the handler
of its code. Verify, then decode, then act: structure is checked first because verification needs it, and nothing
of a packet is believed before `verify_request` has passed it.

A handler answers at once with a `Reply` or None (silence), or returns a coroutine that does: then the request is
in progress, and at most `maximum_in_flight` of them are open together.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from radius import attribute, remedy
from radius.authenticator import encode_reply, verify_request
from radius.client_table import Client, ClientTable, Learned, Switch
from radius.duplicates import DuplicateCache, Standing
from radius.observer import Observer
from radius.packet import Code, MalformedPacketError, Packet, decode
from radius.remedy import DropReason

Address = tuple[str, int]

_DATAGRAMS_PER_TURN = 64
"""Datagrams taken from one socket before timers and other sockets get their turn."""
_LARGEST_DATAGRAM = 65_535


class Reply(NamedTuple):
    """An answer: its code and its encoded attributes, without Message-Authenticator and Proxy-State."""

    code: int
    attributes: bytes = b""


class Request(NamedTuple):
    """A verified request: the packet, whose it is, where from and on which of our addresses."""

    packet: Packet
    client: Client
    source: Address
    received_on: Address


Handler = Callable[[Request], Reply | Coroutine[object, object, Reply | None] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What one port serves: a handler for each code, and the code that answers Status-Server (None: not answered)."""

    name: str
    handlers: Mapping[int, Handler]
    status_code: int | None = None


@dataclass(slots=True)
class Counters:
    """What the server has done since its start."""

    requests: int = 0
    replies: int = 0
    duplicates: int = 0
    drops: dict[str, int] = field(default_factory=dict)


class RadiusServer:
    """The request side of a node, on any number of sockets. `start` begins to read them, `stop` closes them."""

    def __init__(
        self,
        *,
        services: list[tuple[socket.socket, Service]],
        clients: ClientTable,
        observe: Observer,
        maximum_in_flight: int = 16_384,
    ) -> None:
        """Take bound, non-blocking sockets; they belong to the server from now on."""
        self.counters = Counters()
        self._clients = clients
        self._observe = observe
        self._maximum_in_flight = maximum_in_flight
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners = [Listener(self, sock, service) for sock, service in services]

    def start(self) -> None:
        """Begin to read the sockets on the running loop."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.add_reader(listener.sock, listener.drain)

    async def stop(self) -> None:
        """Stop reading, end what is in progress, close the sockets."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            if listener.sock.fileno() >= 0:
                loop.remove_reader(listener.sock)
                listener.sock.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def in_flight(self) -> int:
        """How many requests wait for a coroutine's answer."""
        return len(self._tasks)

    def find_client(self, address: str) -> Learned | None:
        """Find the client of a source address."""
        return self._clients.find(address)

    def drop(self, reason: DropReason, why: str, source: Address) -> None:
        """Count a discarded datagram and report it."""
        drops = self.counters.drops
        drops[reason.value] = drops.get(reason.value, 0) + 1
        self._observe("radius-drop", why, {"drop": reason.value, "address": source[0], "port": source[1]})

    def note_duplicate(self, request: Request) -> None:
        """Count a request answered from the cache and report it."""
        self.counters.duplicates += 1
        self._observe(
            "radius-duplicate",
            "same source, identifier and authenticator: the stored reply is sent again",
            {"address": request.source[0], "port": request.source[1], "identifier": request.packet.identifier},
        )

    def answer_later(
        self, listener: Listener, request: Request, answer: Coroutine[object, object, Reply | None]
    ) -> None:
        """Run a coroutine for its answer, unless too many are running."""
        if len(self._tasks) >= self._maximum_in_flight:
            answer.close()
            listener.forget(request)
            self.drop(DropReason.OVERLOAD, f"{len(self._tasks)} requests are in progress, the limit", request.source)
            return
        task = asyncio.get_running_loop().create_task(self._finish(listener, request, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(
        self, listener: Listener, request: Request, answer: Coroutine[object, object, Reply | None]
    ) -> None:
        listener.send(request, await answer)


class Listener:
    """One socket of a server: reads, applies the rules in order, sends."""

    __slots__ = ("_address", "_duplicates", "_server", "_service", "sock")

    def __init__(self, server: RadiusServer, sock: socket.socket, service: Service) -> None:
        """Serve one bound socket."""
        self.sock = sock
        self._server = server
        self._service = service
        self._duplicates = DuplicateCache()
        self._address: Address = sock.getsockname()

    def drain(self) -> None:
        """Take what has arrived, up to a bound; the loop calls again while there is more."""
        now = asyncio.get_running_loop().time()
        receive = self.sock.recvfrom
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                data, source = receive(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier reply; it says nothing about the next datagram
            self.receive(data, source, now)

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Apply the rules to one datagram at one instant (seconds of the loop's clock)."""
        server = self._server
        learned = server.find_client(source[0])
        if learned is None:
            server.drop(DropReason.UNKNOWN_CLIENT, remedy.for_unknown_client(source[0]), source)
            return
        try:
            packet = decode(data)
        except MalformedPacketError as error:
            server.drop(DropReason.MALFORMED, error.fault, source)
            return
        handler = self._service.handlers.get(packet.code)
        if handler is None and (packet.code != Code.STATUS_SERVER or self._service.status_code is None):
            server.drop(
                DropReason.UNEXPECTED_CODE, f"code {packet.code} is not served on the {self._service.name} port", source
            )
            return
        client = learned.client
        if not self._admit(data, packet, learned, source):
            return
        request = Request(packet, client, source, self._address)
        if handler is None:
            self.send(request, Reply(self._service.status_code or 0))
            return
        known = self._duplicates.begin((source, packet.identifier), packet.authenticator, now)
        if known is Standing.NEW:
            server.counters.requests += 1
            answer = handler(request)
            if answer is None or type(answer) is Reply:
                self.send(request, answer)
            else:
                server.answer_later(self, request, answer)  # type: ignore[arg-type]
        elif known is Standing.IN_PROGRESS:
            server.drop(DropReason.DUPLICATE_IN_PROGRESS, "the first copy of this request is still in work", source)
        else:
            server.note_duplicate(request)
            self._transmit(known, source)

    def send(self, request: Request, reply: Reply | None) -> None:
        """Sign, remember and send a reply; None is silence."""
        if reply is None:
            self.forget(request)
            return
        packet = request.packet
        try:
            data = encode_reply(packet, reply.code, reply.attributes, request.client.secret)
        except ValueError as error:
            self.forget(request)
            self._server.drop(DropReason.REPLY_TOO_LONG, str(error), request.source)
            return
        self._duplicates.finish((request.source, packet.identifier), packet.authenticator, data)
        self._server.counters.replies += 1
        self._transmit(data, request.source)

    def forget(self, request: Request) -> None:
        """Let a retransmission of a request be processed anew."""
        self._duplicates.forget((request.source, request.packet.identifier), request.packet.authenticator)

    def _transmit(self, data: bytes, source: Address) -> None:
        """Send one datagram; a full buffer loses it, as a network may."""
        try:
            self.sock.sendto(data, source)
        except OSError as error:
            self._server.drop(DropReason.OVERLOAD, f"the reply could not be sent: {error.strerror}", source)

    def _admit(self, data: bytes, packet: Packet, learned: Learned, source: Address) -> bool:
        """Verify a request and apply the two BlastRADIUS switches of its client."""
        fault = verify_request(data, packet, learned.client.secret)
        if fault is not None:
            self._server.drop(DropReason.NOT_AUTHENTIC, remedy.for_fault(fault, learned.client, source[0]), source)
            return False
        if packet.code != Code.ACCESS_REQUEST:
            return True
        signed = attribute.MESSAGE_AUTHENTICATOR in packet.index
        if not signed:
            if learned.require_message_authenticator is Switch.YES:
                self._server.drop(
                    DropReason.MESSAGE_AUTHENTICATOR_REQUIRED, remedy.for_unsigned(learned.client), source
                )
                return False
            if attribute.PROXY_STATE in packet.index and learned.limit_proxy_state is Switch.YES:
                self._server.drop(DropReason.PROXY_STATE_LIMITED, remedy.for_proxy_state(learned.client), source)
                return False
        learned.learn(packet, signed=signed)
        return True
