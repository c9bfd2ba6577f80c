"""A monitoring node as far as its REST API is concerned."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

import trustme
from aiohttp import encode_basic_auth, web

from psn.config import MntApi
from tests.psn.deployment import SESSION_ID


class ScriptedMnt:
    """The REST API of a monitoring node: what it is asked, and what it is told to answer."""

    ADDRESS = "127.0.2.1"

    def __init__(self, authority: trustme.CA) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[web.Request], Awaitable[web.Response]] = self.know_nothing
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(self.ADDRESS).configure_cert(self.tls)
        self._runner: web.ServerRunner | None = None

    @property
    def api(self) -> MntApi:
        return MntApi(name="mnt1", host=self.ADDRESS, port=self.port, user="admin", password="lab-mnt")

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.ADDRESS, 0, ssl_context=self.tls).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request.path)
        if request.headers.get("Authorization") != encode_basic_auth("admin", "lab-mnt"):
            return web.Response(status=401)
        return await self.answer(request)

    @staticmethod
    async def know_nothing(_: web.BaseRequest) -> web.Response:
        why = b"<internal-error-info>Session data is not available.</internal-error-info>"
        return web.Response(status=500, body=b"<mnt-rest-result>" + why + b"</mnt-rest-result>")

    def say(self, body: bytes, *, status: int = 200) -> None:
        async def answer(_: web.BaseRequest) -> web.Response:
            return web.Response(status=status, body=body, content_type="application/xml")

        self.answer = answer

    def name_owner(self, server: str, session_id: str = SESSION_ID, *, stopped: str = "false") -> None:
        self.say(
            b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<sessionParameters><passed '
            b'xsi:type="xs:boolean" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
            b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">true</passed>'
            + f"<acs_server>{server}</acs_server><audit_session_id>{session_id}</audit_session_id>".encode()
            + f"<stopped>{stopped}</stopped></sessionParameters>".encode()
        )
