"""A small web server beyond the switch: a page that says which host was reached, so that opened access can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from aiohttp import web

from nac.node.http_server import HttpListener
from nac.node.runtime import Runtime

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{host}</title></head>
<body><h1>You have reached {host}</h1><p>Nothing stands in your way.</p></body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebsiteConfig:
    """Where the site listens."""

    name: str
    address: str
    http_port: int = 8080


class Website:
    """One site; it answers every host name and path alike."""

    kind = "web"

    def __init__(self, config: WebsiteConfig, runtime: Runtime) -> None:
        """Keep the configuration; `start` opens the port."""
        self.name = config.name
        self.address = config.address
        self.ports: dict[str, int] = {}
        self._config = config
        self._runtime = runtime
        self._listener = HttpListener(self._build_application, observe=runtime.observe, event="page-refused")

    async def start(self) -> None:
        """Listen; raises `nac.node.binding.AddressInUseError` or `OSError`."""
        await self._listener.start((self.address, self._config.http_port))
        (port,) = self._listener.ports
        self.ports = {"http": port}

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._listener.stop()

    def _build_application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._show)
        return application

    async def _show(self, request: web.Request) -> web.Response:
        # not request.url, which raises for a Host that is none; a header may hold octets that are no text either
        host = (request.host.rpartition(":")[0] or request.host).encode(errors="replace").decode()
        source = request.remote or ""
        self._runtime.write("page-shown", f"{source} has reached {host}", {"host": host, "endpoint": source})
        return web.Response(text=_PAGE.format(host=escape(host)), content_type="text/html")
