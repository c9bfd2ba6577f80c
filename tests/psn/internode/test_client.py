"""Handing a CoA to another node: what each kind of failure is called (aaa-mnt.md 2.5)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web

from psn.coa.message import COA_PATH, ProxyCoa, decode_proxy_coa, encode_outcome
from psn.coa.order import CoaCommand, CoaEnd, CoaOrder, CoaOutcome
from psn.config import PeerNode
from psn.internode.client import HandOverError, InternodeClient

if TYPE_CHECKING:
    from tests.psn.bench import Bench
    from tests.psn.internode import BuildTls

OUTCOME = CoaOutcome(code=CoaEnd.REFUSED, reason="the device refused", steps=(11204, 11224), node="psn1")
QUESTION = ProxyCoa(
    session_id="7F000301000000010000ABCD",
    mac="",
    order=CoaOrder(command=CoaCommand.DISCONNECT, cause="test", source_component="ANC", asked_by="psn2"),
)


class Owner:
    """Something at the owner's address, that answers what it is told to."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.tls = tls
        self.questions: list[tuple[str, bytes]] = []
        self.status = 200
        self.body = encode_outcome(OUTCOME)
        self.hang = False

    async def start(self) -> PeerNode:
        self.runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.01)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.1.1", 0, ssl_context=self.tls).start()
        port = self.runner.addresses[0][1]
        return PeerNode(name="psn1", fqdn="psn1.lab.test", address="127.0.1.1", port=port)

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        self.questions.append((f"{request.method} {request.path}", await request.read()))
        if self.hang:
            await asyncio.Event().wait()
        return web.Response(status=self.status, body=self.body)


@pytest.fixture
async def owner(build_tls: BuildTls) -> AsyncIterator[Owner]:
    owner = Owner(build_tls("127.0.1.1").server)
    yield owner
    await owner.runner.cleanup()


@pytest.fixture
def client(bench: Bench, build_tls: BuildTls) -> InternodeClient:
    config = replace(bench.config, name="psn2", address="127.0.1.2")
    return InternodeClient(config, tls=build_tls("127.0.1.2").client)


async def fail(client: InternodeClient, peer: PeerNode) -> tuple[CoaEnd, str]:
    with pytest.raises(HandOverError) as caught:
        await client.hand_over(peer, QUESTION)
    return caught.value.end, caught.value.why


async def test_the_owners_outcome_comes_back(owner: Owner, client: InternodeClient) -> None:
    peer = await owner.start()
    assert await client.hand_over(peer, QUESTION) == OUTCOME
    ((line, body),) = owner.questions
    assert (line, decode_proxy_coa(body)) == (f"POST {COA_PATH}", QUESTION)


async def test_nothing_listens_there(owner: Owner, client: InternodeClient) -> None:
    peer = await owner.start()
    await owner.runner.cleanup()
    assert await fail(client, peer) == (CoaEnd.OWNER_SILENT, "no connection could be made: Connection refused")


async def test_the_owner_is_given_the_time_its_device_may_take(owner: Owner, bench: Bench, build_tls: BuildTls) -> None:
    """All transmissions by the owner's settings, whatever the asker's are, and the way there and back."""
    owner.hang = True
    peer = replace(await owner.start(), coa_patience=timedelta(milliseconds=60))
    config = replace(bench.config, coa_timeout=timedelta(days=1), coa_retransmits=0)
    tls = build_tls("127.0.0.1").client
    client = InternodeClient(config, tls=tls, call_timeout=timedelta(milliseconds=70))
    assert await fail(client, peer) == (CoaEnd.OWNER_SILENT, "no answer within 0.13 s")


async def test_a_node_of_another_authority_is_of_the_deployment_no_longer(
    owner: Owner, client: InternodeClient
) -> None:
    owner.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.1.1").configure_cert(owner.tls)
    end, why = await fail(client, await owner.start())
    assert end is CoaEnd.OWNER_DEREGISTERED
    assert why.startswith("its certificate is not trusted: ")
    assert owner.questions == []


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_a_node_that_does_not_do_that_work_is_inactive(
    owner: Owner, client: InternodeClient, status: int
) -> None:
    owner.status = status
    assert await fail(client, await owner.start()) == (
        CoaEnd.OWNER_INACTIVE,
        f"it answered with HTTP status {status}",
    )


async def test_an_answer_that_cannot_be_read_is_none(owner: Owner, client: InternodeClient) -> None:
    owner.body = b"{"
    assert await fail(client, await owner.start()) == (
        CoaEnd.OWNER_SILENT,
        "no message about a CoA: it is no JSON",
    )


async def test_this_node_is_refused_without_a_certificate_of_the_lab(
    owner: Owner, bench: Bench, lab_authority: trustme.CA
) -> None:
    tls = ssl.create_default_context()
    lab_authority.configure_trust(tls)
    client = InternodeClient(replace(bench.config, address="127.0.1.2"), tls=tls)
    end, why = await fail(client, await owner.start())
    assert (end, why) == (CoaEnd.OWNER_SILENT, "the connection was closed without a whole answer")
