"""One client connection to the proxy of an access port: its requests, one after the other.

What the `Forwarder` decides is done here: closing without an answer (dropped, refused), answering 302 (redirected),
or connecting onward as the endpoint, as far as that goes. A destination the lab does not know and one that does not
answer are told to the client as any proxy does (502), because a person has to see the difference to a drop.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from nad_emulator.data_plane import Action, Verdict
from nad_emulator.http_message import (
    HEAD_LIMIT,
    Body,
    Ending,
    Field,
    MalformedHttpError,
    RequestHead,
    Target,
    parse_request,
    parse_response,
    render_answer,
    render_request,
    render_response,
)
from nad_emulator.http_relay import CLOSING_ERRORS, HeadTooLongError, Stream, relay_body, relay_both_ways

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_NO_CACHE: list[Field] = [("Pragma", "no-cache"), ("Cache-Control", "no-cache")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds to wait: for a request, for a connection onward, for the next octet, for the last word to be read."""

    request: float = 60.0
    connect: float = 10.0
    transfer: float = 300.0
    linger: float = 2.0


class Forwarder(Protocol):
    """The port behind the proxy: decides, counts, and knows the endpoint."""

    def choose_source(self) -> str:
        """Choose the address from which connections go onward."""
        ...

    def decide(self, method: str, target: Target) -> Verdict:
        """Decide on a request and say so in the journal."""
        ...

    def permits(self, target: Target) -> bool:
        """Tell whether a connection that is already open may go on."""
        ...

    def report_failure(self, target: Target, why: str) -> None:
        """Say in the journal that a permitted connection could not be made."""
        ...

    def count(self, received: int, sent: int) -> None:
        """Count octets from and to the endpoint."""
        ...


class Conversation:
    """A client connection. `target` is where it is connected onward at present, if anywhere."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        forwarder: Forwarder,
        gateway: Target,
        patience: Patience,
    ) -> None:
        """Take an accepted connection; requests in origin form go to `gateway`."""
        self.target: Target | None = None
        self._client = Stream(reader, writer, note=self._note)
        self._forwarder = forwarder
        self._origin = gateway
        self._patience = patience
        self._bound = asyncio.timeout(None)
        self._limit = patience.request

    async def run(self) -> None:
        """Serve requests until either side has had enough."""
        with suppress(*CLOSING_ERRORS, HeadTooLongError):
            try:
                async with self._bound:
                    while await self._serve_request():
                        pass
                    await self._client.close()
            finally:
                self._client.abort()

    async def _serve_request(self) -> bool:
        """Serve one request; False ends the connection."""
        self._expect(self._patience.request)
        try:
            data = await self._client.read_head()
            if not data:
                return False
            head = parse_request(data)
            target = head.find_authority() if head.method == "CONNECT" else head.find_target(self._origin)
        except HeadTooLongError:
            return await self._answer(431, "Request Header Fields Too Large", text=f"limit: {HEAD_LIMIT} octets\n")
        except MalformedHttpError as error:
            return await self._answer(400, "Bad Request", text=f"{error}\n")
        self._expect(self._patience.transfer)
        return await self._obey(head, target, self._forwarder.decide(head.method, target))

    async def _obey(self, head: RequestHead, target: Target, verdict: Verdict) -> bool:
        """Do what was decided; False ends the connection."""
        match verdict.action:
            case Action.UNKNOWN:
                return await self._answer(502, "Bad Gateway", text=f"{verdict.reason}\n")
            case Action.REDIRECT if head.method == "CONNECT":
                # a switch takes part in any connection to port 80 and speaks HTTP there
                await self._client.write(_ESTABLISHED)
                self._origin = target
                return True
            case Action.REDIRECT:
                return await self._answer(302, "Page Moved", [("Location", verdict.location), *_NO_CACHE])
            case Action.FORWARD:
                return await self._forward(head, target, verdict)
        return False

    async def _forward(self, head: RequestHead, target: Target, verdict: Verdict) -> bool:
        """Connect onward and relay."""
        self.target = target
        try:
            upstream = await self._connect(verdict)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else f"no connection within {self._patience.connect:g} s"
            self._forwarder.report_failure(target, why)
            return await self._answer(502, "Bad Gateway", text=f"{target.host}:{target.port}: {why}\n")
        try:
            if head.method != "CONNECT":
                return await self._exchange(head, target, upstream)
            await self._client.write(_ESTABLISHED)
            await relay_both_ways(self._client, upstream)
            await upstream.close()
            return False
        finally:
            self.target = None
            upstream.abort()

    async def _connect(self, verdict: Verdict) -> Stream:
        """Connect onward. Raises `OSError`."""
        async with asyncio.timeout(self._patience.connect):
            reader, writer = await asyncio.open_connection(
                verdict.address, verdict.port, local_addr=(self._forwarder.choose_source(), 0), limit=HEAD_LIMIT
            )
        return Stream(reader, writer, note=self._renew)

    async def _exchange(self, head: RequestHead, target: Target, upstream: Stream) -> bool:
        """Relay a request and its response; an answer before the end of the request's body ends the connection."""
        await upstream.write(render_request(head, target))
        upload = asyncio.get_running_loop().create_task(self._upload(head.body, upstream))
        try:
            return await self._relay_response(head, upstream) and upload.done()
        finally:
            upload.cancel()
            await asyncio.wait((upload,))

    async def _upload(self, body: Body, upstream: Stream) -> None:
        """Relay the body of a request; where it breaks off, the response is all that is left to read."""
        try:
            await relay_body(body, self._client, upstream)
        except CLOSING_ERRORS:
            upstream.abort()

    async def _relay_response(self, head: RequestHead, upstream: Stream) -> bool:
        """Relay interim responses and the final one; True where the client may ask for more."""
        while data := await upstream.read_head():
            response = parse_response(data)
            if response.status >= 200:
                break
            await self._client.write(data)
        else:
            return False
        body = response.find_body(head.method)
        keeps_alive = head.keeps_alive and body.ending is not Ending.CLOSE
        await self._client.write(render_response(response, keeps_alive=keeps_alive))
        await relay_body(body, upstream, self._client)
        return keeps_alive

    async def _answer(self, status: int, reason: str, fields: list[Field] | None = None, text: str = "") -> bool:
        """Answer for the switch itself and end the connection, once the client has had time to read."""
        if text:
            fields = [*(fields or []), ("Content-Type", "text/plain; charset=utf-8")]
        await self._client.write(render_answer(status, reason, fields or [], text))
        self._client.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.linger):
                while await self._client.read():
                    pass
        return False

    def _note(self, received: int, sent: int) -> None:
        self._forwarder.count(received, sent)
        self._renew(received, sent)

    def _renew(self, _received: int, _sent: int) -> None:
        if not self._bound.expired():
            self._bound.reschedule(asyncio.get_running_loop().time() + self._limit)

    def _expect(self, seconds: float) -> None:
        """Set how long the conversation may now stand still."""
        self._limit = seconds
        self._renew(0, 0)
