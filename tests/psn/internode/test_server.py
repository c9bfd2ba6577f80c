"""The inter-node server on real TLS: who is let in, and what becomes of questions that are none."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme

from nac.mnt_api import decode_result
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from psn.coa.message import COA_PATH, ProxyCoa, decode_outcome, encode_proxy_coa
from psn.coa.order import CoaCommand, CoaEnd, CoaOrder, CoaOutcome
from psn.internode.server import MAXIMUM_BODY, InternodeServer

if TYPE_CHECKING:
    from tests.psn.bench import Bench
    from tests.psn.internode import BuildTls

OUTCOME = CoaOutcome(code=CoaEnd.ACKNOWLEDGED, reason="the device acknowledged", steps=(11204, 11223), node="psn1")
QUESTION = ProxyCoa(
    session_id="7F000301000000010000ABCD",
    mac="02:00:00:00:10:01",
    order=CoaOrder(command=CoaCommand.REAUTHENTICATE_LAST, cause="test", source_component="Profiler", asked_by="psn2"),
)


class House:
    """A server that answers everything with one outcome, what it was asked, and a peer of it."""

    def __init__(self, bench: Bench, build_tls: BuildTls) -> None:
        self.journal = Journal(bench.clock)
        self.asked: list[ProxyCoa] = []
        self.tls = build_tls("127.0.1.1")
        self.peer_tls = build_tls("127.0.1.2").client
        self.server = self.build()

    def build(self, port: int = 0) -> InternodeServer:
        async def answer(proxied: ProxyCoa) -> CoaOutcome:
            self.asked.append(proxied)
            return OUTCOME

        runtime = Runtime(node="psn1", clock=self.journal._clock, random=random.Random(1), journal=self.journal)
        return InternodeServer(runtime, address="127.0.1.1", port=port, tls=self.tls.server, on_coa=answer)

    @property
    def refusals(self) -> list[str]:
        return [record.reason for record in self.journal if record.event == "internode-refused"]

    async def wait_refused(self) -> str:
        refused = asyncio.Event()
        end = self.journal.listen(lambda _: refused.set())
        async with asyncio.timeout(30):
            while not self.refusals:
                refused.clear()
                await refused.wait()
        end()
        (reason,) = self.refusals
        return reason

    async def ask(
        self, method: str, path: str, data: bytes | None = None, *, tls: ssl.SSLContext | None = None
    ) -> tuple[int, bytes]:
        connector = aiohttp.TCPConnector(ssl=tls or self.peer_tls, local_addr=("127.0.1.2", 0), force_close=True)
        url = f"https://127.0.1.1:{self.server.port}{path}"
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, url, data=data) as response,
        ):
            return response.status, await response.read()


@pytest.fixture
async def house(bench: Bench, build_tls: BuildTls) -> AsyncIterator[House]:
    house = House(bench, build_tls)
    await house.server.start()
    yield house
    await house.server.stop()


async def test_a_peer_is_told_how_the_coa_ended(house: House) -> None:
    status, body = await house.ask("POST", COA_PATH, encode_proxy_coa(QUESTION))
    assert (status, decode_outcome(body)) == (200, OUTCOME)
    assert house.asked == [QUESTION]
    assert house.refusals == []


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"", 400, "no message about a CoA: it is no JSON"),
        (b"<coa/>", 400, "no message about a CoA: it is no JSON"),
        (b"{}", 400, "no message about a CoA: command is no text"),
        (b" " * (MAXIMUM_BODY + 1), 413, "the body exceeds 8192 octets"),
    ],
)
async def test_what_is_no_question_gets_one_sentence(house: House, data: bytes, status: int, sentence: str) -> None:
    found, body = await house.ask("POST", COA_PATH, data)
    assert (found, json.loads(body)) == (status, {"error": sentence})
    assert house.refusals == [sentence]
    assert house.asked == []


async def test_other_paths_are_not_there(house: House) -> None:
    status, body = await house.ask("GET", COA_PATH)
    assert (status, json.loads(body)) == (405, {"error": f"GET {COA_PATH}: Method Not Allowed"})
    assert (await house.ask("GET", "/"))[0] == 404


async def test_the_api_of_a_monitoring_node_is_refused_as_documented(house: House) -> None:
    """aaa-mnt.md 6.1."""
    status, body = await house.ask("GET", "/admin/API/mnt/Session/MACAddress/02:00:00:00:10:01")
    result = decode_result(body)
    assert (status, result.http_code) == (500, "500")
    assert result.description == "This node does not run the monitoring service"
    assert result.requested_operation == "Session/MACAddress/02:00:00:00:10:01"


async def test_a_peer_without_a_certificate_is_refused_in_the_handshake(
    house: House, lab_authority: trustme.CA
) -> None:
    tls = ssl.create_default_context()
    lab_authority.configure_trust(tls)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await house.ask("POST", COA_PATH, encode_proxy_coa(QUESTION), tls=tls)
    assert await house.wait_refused() == "a peer was refused in the TLS handshake: it shows no certificate"
    assert house.asked == []
    assert [dict(record.facts) for record in house.journal] == [{"remote": "127.0.1.2"}]


async def test_a_peer_of_another_authority_is_refused_in_the_handshake(house: House, lab_authority: trustme.CA) -> None:
    tls = ssl.create_default_context()
    lab_authority.configure_trust(tls)
    trustme.CA().issue_cert("127.0.1.2").configure_cert(tls)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await house.ask("POST", COA_PATH, encode_proxy_coa(QUESTION), tls=tls)
    assert "its certificate is not of the lab's authority" in await house.wait_refused()
    assert house.asked == []


async def test_what_is_no_tls_is_refused(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.1.1", house.server.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    assert await house.wait_refused() == "a peer was refused in the TLS handshake: http request"


async def test_a_peer_that_goes_away_disturbs_nobody(house: House) -> None:
    with socket.create_connection(("127.0.1.1", house.server.port)):
        pass
    assert (await house.wait_refused()).endswith("it broke off, or took too long")
    assert (await house.ask("POST", COA_PATH, encode_proxy_coa(QUESTION)))[0] == 200


async def test_a_context_that_asks_for_no_certificate_is_a_mistake(house: House) -> None:
    house.tls.server.verify_mode = ssl.CERT_OPTIONAL
    with pytest.raises(ValueError, match="does not ask for certificates"):
        house.build()
