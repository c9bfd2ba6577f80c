"""The HTTPS server of a node for its peers: mutual TLS, CoA on behalf of another node.

The port stands for 443, where a deployment's nodes talk to each other. Whoever shows no certificate of the lab's
authority is refused in the handshake. The REST API of a monitoring node is not here, and is answered as the real one
answers on a node that is none (aaa-mnt.md 6.1).
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus

from aiohttp import web

from nac.mnt_api import BASE_PATH, CONTENT_TYPE, RestResult, encode_result
from nac.node.binding import bind_tcp
from nac.node.http_server import HttpListener, RefusedError, build_guard, read_body
from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime
from psn.coa.message import COA_PATH, CoaMessageError, ProxyCoa, decode_proxy_coa, encode_outcome
from psn.coa.order import CoaOutcome

MAXIMUM_BODY = 8 << 10
"""Octets; a question has a few hundred."""
BODY_TIMEOUT = timedelta(seconds=5)
HANDSHAKE_TIMEOUT = timedelta(seconds=5)
MAXIMUM_HANDSHAKES = 64
"""At once; further peers wait in the backlog."""
BACKLOG = 128
ACCEPT_PAUSE = timedelta(seconds=1)


class InternodeServer:
    """The answering side of the inter-node channel."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        address: str,
        port: int,
        tls: ssl.SSLContext,
        on_coa: Callable[[ProxyCoa], Awaitable[CoaOutcome]],
    ) -> None:
        """Listen on `port`, 0 for any; raises `ValueError` for a context that takes peers without a certificate."""
        if tls.verify_mode is not ssl.CERT_REQUIRED:
            raise ValueError("the context of the inter-node server does not ask for certificates")
        self._runtime = runtime
        self._address = address
        self._tls = tls
        self._on_coa = on_coa
        self._tasks = OwnedTasks()
        self._listener = HttpListener(self._build_application, observe=runtime.observe, event="internode-refused")
        self._socket: socket.socket | None = None
        self.port = port
        """The port; the bound one after `start`."""

    async def start(self) -> None:
        """Open the port; raises as `nac.node.binding.bind_tcp` does, and then leaves nothing open."""
        sock = self._socket = bind_tcp(self._address, self.port)
        try:
            sock.listen(BACKLOG)
            await self._listener.start()
        except BaseException:
            await self.stop()
            raise
        self.port = sock.getsockname()[1]
        self._tasks.spawn(self._accept(sock, self._listener.server), name=f"{self._runtime.node} inter-node")

    async def stop(self) -> None:
        """Close everything; a second call does nothing."""
        await self._tasks.cancel()
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()
        await self._listener.stop()

    async def _accept(self, listener: socket.socket, server: web.Server) -> None:
        """Accept peers by hand, because aiohttp's own site says nothing of a handshake that fails."""
        loop = asyncio.get_running_loop()
        room = asyncio.Semaphore(MAXIMUM_HANDSHAKES)
        while True:
            await room.acquire()
            try:
                sock, (remote, *_) = await loop.sock_accept(listener)
            except OSError as error:
                room.release()
                self._refuse(f"no connection can be accepted: {error.strerror}", "")
                await asyncio.sleep(ACCEPT_PAUSE.total_seconds())
            else:
                handshake = self._shake_hands(sock, remote, server)
                task = self._tasks.spawn(handshake, name=f"{self._runtime.node} handshake")
                task.add_done_callback(lambda _: room.release())

    async def _shake_hands(self, sock: socket.socket, remote: str, server: web.Server) -> None:
        """Let a peer in that proves where it belongs."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                server, sock, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_TIMEOUT.total_seconds()
            )
        except OSError as error:
            self._refuse(f"a peer was refused in the TLS handshake: {_explain(error)}", remote)

    def _refuse(self, reason: str, remote: str) -> None:
        self._runtime.write("internode-refused", reason, {"remote": remote})

    def _build_application(self) -> web.Application:
        application = web.Application(client_max_size=MAXIMUM_BODY, middlewares=[build_guard(self._answer_refusal)])
        application.router.add_routes(
            [web.post(COA_PATH, self._serve_coa), web.get(BASE_PATH + "/{operation:.*}", _serve_not_mnt)]
        )
        return application

    async def _serve_coa(self, request: web.Request) -> web.Response:
        try:
            order = decode_proxy_coa(await read_body(request, within=BODY_TIMEOUT))
        except CoaMessageError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None
        outcome = await self._on_coa(order)
        return web.Response(body=encode_outcome(outcome), content_type="application/json")

    def _answer_refusal(self, request: web.Request, status: HTTPStatus, reason: str) -> web.Response:
        self._refuse(reason, request.remote or "")
        return web.Response(status=status, body=json.dumps({"error": reason}).encode(), content_type="application/json")


async def _serve_not_mnt(request: web.Request) -> web.Response:
    """Answer the REST API of a monitoring node on one that is none."""
    result = RestResult(
        http_code="500",
        description="This node does not run the monitoring service",
        internal_error_info="Ask a monitoring node of the deployment",
        requested_operation=request.match_info["operation"],
    )
    return web.Response(status=500, body=encode_result(result), content_type=CONTENT_TYPE)


def _explain(error: OSError) -> str:
    """Say why a handshake failed, in words that are the same in every run."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not of the lab's authority ({error.verify_message})"
        case ssl.SSLError(reason="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            return "it shows no certificate"
        case ssl.SSLError():
            return (error.reason or "it is not TLS").lower().replace("_", " ")
        case _:
            return "it broke off, or took too long"
