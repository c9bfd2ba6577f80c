"""The posture portal of a policy service node: the HTTPS side of discovery, client provisioning and posture.

The shell: an aiohttp application on two TLS ports (8443 and 8905, posture.md 4.1), bounds for what peers send, and the
lab's CA certificate for import. What is answered is decided by `psn.portal.discovery_dialogue`, `psn.portal.gateway`
and `psn.portal.posture_dialogue`.
"""

from __future__ import annotations

from aiohttp import web

from nac.discovery import (
    AGENT_CONFIGURATION_PATH,
    CA_PATH,
    GATEWAY_PATH,
    NG_DISCOVERY_PATH,
    PACKAGE_PATH,
    PORTAL_SETUP_PATH,
    POSTURE_PATH,
    STATUS_PATH,
)
from nac.node.http_server import HttpListener, build_guard, build_stamp
from nac.node.runtime import Runtime
from psn.config import PsnConfig
from psn.portal.discovery_dialogue import DiscoveryDialogue
from psn.portal.downloads import find_configuration, find_package
from psn.portal.gateway import PortalGateway
from psn.portal.http import MAXIMUM_BODY, SilenceKeeper, build_handler, build_refusal, render_found
from psn.portal.posture_dialogue import PostureDialogue
from psn.portal.provisioning import PortalServer
from psn.portal.reception import PortalReception
from psn.portal.sessions_elsewhere import SessionsElsewhere
from psn.posture.result import PostureSink
from psn.session_cache import SessionCache


class PosturePortal:
    """The portal of one node."""

    def __init__(
        self,
        config: PsnConfig,
        runtime: Runtime,
        *,
        sessions: SessionCache,
        sink: PostureSink,
        elsewhere: SessionsElsewhere | None = None,
    ) -> None:
        """Tell `sink` of results. A node of which nothing is said `elsewhere` is alone."""
        self._config = config
        self._runtime = runtime
        self._sessions = sessions
        self._sink = sink
        self._elsewhere = elsewhere or SessionsElsewhere(config.name)
        self._listener = HttpListener(
            self._build_application, observe=runtime.observe, event="portal-refused", tls=config.tls
        )
        self._keeper: SilenceKeeper | None = None
        self.ports: dict[str, int] = {}
        """The bound ports, ``portal`` and ``posture``."""

    async def start(self) -> None:
        """Open both ports; raises as `nac.node.binding.bind_tcp` does, and then leaves nothing open."""
        address, ports = self._config.address, self._config.ports
        await self._listener.start((address, ports.portal), (address, ports.posture))
        self.ports = dict(zip(("portal", "posture"), self._listener.ports, strict=True))

    async def stop(self) -> None:
        """Close everything; a second call does nothing."""
        if self._keeper is not None:
            self._keeper.end()
        await self._listener.stop()

    def _build_application(self) -> web.Application:
        """Build the core and the paths to it; agents are told the port that was really bound."""
        config, runtime, settings, sink = self._config, self._runtime, self._config.posture, self._sink
        keeper = self._keeper = SilenceKeeper(config.silence)
        port, _ = self._listener.ports
        server = PortalServer(fqdn=config.fqdn, port=port, backup_servers=config.backup_servers)
        reception = PortalReception(runtime, sessions=self._sessions, elsewhere=self._elsewhere)
        discovery = DiscoveryDialogue(
            server, runtime, reception=reception, elsewhere=self._elsewhere, settings=settings, sink=sink
        )
        gateway = PortalGateway(server, runtime, reception=reception, discovery=discovery, settings=settings, sink=sink)
        posture = PostureDialogue(runtime, reception=reception, settings=settings, sink=sink)
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
        return render_found(find_configuration(self._config.posture.provisioning, request.query.get("uuid", "")))

    async def _serve_package(self, request: web.Request) -> web.Response:
        """Serve a stand-in for an agent package."""
        return render_found(find_package(self._config.posture.provisioning, request.match_info["uuid"]))

    async def _serve_ca_certificate(self, _: web.Request) -> web.Response:
        """Serve the lab's CA certificate for import."""
        if not self._config.ca_certificate:
            raise web.HTTPNotFound
        return web.Response(
            body=self._config.ca_certificate,
            content_type="application/x-x509-ca-cert",
            headers={"Content-Disposition": 'attachment; filename="posture-lab-ca.pem"'},
        )
