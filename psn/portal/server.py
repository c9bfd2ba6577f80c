"""The posture portal of a policy service node: the HTTPS side of discovery, client provisioning and posture.

The shell: an aiohttp application on two TLS ports (8443 and 8905, posture.md 4.1), bounds for what peers send, and the
lab's CA certificate for import. What is answered is decided by `psn.portal.discovery_dialogue`, `psn.portal.gateway`
and `psn.portal.posture_dialogue`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

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
from nac.http_server import build_guard, build_stamp
from nac.runtime import Runtime
from psn.config import Silence
from psn.portal.discovery_dialogue import DiscoveryDialogue
from psn.portal.downloads import find_configuration, find_package
from psn.portal.gateway import PortalGateway
from psn.portal.http import MAXIMUM_BODY, SilenceKeeper, build_handler, build_refusal, render_found
from psn.portal.posture_dialogue import PostureDialogue, Settled, settle_at_once
from psn.portal.provisioning import PortalServer
from psn.portal.reception import PortalReception
from psn.portal.sessions_elsewhere import SessionsElsewhere
from psn.posture.policy import PostureSettings
from psn.posture.result import PostureResult
from psn.session import Session
from psn.session_cache import SessionCache

SHUTDOWN_TIMEOUT = timedelta(seconds=1)
CA_PATH = "/ca.pem"


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
    silence: Silence = Silence.CLOSE


class PosturePortal:
    """The portal of one node.

    What `on_result` and `settled` do, `PostureDialogue` says, and `PortalGateway` and `DiscoveryDialogue` what else is
    told. A node of which nothing is said `elsewhere` is alone.
    """

    def __init__(
        self,
        config: PortalConfig,
        runtime: Runtime,
        *,
        sessions: SessionCache,
        settings: PostureSettings,
        on_result: Callable[[PostureResult], None],
        on_unprovisioned: Callable[[Session, str], None] = lambda _session, _system: None,
        elsewhere: SessionsElsewhere | None = None,
        settled: Settled = settle_at_once,
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._sessions = sessions
        self._settings = settings
        self._on_result = on_result
        self._on_unprovisioned = on_unprovisioned
        self._elsewhere = elsewhere or SessionsElsewhere("")
        self._settled = settled
        self._runner: web.AppRunner | None = None
        self._keeper: SilenceKeeper | None = None
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
            self._keeper = SilenceKeeper(config.silence)
            self._runner = web.AppRunner(
                self._build_application(self.ports["portal"], self._keeper),
                access_log=None,
                logger=build_http_log(self._runtime.observe, event="portal-refused"),
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
        if self._keeper is not None:
            self._keeper.end()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _build_application(self, port: int, keeper: SilenceKeeper) -> web.Application:
        """Build the core and the paths to it; agents are told the port that was really bound."""
        config, runtime, settings = self._config, self._runtime, self._settings
        server = PortalServer(fqdn=config.fqdn, port=port, backup_servers=config.backup_servers)
        reception = PortalReception(runtime, sessions=self._sessions, elsewhere=self._elsewhere)
        discovery = DiscoveryDialogue(
            server,
            runtime,
            reception=reception,
            elsewhere=self._elsewhere,
            settings=settings,
            on_unprovisioned=self._on_unprovisioned,
        )
        gateway = PortalGateway(
            server, runtime, reception=reception, discovery=discovery, settings=settings, on_result=self._on_result
        )
        posture = PostureDialogue(
            runtime, reception=reception, settings=settings, on_result=self._on_result, settled=self._settled
        )
        application = web.Application(client_max_size=MAXIMUM_BODY, middlewares=[build_guard(build_refusal(reception))])
        application.on_response_prepare.append(build_stamp(runtime.clock))
        application.router.add_routes(
            [
                web.get(GATEWAY_PATH, build_handler(gateway.answer, keeper)),
                web.get(PORTAL_SETUP_PATH, build_handler(gateway.answer, keeper)),
                web.get(STATUS_PATH, build_handler(discovery.answer_status, keeper)),
                web.post(STATUS_PATH, build_handler(discovery.answer_status, keeper)),
                web.post(NG_DISCOVERY_PATH, build_handler(discovery.answer_ng_discovery, keeper)),
                web.post(POSTURE_PATH, build_handler(posture.answer, keeper)),
                web.get(AGENT_CONFIGURATION_PATH, self._serve_configuration),
                web.get(PACKAGE_PATH + "/{uuid}", self._serve_package),
                web.get(CA_PATH, self._serve_ca_certificate),
            ]
        )
        return application

    async def _serve_configuration(self, request: web.Request) -> web.Response:
        """Serve an agent configuration."""
        return render_found(find_configuration(self._settings.provisioning, request.query.get("uuid", "")))

    async def _serve_package(self, request: web.Request) -> web.Response:
        """Serve a stand-in for an agent package."""
        return render_found(find_package(self._settings.provisioning, request.match_info["uuid"]))

    async def _serve_ca_certificate(self, _: web.Request) -> web.Response:
        """Serve the lab's CA certificate for import."""
        if not self._config.ca_certificate:
            raise web.HTTPNotFound
        return web.Response(
            body=self._config.ca_certificate,
            content_type="application/x-x509-ca-cert",
            headers={"Content-Disposition": 'attachment; filename="posture-lab-ca.pem"'},
        )
