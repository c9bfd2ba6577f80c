"""A portal that must not answer, as its peers see it: not one octet of HTTP on a real TLS socket, or nothing in it."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from ldd.directory import RadiusSessionDirectory
from ldd.record import RecordState, SessionRecord
from nac.dialogue import PostureRequest, encode_posture_request
from nac.discovery import AgentIdentity, DiscoveryRequest, encode_request, render_user_agent
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from psn.config import PsnConfig, PsnPorts, Silence
from psn.portal.server import PosturePortal
from psn.portal.sessions_elsewhere import SessionsElsewhere
from psn.posture.policy import PostureSettings
from psn.session import Session
from psn.session_cache import SessionCache
from tests.psn.noted_results import NotedResults

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MAC = "02:00:00:00:10:01"
AGENT = render_user_agent(AgentIdentity(os="Windows", os_version="10.0.19045", version="5.1.0.0"))
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PROBE = encode_request(DiscoveryRequest(macs=(MAC,)))
POSTURE = encode_posture_request(PostureRequest(session_id="A", os="Windows", os_version="10", user_agent=AGENT))
NEWER = SessionRecord(
    session_id="B",
    mac=MAC,
    psn="psn2",
    psn_ip="127.0.1.2",
    psn_fqdn="psn2.lab.test",
    state=RecordState.STARTED,
    version=1,
    authenticated_at=NOW + timedelta(minutes=1),
    at=NOW + timedelta(minutes=1),
)
CURL = shutil.which("curl")
NOTHING_RECEIVED, TIMED_OUT = 52, 28
"""Exit statuses of curl."""

if CURL is None and os.environ.get("CI") == "true":
    raise RuntimeError("curl is missing")


class StandingClock:
    def now(self) -> datetime:
        return NOW


class House:
    """A portal whose only entry is a stale, compliant one."""

    def __init__(self, authority: trustme.CA, silence: Silence) -> None:
        self.journal = Journal(StandingClock())
        self._is_silent = asyncio.Event()
        self.journal.listen(lambda record: self._is_silent.set() if record.event == "discovery-silent" else None)
        self.directory = RadiusSessionDirectory()
        self.directory.merge(NEWER)
        sessions = SessionCache()
        sessions.add(
            Session(session_id="A", created_at=NOW, updated_at=NOW, mac=MAC, posture_status=PostureStatus.COMPLIANT)
        )
        server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(server_tls)
        self.client_tls = ssl.create_default_context()
        authority.configure_trust(self.client_tls)
        self.portal = PosturePortal(
            PsnConfig(
                name="psn1",
                fqdn="psn1.lab.test",
                address="127.0.0.1",
                ports=PsnPorts(portal=0, posture=0),
                posture=PostureSettings(),
                tls=server_tls,
                silence=silence,
            ),
            Runtime(node="psn1", clock=StandingClock(), random=random.Random(1), journal=self.journal),
            sessions=sessions,
            sink=NotedResults(),
            elsewhere=SessionsElsewhere("psn1", directory=self.directory),
        )

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self.portal.ports["portal"]
        return await asyncio.open_connection("127.0.0.1", port, ssl=self.client_tls, server_hostname="127.0.0.1")

    async def wait_for_record(self) -> None:
        """Wait until the portal has written down that it is silent."""
        async with asyncio.timeout(30):
            await self._is_silent.wait()


OpenHouse = Callable[[Silence], Awaitable[House]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def open_house(authority: trustme.CA) -> AsyncIterator[OpenHouse]:
    houses: list[House] = []

    async def open_house(silence: Silence) -> House:
        houses.append(House(authority, silence))
        await houses[-1].portal.start()
        return houses[-1]

    yield open_house
    for house in houses:
        await house.portal.stop()


def ask(method: str, target: str, body: str = "") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: psn1.lab.test", f"User-Agent: {AGENT}"]
    if method == "POST":
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body]).encode()


REQUESTS = {
    "gateway": ask("GET", "/portal/gateway?sessionId=A"),
    "status by GET": ask("GET", f"/auth/status?{PROBE}"),
    "status by POST": ask("POST", "/auth/status", PROBE),
    "stage 2": ask("POST", "/auth/ng-discovery", PROBE),
    "posture": ask("POST", "/auth/perfigo_validate.jsp", POSTURE),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_close_ends_the_connection_without_an_octet(open_house: OpenHouse, request_: bytes) -> None:
    house = await open_house(Silence.CLOSE)
    reader, writer = await house.connect()
    writer.write(request_)
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()
    (record,) = house.journal
    assert record.event == "discovery-silent"


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_hang_sends_nothing_and_keeps_the_connection_until_the_portal_stops(
    open_house: OpenHouse, request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nac.node.http_server.SHUTDOWN_TIMEOUT", timedelta(hours=1))
    house = await open_house(Silence.HANG)
    reader, writer = await house.connect()
    writer.write(request_)
    await house.wait_for_record()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read(1)
    assert not reader.at_eof()
    async with asyncio.timeout(30):  # the portal does not even begin to lose patience with handlers
        await house.portal.stop()
    assert await reader.read() == b""
    writer.close()


async def test_hang_is_bounded(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psn.portal.http.HANG_TIMEOUT", timedelta(milliseconds=20))
    house = await open_house(Silence.HANG)
    reader, writer = await house.connect()
    writer.write(REQUESTS["stage 2"])
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()


async def test_a_peer_that_hangs_up_on_a_hanging_portal_disturbs_nobody(open_house: OpenHouse) -> None:
    house = await open_house(Silence.HANG)
    _, writer = await house.connect()
    writer.write(REQUESTS["stage 2"])
    await house.wait_for_record()
    writer.transport.abort()
    reader, writer = await house.connect()
    writer.write(ask("POST", "/auth/status", encode_request(DiscoveryRequest(macs=("02:00:00:00:99:99",)))))
    assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
    writer.close()


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_empty_answers_200_without_headers_of_ise(open_house: OpenHouse, request_: bytes) -> None:
    house = await open_house(Silence.EMPTY)
    reader, writer = await house.connect()
    writer.write(request_)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Length: 0\r\n" in head
    assert b"X-ISE" not in head
    writer.close()


async def test_a_person_is_answered(open_house: OpenHouse) -> None:
    house = await open_house(Silence.CLOSE)
    reader, writer = await house.connect()
    writer.write(REQUESTS["gateway"].replace(AGENT.encode(), BROWSER.encode()))
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_a_connection_is_kept_for_the_next_question_until_the_session_is_succeeded(
    open_house: OpenHouse,
) -> None:
    house = await open_house(Silence.CLOSE)
    house.directory.merge(replace(NEWER, state=RecordState.STOPPED, version=2))
    reader, writer = await house.connect()
    writer.write(REQUESTS["stage 2"])
    assert b"X-ISE-POSTURE_STATUS: Compliant" in await reader.readuntil(b"\r\n\r\n")
    house.directory.merge(replace(NEWER, session_id="C"))
    writer.write(REQUESTS["stage 2"])
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()


async def curl(house: House, authority: trustme.CA, folder: Path, *arguments: str) -> tuple[int, bytes]:
    """Ask stage 2 by curl: its exit status and every octet of the answer."""
    if CURL is None:
        pytest.skip("curl is missing")
    root = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(root))
    url = f"https://127.0.0.1:{house.portal.ports['portal']}/auth/ng-discovery"
    process = await asyncio.create_subprocess_exec(
        CURL,
        "-sSi",
        "--noproxy",
        "*",
        "--cacert",
        str(root),
        "-A",
        AGENT,
        "-d",
        PROBE,
        *arguments,
        url,
        stdout=-1,
        stderr=-3,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output


@pytest.mark.parametrize(
    ("silence", "arguments", "status"),
    [(Silence.CLOSE, ("-m", "10"), NOTHING_RECEIVED), (Silence.HANG, ("-m", "0.2"), TIMED_OUT)],
)
async def test_curl_gets_nothing(
    open_house: OpenHouse,
    authority: trustme.CA,
    tmp_path: Path,
    *,
    silence: Silence,
    arguments: tuple[str, ...],
    status: int,
) -> None:
    house = await open_house(silence)
    assert await curl(house, authority, tmp_path, *arguments) == (status, b"")


async def test_curl_gets_an_answer_with_nothing_in_it(
    open_house: OpenHouse, authority: trustme.CA, tmp_path: Path
) -> None:
    status, answer = await curl(await open_house(Silence.EMPTY), authority, tmp_path, "-m", "10")
    assert status == 0
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"X-ISE" not in answer
