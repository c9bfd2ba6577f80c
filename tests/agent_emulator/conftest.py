"""A wire for an endpoint: a small proxy in place of an access port, and real portals behind it, on virtual time."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from agent_emulator.config import EndpointConfig
from agent_emulator.endpoint import Endpoint
from nac.cable import LinkWatcher
from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from posturelab.clock import LabClock, LabLoop
from psn.config import PsnConfig, PsnPorts
from psn.portal.server import PosturePortal
from psn.posture.policy import PostureSettings
from psn.session import Session
from psn.session_cache import SessionCache
from tests.psn.noted_results import NotedResults

MAC = "02:00:00:00:10:01"
ADDRESS = "127.0.10.1"
TOKEN = "ab" * 16
AT_WORK = ("Searching for policy server", "Scanning system")


class Wire:
    """An access port as the agent sees it. `redirect` is what port 80 answers; `blocked` are names it drops."""

    def __init__(self, authority: trustme.CA) -> None:
        self.clock = LabClock(asyncio.get_running_loop())
        self.journal = Journal(self.clock)
        self.authority = authority
        self.hosts: dict[str, tuple[str, int]] = {}
        self.redirect = ""
        self.is_open = False
        self.silent: set[str] = set()
        self.requests: list[str] = []
        self.sink = NotedResults()
        self.results = self.sink.results
        self.plugged: list[tuple[str, str]] = []
        self.gateway = "127.0.3.1"
        self.proxy_url = ""
        self.is_up = True
        self._conversations: set[asyncio.Task[None]] = set()
        self._portals: list[PosturePortal] = []
        self._strangers: list[asyncio.Server] = []
        self._endpoints: list[Endpoint] = []

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.proxy_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        for endpoint in self._endpoints:
            await endpoint.stop()
        for portal in self._portals:
            await portal.stop()
        for server in (self._server, *self._strangers):
            server.close()
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await asyncio.sleep(0)

    def watch(self, watcher: LinkWatcher | None) -> None:
        self.watcher = watcher

    async def plug(self, mac: str, address: str) -> None:
        self.plugged.append((mac, address))

    async def unplug(self) -> None:
        self.plugged.pop()

    async def start_portal(
        self, settings: PostureSettings, *, name: str = "psn1", certificate_name: str = ""
    ) -> SessionCache:
        fqdn = f"{name}.lab.test"
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(certificate_name or fqdn).configure_cert(tls)
        sessions = SessionCache()
        config = PsnConfig(
            name=name,
            fqdn=fqdn,
            address="127.0.0.1",
            ports=PsnPorts(portal=0, posture=0),
            posture=settings,
            tls=tls,
            backup_servers=("psn9.lab.test",),
        )
        portal = PosturePortal(config, self.runtime(name), sessions=sessions, sink=self.sink)
        await portal.start()
        self._portals.append(portal)
        self.hosts[fqdn] = ("127.0.0.1", portal.ports["portal"])
        return sessions

    async def start_stranger(self, name: str, answer: bytes | None) -> None:
        """Start a policy server that says the same to everybody: nothing before it closes, or, with None, nothing."""
        fqdn = f"{name}.lab.test"
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(fqdn).configure_cert(tls)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                try:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    method, path, _ = head.partition("\r\n")[0].split(" ")
                    self.requests.append(f"{method} {name}{path.partition('?')[0]}")
                    if answer is None:
                        await reader.read(-1)
                    writer.write(answer or b"")
                finally:
                    writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        self._strangers.append(server)
        self.hosts[fqdn] = server.sockets[0].getsockname()[:2]

    async def start_endpoint(self, **changes: Any) -> Endpoint:
        tls = ssl.create_default_context()
        self.authority.configure_trust(tls)
        config = EndpointConfig(**{"name": "laptop1", "mac": MAC, "address": ADDRESS, "user": "alice", **changes})
        endpoint = Endpoint(config, self.runtime("laptop1"), self, tls)
        await endpoint.start()
        self._endpoints.append(endpoint)
        return endpoint

    def session(self, session_id: str = "7F000301000000010000ABCD", **changes: Any) -> Session:
        now = self.now()
        return Session(
            **{
                "session_id": session_id,
                "created_at": now,
                "updated_at": now,
                "mac": MAC,
                "addresses": (ADDRESS,),
                "groups": ("Employees",),
                "token": TOKEN,
                **changes,
            }
        )

    async def open_session(self, settings: PostureSettings, **changes: Any) -> Session:
        """Start the portal of psn1 with a session that awaits posture, if nothing else is said."""
        sessions = await self.start_portal(settings)
        session = self.session(**{"posture_status": PostureStatus.UNKNOWN, **changes})
        sessions.add(session)
        return session

    async def redirect_session(self, settings: PostureSettings, **changes: Any) -> Session:
        """Start the portal of psn1 with a session, and let the switch redirect to it."""
        session = await self.open_session(settings, **changes)
        self.redirect_to(session)
        return session

    def redirect_to(self, session: Session, *, name: str = "psn1") -> None:
        host, port = f"{name}.lab.test", self.hosts[f"{name}.lab.test"][1]
        self.redirect = (
            f"https://{host}:{port}/portal/gateway?sessionId={session.session_id}"
            f"&portal=4cb1f740-e371-11e6-92ce-005056873bd0&action=cpp&token={session.token}"
        )

    def runtime(self, node: str) -> Runtime:
        return Runtime(node=node, clock=self.clock, random=random.Random(1), journal=self.journal)

    def now(self) -> datetime:
        return self.clock.now()

    def records(self, event: str) -> list[JournalRecord]:
        return [record for record in self.journal if record.event == event]

    async def wait_for(self, event: str) -> JournalRecord:
        """Wait for the next record of this kind."""
        found: asyncio.Future[JournalRecord] = asyncio.get_running_loop().create_future()

        def look(record: JournalRecord) -> None:
            if record.event == event and not found.done():
                found.set_result(record)

        stop_listening = self.journal.listen(look)
        try:
            async with asyncio.timeout(100):
                return await found
        finally:
            stop_listening()

    async def settle(self, endpoint: Endpoint, *, within: float = 60) -> None:
        """Wait until the agent shows something else than that it is at work."""
        settled = asyncio.Event()

        def look(_: JournalRecord | None) -> None:
            if endpoint.view().status not in AT_WORK:
                settled.set()

        stop_listening = self.journal.listen(look)
        try:
            look(None)
            async with asyncio.timeout(within):
                await settled.wait()
        finally:
            stop_listening()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split("\r\n")[0].split(" ")
                await (self._tunnel(target, reader, writer) if method == "CONNECT" else self._answer(target, writer))
            finally:
                writer.close()

    async def _answer(self, url: str, writer: asyncio.StreamWriter) -> None:
        self.requests.append(url)
        if urlsplit(url).hostname in self.silent:
            await asyncio.sleep(3600)
        if self.redirect:
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {self.redirect}\r\nContent-Length: 0\r\n\r\n".encode())
        elif self.is_open:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(f"CONNECT {target.partition(':')[0]}")
        host = target.partition(":")[0]
        if host in self.silent:
            await asyncio.sleep(3600)
        if host not in self.hosts:
            return
        onward_reader, onward_writer = await asyncio.open_connection(*self.hosts[host])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(reader, onward_writer))
                tasks.create_task(_pump(onward_reader, writer))
        finally:
            onward_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


Story = Callable[[Wire], Coroutine[Any, Any, None]]
Tell = Callable[[Story], None]


@pytest.fixture
def tell(authority: trustme.CA) -> Tell:
    """Run a story on virtual time over real sockets."""

    def run(story: Story) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            failures: list[dict[str, Any]] = []
            loop.set_exception_handler(lambda _, context: failures.append(context))
            wire = Wire(authority)
            await wire.open()
            try:
                await story(wire)
            finally:
                await wire.close()
            assert failures == []

        with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
            runner.run(main())

    return run
