"""A small web server beyond the switch: a page that says which host was reached, so that opened access can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from aiohttp import web

from nac.binding import bind_tcp
from nac.http_log import build_http_log
from nac.runtime import Runtime

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
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; raises `nac.binding.AddressInUseError` or `OSError`."""
        sock = bind_tcp(self.address, self._config.http_port)
        application = web.Application()
        application.router.add_get("/{path:.*}", self._show)
        logger = build_http_log(self._runtime.observe, event="page-refused")
        self._runner = web.AppRunner(application, access_log=None, logger=logger)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()
        self.ports = {"http": sock.getsockname()[1]}

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _show(self, request: web.Request) -> web.Response:
        # not request.url, which raises for a Host that is none; a header may hold octets that are no text either
        host = (request.host.rpartition(":")[0] or request.host).encode(errors="replace").decode()
        source = request.remote or ""
        self._runtime.write("page-shown", f"{source} has reached {host}", {"host": host, "endpoint": source})
        return web.Response(text=_PAGE.format(host=escape(host)), content_type="text/html")
