"""The whole node on real sockets: its ports, its birth and death, and the story from MAB to the CoA."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import trustme

from nac.dialogue import PostureRequest, encode_posture_request
from nac.discovery import POSTURE_PATH, AgentIdentity, render_user_agent
from nac.node.binding import AddressInUseError, bind_tcp, bind_udp
from nac.posture import PostureStatus
from nac.posture_answer import decode_final_answer
from psn.authorization import UnknownConditionError
from psn.coa.order import CoaCommand
from psn.config import AuthorizationRule, Condition, PsnPorts
from psn.node import PolicyServiceNode
from psn.session import Session
from radius import attribute
from radius.client import Peer, RadiusClient
from radius.client_table import Client, ClientTable
from radius.packet import Attribute, Code, Packet, integer
from radius.retransmission import Retransmission
from radius.secret import Secret
from radius.server import RadiusServer, Reply, Request, Service

if TYPE_CHECKING:
    from tests.psn.collector import Collector
    from tests.psn.conftest import BuildNode

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SECRET = Secret("testing123")
SESSION_ID = "7F000301000000010000ABCD"
ANY = PsnPorts(authentication=(0, 0), accounting=(0, 0), portal=0, posture=0)
PATIENT = Retransmission.every(timedelta(seconds=5), 0)
MAB: list[Attribute] = [
    (attribute.USER_NAME, b"020000001001"),
    (attribute.USER_PASSWORD, b"020000001001"),
    (attribute.SERVICE_TYPE, integer(attribute.SERVICE_CALL_CHECK)),
    (attribute.CALLING_STATION_ID, b"02-00-00-00-10-01"),
    (attribute.CISCO_AVPAIR, f"audit-session-id={SESSION_ID}".encode()),
]


class Switch:
    """A device with a RADIUS client and a dynamic authorization port that acknowledges."""

    def __init__(self) -> None:
        self.client = RadiusClient(host="127.0.3.1", random=random.Random(1), observe=lambda *_: None)
        self.commands: asyncio.Queue[Packet] = asyncio.Queue()
        sock = bind_udp("127.0.3.1", 0)
        psn = Client(name="psn", network=IPv4Network("127.0.0.0/8"), secret=SECRET)
        self.declared = Client(
            name="switch1", network=IPv4Network("127.0.0.0/8"), secret=SECRET, coa_port=sock.getsockname()[1]
        )
        service = Service(name="CoA", handlers={Code.COA_REQUEST: self._acknowledge})
        self.server = RadiusServer(services=[(sock, service)], clients=ClientTable([psn]), observe=lambda *_: None)
        self.server.start()

    def _acknowledge(self, request: Request) -> Reply:
        self.commands.put_nowait(request.packet)
        return Reply(Code.COA_ACK)

    async def ask(self, port: int, code: Code, *attributes: Attribute) -> Packet:
        peer = Peer(host="127.0.0.1", port=port, secret=SECRET)
        return await self.client.exchange(peer, code, list(attributes), retransmission=PATIENT)

    async def close(self) -> None:
        self.client.close()
        await self.server.stop()


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    switch = Switch()
    yield switch
    await switch.close()


@pytest.fixture
def blocker() -> Iterator[dict[str, socket.socket]]:
    sockets = {"udp": bind_udp("127.0.0.1", 0), "tcp": bind_tcp("127.0.0.1", 0)}
    sockets["tcp"].listen()
    yield sockets
    for sock in sockets.values():
        sock.close()


def count_sockets() -> int:
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            count += os.readlink(link).startswith("socket:")  # noqa: PTH115
        except FileNotFoundError:
            continue
    return count


async def test_every_port_is_told_and_both_pairs_are_served(build_node: BuildNode, switch: Switch) -> None:
    node = build_node()
    await node.start()
    assert set(node.ports) == {
        "authentication",
        "authentication-legacy",
        "accounting",
        "accounting-legacy",
        "portal",
        "posture",
    }
    assert len({*node.ports.values(), 0}) == 7
    for name, code in (("authentication", Code.ACCESS_ACCEPT), ("accounting", Code.ACCOUNTING_RESPONSE)):
        for suffix in ("", "-legacy"):
            reply = await switch.ask(node.ports[name + suffix], Code.STATUS_SERVER)
            assert reply.code == code
    assert (node.kind, node.name, node.address) == ("psn", "psn1", "127.0.0.1")


async def test_node_starts_and_stops_again_and_again(build_node: BuildNode, switch: Switch) -> None:
    node = build_node()
    sockets = count_sockets()
    await node.stop()
    for _ in range(2):
        await node.start()
        assert (await switch.ask(node.ports["authentication"], Code.ACCESS_REQUEST, *MAB)).code == Code.ACCESS_ACCEPT
        assert len(node.sessions) == 1
        await node.stop()
        await node.stop()
        assert (node.ports, len(node.sessions)) == ({}, 0)
    await switch.close()
    assert count_sockets() <= sockets


@pytest.mark.parametrize(
    ("protocol", "field"),
    [("udp", "authentication"), ("udp", "accounting"), ("tcp", "portal"), ("tcp", "posture")],
)
async def test_port_in_use_is_named_with_its_holder_and_nothing_stays_open(
    build_node: BuildNode, blocker: dict[str, socket.socket], protocol: str, field: str
) -> None:
    port = blocker[protocol].getsockname()[1]
    sockets = count_sockets()
    ports: dict[str, Any] = {field: (0, port) if protocol == "udp" else port}
    node = build_node(ports=replace(ANY, **ports))
    with pytest.raises(AddressInUseError) as caught:
        await node.start()
    error = caught.value
    assert (error.address, error.port, error.protocol) == ("127.0.0.1", port, protocol)
    assert f"(pid {os.getpid()})" in str(error)
    assert node.ports == {}
    assert count_sockets() == sockets


async def test_policy_that_cannot_be_compiled_leaves_nothing_open(build_node: BuildNode) -> None:
    broken = AuthorizationRule(
        name="broken", profile="PermitAccess", conditions=(Condition(attribute="x", values=("y",)),)
    )
    sockets = count_sockets()
    with pytest.raises(UnknownConditionError):
        await build_node(rules=(broken,)).start()
    assert count_sockets() == sockets


async def test_stopped_node_sends_no_coa(build_node: BuildNode) -> None:
    node: PolicyServiceNode = build_node()
    await node.start()
    await node.stop()
    session = Session(session_id="A", created_at=NOW, updated_at=NOW)
    with pytest.raises(RuntimeError, match="psn1 is not running"):
        await node.coa_for(session_id=session.session_id, command=CoaCommand.REAUTHENTICATE_LAST, cause="test")


async def test_endpoint_that_is_found_compliant_is_reauthenticated_into_full_access(
    build_node: BuildNode, switch: Switch, collector: Collector
) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    node = build_node(tls=tls, clients=(switch.declared,))
    await node.start()

    pending = await switch.ask(node.ports["authentication"], Code.ACCESS_REQUEST, *MAB)
    assert any(pair.startswith("url-redirect=") for pair in pending.list_text(attribute.CISCO_AVPAIR))

    agent = render_user_agent(AgentIdentity(os="Windows", os_version="10.0.19045", version="5.1.0.0"))
    body = encode_posture_request(PostureRequest(session_id=SESSION_ID, os="Windows", user_agent=agent))
    url = f"https://127.0.0.1:{node.ports['portal']}{POSTURE_PATH}"
    async with (
        aiohttp.ClientSession(headers={"User-Agent": agent}) as http,
        http.post(url, data=body, ssl=trust) as answer,
    ):
        assert decode_final_answer(await answer.read()).posture_status is PostureStatus.COMPLIANT

    async with asyncio.timeout(30):
        command = await switch.commands.get()
    assert command.list_text(attribute.CISCO_AVPAIR)[0] == f"audit-session-id={SESSION_ID}"

    full = await switch.ask(node.ports["authentication"], Code.ACCESS_REQUEST, *MAB)
    assert full.list_text(attribute.CISCO_AVPAIR) == ["ACS:CiscoSecure-Defined-ACL=#ACSACL#-IP-Full-Access-65b4f5cb"]
    codes = [record.code for record in collector.list_records()]
    assert [code for code in codes if code != 87500] in ([5200, 87000, 5205, 5200], [5200, 87000, 5200, 5205])
