"""The REST API over real HTTPS: who is let in, what is answered, birth and death."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest
import trustme

from mnt.config import MntConfig
from mnt.rest_answers import RestAnswers
from mnt.rest_api import RestApi
from mnt.session_directory import SessionDirectory
from nac.node.runtime import Runtime
from nac.syslog import SyslogRecord

ADDRESS = "127.0.0.1"
MAC = "02:00:00:00:10:01"
VERSION = "/admin/API/mnt/Version"
SESSION = f"/admin/API/mnt/Session/MACAddress/{MAC}"
USER, PASSWORD = "admin", "pässword:1"
ADMIN = {"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD, "utf-8")}


class House:
    """An API, its directory and a client that trusts it."""

    def __init__(self, authority: trustme.CA, runtime: Runtime) -> None:
        self.runtime = runtime
        self.directory = SessionDirectory()
        self.server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(ADDRESS).configure_cert(self.server_tls)
        self.client_tls = ssl.create_default_context()
        authority.configure_trust(self.client_tls)
        self.api = self.build()

    def build(self, port: int = 0) -> RestApi:
        config = MntConfig(name="mnt1", address=ADDRESS, api_port=port, api_user=USER, api_password=PASSWORD)
        return RestApi(config, self.runtime, RestAnswers(self.directory), tls=self.server_tls)

    def url(self, path: str) -> str:
        return f"https://{ADDRESS}:{self.api.port}{path}"

    def events(self) -> list[str]:
        return [entry.event for entry in self.runtime.journal]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def house(authority: trustme.CA, runtime: Runtime) -> AsyncIterator[House]:
    house = House(authority, runtime)
    await house.api.start()
    yield house
    await house.api.stop()


@pytest.fixture
async def client(house: House) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=house.client_tls)
    async with aiohttp.ClientSession(connector=connector) as client:
        yield client


async def test_a_session_is_answered_as_xml(
    house: House, client: aiohttp.ClientSession, record: Callable[..., SyslogRecord], now: datetime, session_id: str
) -> None:
    house.directory.apply(record(5200, Calling_Station_ID="02-00-00-00-10-01"), now)
    async with client.get(house.url(SESSION), headers=ADMIN) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/xml")
        assert f"<audit_session_id>{session_id}</audit_session_id>" in await response.text()
        assert response.headers["Date"] == "Mon, 05 Jan 2026 08:00:00 GMT"
        assert response.headers["Cache-Control"] == "no-store"
    (entry,) = house.runtime.journal
    assert entry.event == "api-answered"
    assert entry.facts == {"remote": ADDRESS, "path": SESSION, "status": 200}


async def test_a_session_not_there_is_500_in_the_apis_own_form(house: House, client: aiohttp.ClientSession) -> None:
    async with client.get(house.url(SESSION), headers=ADMIN) as response:
        assert (response.status, response.headers["Content-Type"]) == (500, "application/xml")
        assert "<cpm-code>34110</cpm-code>" in await response.text()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic !!!",
        "Bearer YWRtaW46cMOkc3N3b3JkOjE=",
        "Basic YWRtaW4=",
        aiohttp.encode_basic_auth(USER, "wrong"),
    ],
)
@pytest.mark.parametrize("path", [VERSION, "/no/such/path"])
async def test_without_the_right_password_nothing_is_told(
    house: House, client: aiohttp.ClientSession, authorization: str | None, path: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    async with client.get(house.url(path), headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Basic realm="MnT REST API"'
        assert response.headers["Content-Type"] == "application/xml"
    assert house.events() == ["api-refused"]
    (refused,) = house.runtime.journal
    is_wrong = authorization is not None and authorization.startswith("Basic Y")
    assert refused.reason.endswith(f"user and password are {'wrong' if is_wrong else 'required'}")
    assert "pässword" not in str(list(house.runtime.journal))


@pytest.mark.parametrize("path", ["/admin/api/mnt/version", "/", "/admin/API/mnt/Session/MACAddress/"])
async def test_other_paths_are_404(house: House, client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(house.url(path), headers=ADMIN) as response:
        assert response.status == 404
        assert "<http-code>404</http-code>" in await response.text()
    assert house.events() == ["api-refused"]


async def test_other_methods_are_405(house: House, client: aiohttp.ClientSession) -> None:
    async with client.post(house.url(VERSION), headers=ADMIN, data=b"x" * 100_000) as response:
        assert response.status == 405


async def test_what_is_no_http_is_refused_with_a_record(house: House) -> None:
    reader, writer = await asyncio.open_connection(ADDRESS, house.api.port, ssl=house.client_tls)
    writer.write(b"\x00\x01 no request\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert house.events() == ["api-refused"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_reads_it(house: House, authority: trustme.CA, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--fail", "--cacert", str(ca), "--user", f"{USER}:{PASSWORD}"),
        house.url(VERSION),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert b'<product name="Cisco Identity Services Engine"><version>' in output


async def test_it_stops_twice_and_starts_again(house: House, client: aiohttp.ClientSession) -> None:
    port = house.api.port
    await house.api.stop()
    await house.api.stop()
    assert house.api.port == 0
    with socket.socket() as probe:
        assert probe.connect_ex((ADDRESS, port)) != 0
    await house.api.start()
    async with client.get(house.url(VERSION), headers=ADMIN) as response:
        assert response.status == 200
