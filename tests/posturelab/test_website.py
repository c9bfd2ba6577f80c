"""The web server beyond the switch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from posturelab.lab import Lab


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as found:
        yield found


async def test_it_says_which_host_was_reached(lab: Lab, session: aiohttp.ClientSession) -> None:
    site = lab.websites["web1"]
    url = f"http://{site.address}:{site.ports['http']}/any/path"
    async with session.get(url, headers={"Host": "www.lab.test"}) as response:
        assert "You have reached www.lab.test" in await response.text()
    assert [record.event for record in lab.journal if record.node == "web1"] == ["page-shown"]


async def test_a_host_name_is_not_taken_for_markup(lab: Lab, session: aiohttp.ClientSession) -> None:
    site = lab.websites["web1"]
    async with session.get(f"http://{site.address}:{site.ports['http']}/", headers={"Host": "<b>"}) as response:
        assert "<b>" not in await response.text()


@pytest.mark.parametrize("host", [b"a:b:c", b"127.0.0.1:99999999", b"xn--a", b"\xff\xfe", b"["])
async def test_a_host_that_is_none_is_shown_all_the_same(lab: Lab, host: bytes) -> None:
    site = lab.websites["web1"]
    reader, writer = await asyncio.open_connection(site.address, site.ports["http"])
    writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_access_that_opens_reaches_it_through_the_switch(lab: Lab, session: aiohttp.ClientSession) -> None:
    endpoint = lab.get_endpoint("laptop1")
    proxy = lab.switches["switch1"].cable("GigabitEthernet1/0/1").proxy_url
    await endpoint.plug()
    await asyncio.sleep(1)
    async with session.get("http://www.lab.test/", proxy=proxy, allow_redirects=False) as response:
        assert response.status == 302
        assert "/portal/gateway?sessionId=" in response.headers["Location"]
    await asyncio.sleep(10)
    async with session.get("http://www.lab.test/", proxy=proxy) as response:
        assert "You have reached www.lab.test" in await response.text()
