"""The portal on real sockets: both ports, limits, strangers."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
import trustme

from nac.discovery import AgentIdentity, render_user_agent
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from psn.config import PsnConfig, PsnPorts
from psn.portal.server import MAXIMUM_BODY, PosturePortal
from psn.posture.policy import PostureSettings
from psn.session import Session
from psn.session_cache import SessionCache
from tests.psn.noted_results import NotedResults

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
AGENT = render_user_agent(AgentIdentity(os="Windows", os_version="10.0.19045", version="5.1.0.0"))
CA_CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"


class StandingClock:
    def now(self) -> datetime:
        return NOW


class House:
    """A portal, its cache and its journal."""

    def __init__(self, authority: trustme.CA) -> None:
        self.journal = Journal(StandingClock())
        self.sessions = SessionCache()
        self.server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(self.server_tls)
        self.client_tls = ssl.create_default_context()
        authority.configure_trust(self.client_tls)
        self.portal = self.build()

    def build(self, *, posture_port: int = 0) -> PosturePortal:
        config = PsnConfig(
            name="psn1",
            fqdn="psn1.lab.test",
            address="127.0.0.1",
            ports=PsnPorts(portal=0, posture=posture_port),
            posture=PostureSettings(),
            tls=self.server_tls,
            ca_certificate=CA_CERTIFICATE,
        )
        runtime = Runtime(node="psn1", clock=StandingClock(), random=random.Random(1), journal=self.journal)
        return PosturePortal(config, runtime, sessions=self.sessions, sink=NotedResults())

    def url(self, path: str, *, port: str = "portal") -> str:
        return f"https://127.0.0.1:{self.portal.ports[port]}{path}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def house(authority: trustme.CA) -> AsyncIterator[House]:
    house = House(authority)
    await house.portal.start()
    yield house
    await house.portal.stop()


@pytest.fixture
async def client(house: House) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=house.client_tls)
    async with aiohttp.ClientSession(connector=connector, headers={"User-Agent": AGENT}) as session:
        yield session


@pytest.mark.parametrize("port", ["portal", "posture"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_both_ports_answer_a_status_probe_by_get_and_post(
    house: House, client: aiohttp.ClientSession, port: str, method: str
) -> None:
    house.sessions.add(
        Session(
            session_id="A",
            created_at=NOW,
            updated_at=NOW,
            mac="02:00:00:00:10:01",
            posture_status=PostureStatus.UNKNOWN,
        )
    )
    fields = {"mac_list": "02:00:00:00:10:01", "iplist": "", "sessionId": ""}
    carried = {"params": fields} if method == "GET" else {"data": fields}
    async with client.request(method, house.url("/auth/status", port=port), **carried) as response:  # type: ignore[arg-type]
        assert response.status == 200
        assert response.headers["X-ISE-PDP"] == "psn1.lab.test"
        assert response.headers["X-ISE-POSTURE_PORT"] == str(house.portal.ports["portal"])
        assert response.headers["X-ISE-POSTURE_STATUS"] == "Unknown"
        assert response.headers["Date"] == "Mon, 05 Jan 2026 08:00:00 GMT"
        assert await response.read() == b""


@pytest.mark.parametrize("path", ["/portal/gateway", "/portal/PortalSetup.action"])
async def test_both_portal_addresses_serve_a_page_with_a_strict_policy(
    house: House, client: aiohttp.ClientSession, path: str
) -> None:
    house.sessions.add(Session(session_id="A", created_at=NOW, updated_at=NOW))
    async with client.get(house.url(f"{path}?sessionId=A"), headers={"User-Agent": "Firefox"}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "One step before you are online" in await response.text()


async def test_the_ca_certificate_is_offered(house: House, client: aiohttp.ClientSession) -> None:
    async with client.get(house.url("/ca.pem")) as response:
        assert response.content_type == "application/x-x509-ca-cert"
        assert await response.read() == CA_CERTIFICATE


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/auth/anyconnect?uuid=nonsense", 404),
        ("GET", "/auth/provisioning/download/nonsense", 404),
        ("GET", "/auth/perfigo_validate.jsp", 405),
        ("DELETE", "/auth/status", 405),
    ],
)
async def test_what_is_not_there_is_refused_with_a_record(
    house: House, client: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with client.request(method, house.url(path)) as response:
        assert response.status == status
    (record,) = house.journal
    assert (record.event, record.facts["status"]) == ("portal-refused", status)


@pytest.mark.parametrize("path", ["/auth/status", "/auth/ng-discovery", "/auth/perfigo_validate.jsp"])
async def test_a_body_beyond_the_limit_is_refused(house: House, client: aiohttp.ClientSession, path: str) -> None:
    async with client.post(house.url(path), data=b"a" * (MAXIMUM_BODY + 1)) as response:
        assert response.status == 413
        assert await response.text() == "the body exceeds 65536 octets\n"


@pytest.mark.parametrize("path", ["/auth/status", "/auth/ng-discovery", "/auth/perfigo_validate.jsp"])
async def test_a_malformed_body_is_refused(house: House, client: aiohttp.ClientSession, path: str) -> None:
    async with client.post(house.url(path), data=b"\xff\xfe") as response:
        assert response.status == 400
        assert "it is not UTF-8 text" in await response.text()


async def test_what_is_no_http_is_refused_with_a_record(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    tls = {"ssl": house.client_tls, "server_hostname": "127.0.0.1"}
    reader, writer = await asyncio.open_connection("127.0.0.1", house.portal.ports["portal"], **tls)  # type: ignore[arg-type]
    writer.write(b"GARBAGE\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
    writer.close()
    (record,) = house.journal
    assert (record.event, record.facts) == ("portal-refused", {"remote": "127.0.0.1"})
    assert record.reason.startswith("not a whole HTTP request: ")
    assert capsys.readouterr().err == ""


async def test_a_body_that_cannot_be_unpacked_is_refused(house: House, client: aiohttp.ClientSession) -> None:
    announced = {"Content-Encoding": "gzip"}
    async with client.post(house.url("/auth/status"), data=b"abcd", headers=announced) as response:
        assert (response.status, await response.text()) == (400, "the body is not as its headers announce\n")


async def test_strangers_do_not_disturb_the_portal(house: House, client: aiohttp.ClientSession) -> None:
    chance = random.Random(7)
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", house.portal.ports["portal"])
        writer.write(chance.randbytes(200))
        writer.close()
    for _ in range(20):
        tls = {"ssl": house.client_tls, "server_hostname": "127.0.0.1"}
        _, writer = await asyncio.open_connection("127.0.0.1", house.portal.ports["portal"], **tls)  # type: ignore[arg-type]
        writer.write(chance.randbytes(200))
        writer.close()
    async with client.get(house.url("/ca.pem")) as response:
        assert response.status == 200
