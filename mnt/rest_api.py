"""The REST API of a monitoring node: HTTPS with Basic authentication around `mnt.rest_answers`.

The shell: an aiohttp application on one TLS port, which stands for 443. Whoever has not shown user and password
learns nothing, not even which paths exist.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from mnt.rest_answers import RestAnswer, RestAnswers, Route, fail
from nac.binding import bind_tcp
from nac.http_log import LONGEST_REASON, build_http_log
from nac.runtime import Runtime

CONTENT_TYPE = "application/xml"
"""Exactly this, without a charset: clients compare it (aaa-mnt.md 6.2)."""
REALM = "MnT REST API"
MAXIMUM_BODY = 64 << 10
SHUTDOWN_TIMEOUT = timedelta(seconds=1)
MALFORMED_HTTP = (HttpProcessingError, web.RequestPayloadError, ConnectionError)
"""What aiohttp raises where a peer sends what is no HTTP, or goes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestApiConfig:
    """Where the API listens, and to whom; port 0 means any."""

    address: str
    port: int
    tls: ssl.SSLContext
    user: str
    password: str = field(repr=False)


class RestApi:
    """The REST API of one node."""

    def __init__(self, config: RestApiConfig, runtime: Runtime, answers: RestAnswers) -> None:
        """Bind nothing before `start`."""
        self._config = config
        self._runtime = runtime
        self._answers = answers
        self._runner: web.AppRunner | None = None
        self.port = 0
        """The bound port, 0 while there is none."""

    async def start(self) -> None:
        """Open the port; raises as `nac.binding.bind_tcp` does, and then leaves nothing open."""
        sock = bind_tcp(self._config.address, self._config.port)
        try:
            self._runner = web.AppRunner(
                self._build_application(),
                access_log=None,
                logger=build_http_log(self._runtime.observe, event="api-refused", malformed=MALFORMED_HTTP),
                shutdown_timeout=SHUTDOWN_TIMEOUT.total_seconds(),
            )
            await self._runner.setup()
            await web.SockSite(self._runner, sock, ssl_context=self._config.tls).start()
            self.port = sock.getsockname()[1]
        except BaseException:
            await self.stop()
            sock.close()
            raise

    async def stop(self) -> None:
        """Close everything; a second call does nothing."""
        runner, self._runner, self.port = self._runner, None, 0
        if runner is not None:
            await runner.cleanup()

    def _build_application(self) -> web.Application:
        application = web.Application(client_max_size=MAXIMUM_BODY, middlewares=[self._build_guard()])
        application.on_response_prepare.append(self._stamp)
        application.router.add_routes(
            [web.get(path, self._build_handler(route)) for path, route in self._answers.routes.items()]
        )
        return application

    def _build_handler(self, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            answer = route(request.match_info)
            self._write("api-answered", request, answer)
            return _render(answer)

        return handle

    def _build_guard(self) -> Middleware:
        """Build the middleware that lets only the right user in, and answers failures in the API's own form."""
        expected = f"{self._config.user}:{self._config.password}".encode()

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            headers: Mapping[str, str] = {}
            if not hmac.compare_digest(_read_credentials(request), expected):
                answer = fail(HTTPStatus.UNAUTHORIZED, "user and password are required")
                headers = {hdrs.WWW_AUTHENTICATE: f'Basic realm="{REALM}"'}
            else:
                try:
                    return await handler(request)
                except web.HTTPException as error:
                    answer = fail(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")
            self._write("api-refused", request, answer)
            return _render(answer, headers)

        return guard

    def _write(self, event: str, request: web.Request, answer: RestAnswer) -> None:
        facts = {"remote": request.remote or "", "path": request.path[:LONGEST_REASON], "status": answer.status.value}
        self._runtime.write(event, answer.reason[:LONGEST_REASON], facts)

    async def _stamp(self, _: web.BaseRequest, response: web.StreamResponse) -> None:
        """Mark every answer with the lab's time instead of the machine's, and as nothing to be kept."""
        response.headers["Date"] = format_datetime(self._runtime.clock.now(), usegmt=True)
        response.headers["Server"] = "Posture Lab"
        response.headers["Cache-Control"] = "no-store"


def _read_credentials(request: web.Request) -> bytes:
    """Read ``user:password`` of Basic authentication (RFC 7617); empty where there is none."""
    scheme, _, encoded = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _render(answer: RestAnswer, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, content_type=CONTENT_TYPE, headers=headers)
