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
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from radius import attribute, remedy
from radius.authenticator import encode_reply, verify_request
from radius.client_table import Client, ClientTable, Learned, Protection, read_hint
from radius.duplicates import LONGEST_LIFETIME, DuplicateCache, Standing
from radius.gate import Gate
from radius.observer import Observer
from radius.packet import Code, MalformedPacketError, Packet, decode
from radius.remedy import DropReason

Address = tuple[str, int]

_DATAGRAMS_PER_TURN = 64
"""Datagrams taken from one socket before timers and other sockets get their turn."""
_LARGEST_DATAGRAM = 65_535
_ACCESS_REQUEST = int(Code.ACCESS_REQUEST)
_STATUS_SERVER = int(Code.STATUS_SERVER)


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


Answer = Coroutine[object, object, Reply | None]
Handler = Callable[[Request], Reply | Answer | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What one port serves: a handler for each code, and the code that answers Status-Server (None: not answered).

    A reply is kept for repetitions of its request for at least half of `duplicate_lifetime` and at most all of it.
    """

    name: str
    handlers: Mapping[int, Handler]
    status_code: int | None = None
    duplicate_lifetime: timedelta = timedelta(seconds=LONGEST_LIFETIME)


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
        gate: Gate | None = None,
    ) -> None:
        """Take bound, non-blocking sockets; they belong to the server from now on."""
        self.counters = Counters()
        self.gate = gate or Gate()
        self._observe = observe
        self._maximum_in_flight = maximum_in_flight
        self._tasks: set[asyncio.Task[Reply | None]] = set()
        self._listeners = [Listener(self, sock, service, clients) for sock, service in services]

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

    def drop(self, reason: DropReason, why: str, source: Address, *, client: Client | None = None) -> None:
        """Count a discarded datagram and report it; `client` is whose it is, or says to be."""
        drops = self.counters.drops
        drops[reason.value] = drops.get(reason.value, 0) + 1
        facts = {"drop": reason.value, "address": source[0], "port": source[1], "client": client.name if client else ""}
        self._observe("radius-drop", why, facts)

    def note_duplicate(self, packet: Packet, source: Address) -> None:
        """Count a request answered from the cache and report it."""
        self.counters.duplicates += 1
        self._observe(
            "radius-duplicate",
            "same source, identifier and authenticator: the stored reply is sent again",
            {"address": source[0], "port": source[1], "identifier": packet.identifier},
        )

    def answer_later(self, listener: Listener, request: Request, answer: Answer) -> bool:
        """Run a coroutine for its answer; False where too many are running."""
        if len(self._tasks) >= self._maximum_in_flight:
            answer.close()
            why = f"{len(self._tasks)} requests are in progress, the limit"
            self.drop(DropReason.OVERLOAD, why, request.source, client=request.client)
            return False
        task = asyncio.get_running_loop().create_task(answer)
        self._tasks.add(task)
        task.add_done_callback(partial(self._finish, listener, request))
        return True

    def _finish(self, listener: Listener, request: Request, task: asyncio.Task[Reply | None]) -> None:
        """End a request that was in progress, however its coroutine ended; a mistake of ours goes to the loop."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        listener.finish(request, None if task.cancelled() or error is not None else task.result())
        if error is not None:
            context = {"message": "a RADIUS request handler failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)


class Listener:
    """One socket of a server: reads, applies the rules in order, sends."""

    __slots__ = ("_address", "_clients", "_duplicates", "_server", "_service", "sock")

    def __init__(self, server: RadiusServer, sock: socket.socket, service: Service, clients: ClientTable) -> None:
        """Serve one bound socket."""
        self.sock = sock
        self._server = server
        self._service = service
        self._clients = clients
        self._duplicates = DuplicateCache(lifetime=service.duplicate_lifetime.total_seconds())
        self._address: Address = sock.getsockname()

    def drain(self) -> None:
        """Take what has arrived, up to a bound; the loop calls again while there is more."""
        now = asyncio.get_running_loop().time()
        receive = self.sock.recvfrom
        keeper = self._server.gate.entering
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                data, source = receive(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier reply; it says nothing about the next datagram
            if keeper is None:
                self.receive(data, source, now)
            else:
                keeper(source, self._address, partial(self._receive_kept, data, source))

    def _receive_kept(self, data: bytes, source: Address) -> None:
        """Receive what the keeper of the gate has let in, unless the socket is closed by now."""
        if self.sock.fileno() >= 0:
            self.receive(data, source, asyncio.get_running_loop().time())

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Apply the rules to one datagram at one instant (seconds of the loop's clock)."""
        drop = self._server.drop
        learned = self._clients.find(source[0])
        if learned is None and self._clients.find_shared(source[0]) is None:
            return drop(DropReason.UNKNOWN_CLIENT, remedy.for_unknown_client(source[0]), source)
        try:
            packet = decode(data)
        except MalformedPacketError as error:
            return drop(DropReason.MALFORMED, error.fault, source, client=learned.client if learned else None)
        if learned is None:
            learned = self._clients.choose(source[0], packet)
            if learned is None:
                why = remedy.for_unknown_hint(self._clients.find_shared(source[0]), read_hint(packet))
                return drop(DropReason.UNKNOWN_CLIENT, why, source)
        client, service = learned.client, self._service
        handler = service.handlers.get(packet.code)
        if handler is None and (packet.code != _STATUS_SERVER or service.status_code is None):
            why = f"code {packet.code} is not served on the {service.name} port"
            return drop(DropReason.UNEXPECTED_CODE, why, source, client=client)
        fault = verify_request(data, packet, client.secret)
        if fault is not None:
            return drop(DropReason.NOT_AUTHENTIC, remedy.for_fault(fault, client, source[0]), source, client=client)
        request = Request(packet, client, source, self._address)
        if handler is None:
            self._transmit(self._encode(request, Reply(service.status_code or 0)), source)
        elif learned.is_open or packet.code != _ACCESS_REQUEST or self._admits(packet, learned, source):
            self._handle(request, handler, now)
        return None

    def finish(self, request: Request, reply: Reply | None) -> None:
        """Send the answer of a request that was in progress; None lets a repetition of it be handled as new."""
        data = self._encode(request, reply) if reply is not None else None
        self._duplicates.finish((request.source, request.packet.identifier), request.packet.authenticator, data)
        self._transmit(data, request.source)

    def _handle(self, request: Request, handler: Handler, now: float) -> None:
        """Answer a verified request, from the duplicate cache where it is one."""
        packet, client, source, _ = request
        key = (source, packet.identifier)
        known = self._duplicates.find(key, packet.authenticator, now)
        if known is Standing.NEW:
            self._server.counters.requests += 1
            answer = handler(request)
            if answer is None:
                return
            if isinstance(answer, Reply):
                data = self._encode(request, answer)
                if data is not None:
                    self._duplicates.store(key, packet.authenticator, data)
                    self._transmit(data, source)
            elif self._server.answer_later(self, request, answer):
                self._duplicates.begin(key, packet.authenticator)
        elif known is Standing.IN_PROGRESS:
            why = "the first copy of this request is still in work"
            self._server.drop(DropReason.DUPLICATE_IN_PROGRESS, why, source, client=client)
        else:
            self._server.note_duplicate(packet, source)
            self._transmit(known, source)

    def _encode(self, request: Request, reply: Reply) -> bytes | None:
        """Sign a reply; None where it does not fit into a packet."""
        try:
            return encode_reply(request.packet, reply.code, reply.attributes, request.client.secret)
        except ValueError as error:
            self._server.drop(DropReason.REPLY_TOO_LONG, str(error), request.source, client=request.client)
            return None

    def _transmit(self, data: bytes | None, source: Address, *, is_passed: bool = False) -> None:
        """Send one datagram; a full buffer loses it, as a network may."""
        if data is None or (is_passed and self.sock.fileno() < 0):
            return
        keeper = self._server.gate.leaving
        if keeper is not None and not is_passed:
            keeper(self._address, source, partial(self._transmit, data, source, is_passed=True))
            return
        try:
            self.sock.sendto(data, source)
            self._server.counters.replies += 1
        except OSError as error:
            self._server.drop(DropReason.OVERLOAD, f"the reply could not be sent: {error.strerror}", source)

    def _admits(self, packet: Packet, learned: Learned, source: Address) -> bool:
        """Apply the two BlastRADIUS protections of a client to an Access-Request."""
        signed = attribute.MESSAGE_AUTHENTICATOR in packet.index
        if not signed:
            if learned.require_message_authenticator is Protection.YES:
                why = remedy.for_unsigned(learned.client)
                self._server.drop(DropReason.MESSAGE_AUTHENTICATOR_REQUIRED, why, source, client=learned.client)
                return False
            if attribute.PROXY_STATE in packet.index and learned.limit_proxy_state is Protection.YES:
                why = remedy.for_proxy_state(learned.client)
                self._server.drop(DropReason.PROXY_STATE_LIMITED, why, source, client=learned.client)
                return False
        learned.learn(packet, signed=signed)
        return True
