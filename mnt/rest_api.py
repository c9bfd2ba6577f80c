"""The REST API of a monitoring node: HTTPS with Basic authentication around `mnt.rest_answers`.

The shell: an aiohttp application on one TLS port, which stands for 443. Whoever has not shown user and password
learns nothing, not even which paths exist.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ssl
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from mnt.config import MntConfig
from mnt.rest_answers import RestAnswer, RestAnswers, Route, fail
from nac.mnt_api import CONTENT_TYPE
from nac.node.http_log import LONGEST_REASON
from nac.node.http_server import HttpListener, build_guard, build_stamp
from nac.node.runtime import Runtime

REALM = "MnT REST API"
MAXIMUM_BODY = 64 << 10


class RestApi:
    """The REST API of one node."""

    def __init__(self, config: MntConfig, runtime: Runtime, answers: RestAnswers, *, tls: ssl.SSLContext) -> None:
        """Bind nothing before `start`."""
        self._config = config
        self._runtime = runtime
        self._answers = answers
        self._listener = HttpListener(self._build_application, observe=runtime.observe, event="api-refused", tls=tls)

    @property
    def port(self) -> int:
        """The bound port, 0 while there is none."""
        return next(iter(self._listener.ports), 0)

    async def start(self) -> None:
        """Open the port; raises as `nac.node.binding.bind_tcp` does, and then leaves nothing open."""
        await self._listener.start((self._config.address, self._config.api_port))

    async def stop(self) -> None:
        """Close everything; a second call does nothing."""
        await self._listener.stop()

    def _build_application(self) -> web.Application:
        application = web.Application(
            client_max_size=MAXIMUM_BODY, middlewares=[build_guard(self._refuse), self._build_gate()]
        )
        application.on_response_prepare.append(build_stamp(self._runtime.clock))
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

    def _build_gate(self) -> Middleware:
        """Build the middleware that lets only the right user in."""
        expected = f"{self._config.api_user}:{self._config.api_password}".encode()

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            given = _read_credentials(request)
            if hmac.compare_digest(given, expected):
                return await handler(request)
            reason = f"user and password are {'wrong' if given else 'required'}"
            response = self._refuse(request, HTTPStatus.UNAUTHORIZED, reason)
            response.headers[hdrs.WWW_AUTHENTICATE] = f'Basic realm="{REALM}"'
            return response

        return gate

    def _refuse(self, request: web.Request, status: HTTPStatus, reason: str) -> web.Response:
        """Refuse a request in the API's own form."""
        answer = fail(status, reason)
        self._write("api-refused", request, answer)
        return _render(answer)

    def _write(self, event: str, request: web.Request, answer: RestAnswer) -> None:
        facts = {"remote": request.remote or "", "path": request.path[:LONGEST_REASON], "status": answer.status.value}
        self._runtime.write(event, answer.reason[:LONGEST_REASON], facts)


def _read_credentials(request: web.Request) -> bytes:
    """Read ``user:password`` of Basic authentication (RFC 7617); empty where there is none."""
    scheme, _, encoded = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _render(answer: RestAnswer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, content_type=CONTENT_TYPE)
