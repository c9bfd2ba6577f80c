"""The posture portal of a policy service node: the HTTPS side of discovery, client provisioning and posture.

The shell: an aiohttp application on two TLS ports (8443 and 8905, posture.md 4.1), bounds for what peers send, and the
lab's CA certificate for import. What is answered is decided by `psn.portal_dialogue`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from nac.binding import bind_tcp
from nac.discovery import (
    AGENT_CONFIGURATION_PATH,
    GATEWAY_PATH,
    NG_DISCOVERY_PATH,
    PACKAGE_PATH,
    PORTAL_PORT,
    PORTAL_SETUP_PATH,
    POSTURE_PATH,
    POSTURE_PORT,
    STATUS_PATH,
)
from nac.http_log import build_http_log
from nac.runtime import Runtime
from psn.portal_dialogue import PortalAnswer, PortalDialogue, PortalRequest
from psn.posture_policy import PostureSettings
from psn.posture_result import PostureResult
from psn.provisioning import PortalServer
from psn.session import Session
from psn.session_cache import SessionCache

MAXIMUM_BODY = 64 << 10
"""Octets; a report of a hundred requirements has some twenty thousand."""
BODY_TIMEOUT = timedelta(seconds=30)
SHUTDOWN_TIMEOUT = timedelta(seconds=1)
CA_PATH = "/ca.pem"
MALFORMED_HTTP = (HttpProcessingError, web.RequestPayloadError, ConnectionError)
"""What aiohttp raises where a peer sends what is no HTTP, or goes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalConfig:
    """Where the portal listens and what it is called; port 0 means any."""

    fqdn: str
    address: str
    tls: ssl.SSLContext
    portal_port: int = PORTAL_PORT
    posture_port: int = POSTURE_PORT
    backup_servers: tuple[str, ...] = ()
    ca_certificate: bytes = b""
    """PEM; empty where there is none to offer."""


class PosturePortal:
    """The portal of one node. What `on_result` and `on_unprovisioned` are told, `PortalDialogue` says."""

    def __init__(
        self,
        config: PortalConfig,
        runtime: Runtime,
        *,
        sessions: SessionCache,
        settings: PostureSettings,
        on_result: Callable[[PostureResult], None],
        on_unprovisioned: Callable[[Session, str], None] = lambda _session, _system: None,
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._sessions = sessions
        self._settings = settings
        self._on_result = on_result
        self._on_unprovisioned = on_unprovisioned
        self._runner: web.AppRunner | None = None
        self.ports: dict[str, int] = {}
        """The bound ports, ``portal`` and ``posture``."""

    async def start(self) -> None:
        """Open both ports; raises as `nac.binding.bind_tcp` does, and then leaves nothing open."""
        config = self._config
        sockets: dict[str, socket.socket] = {}
        try:
            for name, port in (("portal", config.portal_port), ("posture", config.posture_port)):
                sockets[name] = bind_tcp(config.address, port)
            self.ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
            self._runner = web.AppRunner(
                self._build_application(self._build_dialogue(self.ports["portal"])),
                access_log=None,
                logger=build_http_log(self._runtime.observe, event="portal-refused", malformed=MALFORMED_HTTP),
                shutdown_timeout=SHUTDOWN_TIMEOUT.total_seconds(),
            )
            await self._runner.setup()
            for sock in sockets.values():
                await web.SockSite(self._runner, sock, ssl_context=config.tls).start()
        except BaseException:
            await self.stop()
            for sock in sockets.values():
                sock.close()
            raise

    async def stop(self) -> None:
        """Close everything; a second call does nothing."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _build_dialogue(self, port: int) -> PortalDialogue:
        """Build the core; it tells agents the port that was really bound."""
        server = PortalServer(fqdn=self._config.fqdn, port=port, backup_servers=self._config.backup_servers)
        return PortalDialogue(
            server,
            self._runtime,
            sessions=self._sessions,
            settings=self._settings,
            on_result=self._on_result,
            on_unprovisioned=self._on_unprovisioned,
        )

    def _build_application(self, dialogue: PortalDialogue) -> web.Application:
        async def serve_configuration(request: web.Request) -> web.Response:
            return _render_found(dialogue.answer_configuration(request.query.get("uuid", "")))

        async def serve_package(request: web.Request) -> web.Response:
            return _render_found(dialogue.answer_package(request.match_info["uuid"]))

        application = web.Application(client_max_size=MAXIMUM_BODY, middlewares=[_build_guard(dialogue)])
        application.on_response_prepare.append(self._stamp)
        application.router.add_routes(
            [
                web.get(GATEWAY_PATH, _build_handler(dialogue.answer_gateway)),
                web.get(PORTAL_SETUP_PATH, _build_handler(dialogue.answer_gateway)),
                web.get(STATUS_PATH, _build_handler(dialogue.answer_probe)),
                web.post(STATUS_PATH, _build_handler(dialogue.answer_probe)),
                web.post(NG_DISCOVERY_PATH, _build_handler(dialogue.answer_probe)),
                web.post(POSTURE_PATH, _build_handler(dialogue.answer_posture)),
                web.get(AGENT_CONFIGURATION_PATH, serve_configuration),
                web.get(PACKAGE_PATH + "/{uuid}", serve_package),
                web.get(CA_PATH, self._serve_ca_certificate),
            ]
        )
        return application

    async def _serve_ca_certificate(self, _: web.Request) -> web.Response:
        """Serve the lab's CA certificate for import."""
        if not self._config.ca_certificate:
            raise web.HTTPNotFound
        return web.Response(
            body=self._config.ca_certificate,
            content_type="application/x-x509-ca-cert",
            headers={"Content-Disposition": 'attachment; filename="posture-lab-ca.pem"'},
        )

    async def _stamp(self, _: web.BaseRequest, response: web.StreamResponse) -> None:
        """Mark every answer with the lab's time instead of the machine's, and as nothing to be kept."""
        response.headers["Date"] = format_datetime(self._runtime.clock.now(), usegmt=True)
        response.headers["Server"] = "Posture Lab"
        response.headers["Cache-Control"] = "no-store"


def _build_handler(answer: Callable[[PortalRequest], PortalAnswer]) -> Handler:
    """Build the handler of a path whose answer depends on the body or the query string."""

    async def handle(request: web.Request) -> web.Response:
        if request.method == "POST":
            async with asyncio.timeout(BODY_TIMEOUT.total_seconds()):
                data = await request.read()
        else:
            data = request.rel_url.raw_query_string.encode()
        return _render(answer(_describe(request, data)))

    return handle


def _build_guard(dialogue: PortalDialogue) -> Middleware:
    """Build the middleware that turns whatever a peer did wrong into one clear sentence and a record."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            status, reason = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body exceeds {MAXIMUM_BODY} octets"
        except web.RequestPayloadError:
            status, reason = HTTPStatus.BAD_REQUEST, "the body is not as its headers announce"
        except TimeoutError:
            seconds = f"{BODY_TIMEOUT.total_seconds():g} seconds"
            status, reason = HTTPStatus.REQUEST_TIMEOUT, f"the body did not arrive within {seconds}"
        except web.HTTPException as error:
            status, reason = HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}"
        return _render(dialogue.refuse(_describe(request), reason, status=status))

    return guard


def _describe(request: web.Request, data: bytes = b"") -> PortalRequest:
    return PortalRequest(
        path=request.path,
        data=data,
        user_agent=request.headers.get("User-Agent", ""),
        remote=request.remote or "",
    )


def _render(answer: PortalAnswer) -> web.Response:
    return web.Response(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        charset="utf-8" if answer.content_type.startswith("text/") else None,
        headers=answer.headers,
    )


def _render_found(answer: PortalAnswer | None) -> web.Response:
    if answer is None:
        raise web.HTTPNotFound
    return _render(answer)
