"""The RADIUS side of a policy service node: authentication and accounting, each on both historic ports."""

from __future__ import annotations

import socket

from nac.node.binding import bind_udp
from nac.node.runtime import Runtime
from nac.syslog_catalogue import ACCOUNTING_DROPPED, REQUEST_DROPPED
from psn.config import PsnConfig
from psn.log.audit import Audit
from psn.log.drop_report import DropReport
from radius.client_table import ClientTable
from radius.packet import Code
from radius.server import Handler, RadiusServer, Service


class RadiusServices:
    """The RADIUS servers of one node; `ports` are the bound ones, by use."""

    def __init__(self, config: PsnConfig, runtime: Runtime, *, devices: ClientTable, audit: Audit) -> None:
        """Bind nothing yet."""
        self.ports: dict[str, int] = {}
        self._config = config
        self._runtime = runtime
        self._devices = devices
        self._audit = audit
        self._servers: list[RadiusServer] = []

    def start(self, *, access: Handler, accounting: Handler) -> None:
        """Bind all ports and serve; raises `OSError` where one is in use, and then leaves none bound.

        Each service has a server of its own, so that a drop is told of under the service it concerns.
        """
        config = self._config
        authenticate = Service(
            name="authentication", handlers={Code.ACCESS_REQUEST: access}, status_code=Code.ACCESS_ACCEPT
        )
        account = Service(
            name="accounting", handlers={Code.ACCOUNTING_REQUEST: accounting}, status_code=Code.ACCOUNTING_RESPONSE
        )
        bound = self._bind((authenticate, config.ports.authentication), (account, config.ports.accounting))
        drops = DropReport(runtime=self._runtime, audit=self._audit)
        for service, entry in ((authenticate, REQUEST_DROPPED), (account, ACCOUNTING_DROPPED)):
            server = RadiusServer(
                services=[pair for pair in bound if pair[1] is service],
                clients=self._devices,
                observe=drops.observe_as(entry),
                maximum_in_flight=config.maximum_in_flight,
                gate=self._runtime.gate,
            )
            self._servers.append(server)
            server.start()

    async def stop(self) -> None:
        """Close all ports; a second call does nothing."""
        for server in self._servers:
            await server.stop()
        self._servers.clear()

    def _bind(self, *services: tuple[Service, tuple[int, ...]]) -> list[tuple[socket.socket, Service]]:
        """Bind the ports of all services; the historic second one of each gets ``-legacy`` in its name."""
        bound: list[tuple[socket.socket, Service]] = []
        try:
            for service, ports in services:
                for number, port in enumerate(ports):
                    sock = bind_udp(self._config.address, port)
                    bound.append((sock, service))
                    self.ports[service.name + ("-legacy" if number else "")] = sock.getsockname()[1]
        except OSError:
            for sock, _ in bound:
                sock.close()
            raise
        return bound
