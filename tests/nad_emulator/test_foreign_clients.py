"""Programs that nobody here wrote, on a cable of the switch: curl and aiohttp. They need real time."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme
from aiohttp import web

if TYPE_CHECKING:
    from pathlib import Path

    from nad_emulator.switch import Switch
    from tests.nad_emulator.conftest import Bench

PORT = "GigabitEthernet1/0/1"
CURL = shutil.which("curl")

if CURL is None and os.environ.get("CI") == "true":
    raise RuntimeError("curl is missing")


async def greet(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(text=f"{request.method} {request.path} {request.remote} {len(body)}")


@pytest.fixture
async def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def site(bench: Bench, authority: trustme.CA) -> AsyncIterator[dict[str, int]]:
    """A web server behind the switch, plain and with TLS: its ports."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("www.lab.test").configure_cert(context)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", greet)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    sites = {
        "http": web.TCPSite(runner, "127.0.4.1", 0),
        "https": web.TCPSite(runner, "127.0.4.1", 0, ssl_context=context),
    }
    for found in sites.values():
        await found.start()
    addresses = [address[1] for address in runner.addresses]
    yield dict(zip(sites, addresses, strict=True))
    await runner.cleanup()


async def plug(bench: Bench, site: dict[str, int], *answers: tuple[int, list[tuple[int, bytes]]]) -> Switch:
    bench.add_server(bench.serve(*answers))
    switch = await bench.start_switch(http_port=site["http"])
    await bench.plug(switch)
    return switch


async def curl(switch: Switch, *arguments: str) -> tuple[int, str]:
    """Run curl through the port's data plane: its exit status and what it prints."""
    if CURL is None:
        pytest.skip("curl is missing")
    process = await asyncio.create_subprocess_exec(
        CURL, "-sS", "-m", "30", "--noproxy", "", "-x", switch.cable(PORT).proxy_url, *arguments, stdout=-1, stderr=-2
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_curl_reaches_a_web_server_by_name(bench: Bench, site: dict[str, int]) -> None:
    switch = await plug(bench, site, bench.open)
    assert await curl(switch, "http://www.lab.test/a", "http://www.lab.test/b") == (
        0,
        "GET /a 127.0.10.1 0GET /b 127.0.10.1 0",
    )


async def test_curl_posts_a_big_body_and_waits_for_continue(bench: Bench, site: dict[str, int], tmp_path: Path) -> None:
    switch = await plug(bench, site, bench.open)
    body = tmp_path / "body"
    body.write_bytes(bytes(900_000))
    for field in ("Expect: 100-continue", "Transfer-Encoding: chunked"):
        status, output = await curl(switch, "-H", field, "--data-binary", f"@{body}", "http://www.lab.test/up")
        assert (status, output) == (0, "POST /up 127.0.10.1 900000")


async def test_curl_is_redirected_by_the_switch(bench: Bench, site: dict[str, int]) -> None:
    switch = await plug(bench, site, bench.redirected)
    shown = "%{http_code} %{redirect_url}"
    status, output = await curl(switch, "-o", "/dev/null", "-w", shown, "http://enroll.cisco.com/auth/discovery")
    assert (status, output) == (0, f"302 {bench.redirect_url}")


async def test_curl_speaks_tls_through_a_tunnel(
    bench: Bench, site: dict[str, int], authority: trustme.CA, tmp_path: Path
) -> None:
    switch = await plug(bench, site, bench.open)
    certificate = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(certificate)
    url = f"https://www.lab.test:{site['https']}/tls"
    assert await curl(switch, "--cacert", str(certificate), url) == (0, "GET /tls 127.0.10.1 0")


async def test_curl_sees_a_drop_as_an_empty_reply(bench: Bench, site: dict[str, int]) -> None:
    bench.add_server(lambda _: (3, []))
    switch = await bench.start_switch()
    await bench.plug(switch, event="unauthorized")
    status, output = await curl(switch, "http://www.lab.test/")
    assert (status, output.strip()) == (52, "curl: (52) Empty reply from server")


async def test_aiohttp_keeps_its_connection_and_its_tunnels(
    bench: Bench, site: dict[str, int], authority: trustme.CA
) -> None:
    switch = await plug(bench, site, bench.open)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    proxy = switch.cable(PORT).proxy_url
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        for url in ("http://www.lab.test/x", f"https://www.lab.test:{site['https']}/x"):
            for _ in range(3):
                async with session.get(url, proxy=proxy) as response:
                    assert await response.text() == "GET /x 127.0.10.1 0"
    assert len(bench.list_records("http-forwarded")) == 4
