"""The data plane of one access port, as an HTTP proxy.

Absolute-form requests and CONNECT name a destination; a request in origin form is one to the gateway. How each
connection is served is `nad_emulator.http_conversation`'s part; here they are accepted, ended, and broken off where
the port's new access no longer permits where they lead.
"""

from __future__ import annotations

import asyncio
import socket

from nac.node.owned_tasks import OwnedTasks
from nad_emulator.data_plane import HTTP_PORT
from nad_emulator.http_conversation import Conversation, Forwarder, Patience
from nad_emulator.http_message import HEAD_LIMIT, Target

_BACKLOG = 128


class HttpProxy:
    """The proxy of one port."""

    def __init__(
        self, sock: socket.socket, forwarder: Forwarder, *, gateway: str, patience: Patience | None = None
    ) -> None:
        """Take a bound socket; it belongs to the proxy from now on."""
        self._sock = sock
        self._forwarder = forwarder
        self._gateway = Target(gateway, HTTP_PORT, "/")
        self._patience = patience or Patience()
        self._tasks = OwnedTasks()
        self._conversations: dict[Conversation, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._stopped = False

    async def start(self) -> None:
        """Begin to accept connections."""
        self._server = await asyncio.start_server(self._accept, sock=self._sock, limit=HEAD_LIMIT, backlog=_BACKLOG)

    async def stop(self) -> None:
        """Accept no more and break every connection off."""
        self._stopped = True
        if self._server is not None:
            self._server.close()
        self._sock.close()
        await self._tasks.cancel()
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next turn

    def recheck(self) -> None:
        """Break connections off that lead where the port's access no longer permits."""
        for conversation, task in self._conversations.items():
            if conversation.target is not None and not self._forwarder.permits(conversation.target):
                task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopped:
            writer.transport.abort()
            return
        conversation = Conversation(
            reader, writer, forwarder=self._forwarder, gateway=self._gateway, patience=self._patience
        )
        task = self._tasks.spawn(conversation.run(), name="http-conversation")
        self._conversations[conversation] = task
        task.add_done_callback(lambda _: self._conversations.pop(conversation))
