"""What a deployment promises to survive, with real processes, real kills and a real RabbitMQ.

The processes serve all these tests; each begins with all of them running, whatever the last one has done.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from nac.dialogue import PostureRequest, encode_posture_request
from nac.discovery import POSTURE_PATH, AgentIdentity, render_user_agent
from psn.posture.initial_status import POSTURE_EXPIRY
from tests.live.deployment import MNT, NODES, PSNS, Deployment, NodeProcess, wait_until
from tests.live.nad import Nad, offering
from tests.rabbitmq_server import RabbitMqServer

SERVING = PSNS[:3]
MAC = "02:00:00:00:10:01"
AGENT = render_user_agent(AgentIdentity(os="Windows", os_version="10.0.19045", version="5.1.0.0"))


class Lab:
    """A deployment that runs, its broker, and a NAD."""

    def __init__(self, deployment: Deployment, broker: RabbitMqServer) -> None:
        self.deployment = deployment
        self.broker = broker
        self.nad = Nad(deployment.device_address)

    def __getitem__(self, name: str) -> NodeProcess:
        return self.deployment[name]

    async def authenticate(self, number: int) -> None:
        """Authenticate one of 300 sessions, which the nodes take from each other."""
        node = self[SERVING[(number + number // 300) % 3]]
        await self.nad.authenticate(node, f"moving-{number % 300}", f"02:00:00:00:20:{number % 256:02X}")

    async def account(self, number: int) -> None:
        """Report a session that nobody has reported."""
        await self.nad.account(self[SERVING[number % 3]], f"{id(self.nad):X}-{number}")

    async def restart_broker(self) -> None:
        await asyncio.to_thread(self.broker.start)

    async def check_stored(self) -> None:
        """Expect every accounting record that was acknowledged in MNT's store, once."""
        await self.deployment.wait_stored(self.nad.answered)
        stored = self.deployment.count_stored()
        assert {name: stored[name] for name in self.nad.answered if stored[name] != 1} == {}

    async def count_alarms(self) -> int:
        """Count the nodes that have told MNT of a broken link, each as often as it has."""
        return len([alarm for alarm in (await self[MNT].ask("/snapshot"))["alarms"] if alarm["server"] in SERVING])


@pytest.fixture(scope="module")
def processes(rabbitmq_server: RabbitMqServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), broker=rabbitmq_server.url)
    yield deployment
    deployment.end()


@pytest.fixture
async def lab(processes: Deployment, rabbitmq: RabbitMqServer) -> AsyncIterator[Lab]:
    processes["psn4"].kill()
    await processes.start()
    lab = Lab(processes, rabbitmq)
    yield lab
    lab.nad.close()


async def test_session_of_one_node_is_known_to_all_and_to_one_that_joins_later(lab: Lab) -> None:
    await lab.nad.authenticate(lab["psn1"], "shared", MAC)
    shared = await lab.deployment.wait_equal({"shared"})
    assert (shared["shared"]["psn"], shared["shared"]["mac"]) == ("psn1", MAC)

    async def is_monitored() -> bool:
        sessions = (await lab[MNT].ask("/snapshot"))["sessions"]
        return any(session["session_id"] == "shared" and session["acs_server"] == "psn1" for session in sessions)

    await wait_until(is_monitored, "the monitoring node does not know the session")
    await lab.deployment.start(["psn4"])
    await lab.deployment.wait_equal({"shared"}, (*NODES, "psn4"))


async def test_every_acknowledged_record_is_stored_once_though_the_monitoring_node_was_killed(lab: Lab) -> None:
    async with offering(lab.account, rate=200):
        await lab.nad.wait_answered(300)
        lab[MNT].kill()
        await lab.nad.wait_answered(200)
        await lab[MNT].start()
        await lab.nad.wait_answered(200)
        lab[MNT].kill()
        lab.broker.kill()
        await lab.nad.wait_answered(200)
        await asyncio.gather(lab.restart_broker(), lab[MNT].start())
        await lab.nad.wait_answered(200)
    assert lab.nad.unanswered == {}
    await lab.check_stored()


async def test_replicas_are_equal_and_nobody_waited_though_the_broker_was_killed(lab: Lab) -> None:
    alarms = await lab.count_alarms()
    async with offering(lab.authenticate, rate=500):
        await lab.nad.wait_answered(1000)
        lab.broker.kill()
        await lab.nad.wait_answered(700)
        await lab.restart_broker()
        await lab.nad.wait_answered(1000)
    assert lab.nad.unanswered == {}
    for name in NODES:
        await lab.deployment.wait_link(name, "up")
    shared = await lab.deployment.wait_equal(lab.nad.answered)
    assert {shared[name]["psn"] for name in lab.nad.answered} == set(SERVING)
    assert await lab.count_alarms() == alarms + len(SERVING)


async def test_nodes_serve_before_there_is_a_broker_and_catch_up_once_there_is(lab: Lab) -> None:
    lab.deployment.end()
    lab.broker.kill()
    await lab.deployment.begin()
    for name in NODES:
        assert "cannot be reached" in await lab.deployment.wait_link(name, "degraded")
    accounted = Nad(lab.deployment.device_address)
    for name in SERVING:
        await lab.nad.authenticate(lab[name], f"early-{name}")
        await accounted.account(lab[name], f"early-{name}")
    accounted.close()
    assert lab.nad.unanswered == accounted.unanswered == {}
    await lab["psn1"].stop()  # this forgets its sessions; its log records wait for its next life
    await asyncio.gather(lab["psn1"].start(), lab.restart_broker())
    await lab.deployment.wait_equal({"early-psn2", "early-psn3"})
    await lab.deployment.wait_stored(accounted.answered)


async def test_frozen_broker_holds_up_no_request(lab: Lab) -> None:
    async with offering(lab.account, rate=100):
        await lab.nad.wait_answered(50)
        lab.broker.freeze()
        await lab.nad.authenticate(lab["psn1"], "frozen")
        assert await lab.deployment.wait_link("psn1", "degraded")
        await lab.nad.wait_answered(50)
        lab.broker.thaw()
        await lab.nad.wait_answered(50)
    assert lab.nad.unanswered == {}
    await lab.deployment.wait_equal({"frozen"})
    lab.nad.answered.pop("frozen")
    await lab.check_stored()


async def test_killed_node_gets_sessions_again_and_has_the_attributes_that_it_acknowledged(lab: Lab) -> None:
    psn2 = lab["psn2"]
    await lab.nad.authenticate(lab["psn1"], "others")
    await lab.nad.authenticate(psn2, "own", MAC)
    await lab.deployment.wait_equal({"others", "own"})
    await report_posture(psn2, "own")
    psn2.kill()
    await lab.deployment.start()
    await lab.deployment.wait_equal({"others", "own"})
    attributes = (await psn2.ask("/snapshot"))["endpoint_attributes"]
    assert [(found["mac"], found["name"], found["node"]) for found in attributes] == [(MAC, POSTURE_EXPIRY, "psn2")]

    async def have_all() -> bool:
        held = [(await lab[name].ask("/snapshot"))["endpoint_attributes"] for name in SERVING]
        return held == [attributes] * len(SERVING)

    await wait_until(have_all, "the other nodes lack an endpoint attribute")


async def test_no_acknowledged_record_is_lost_though_every_node_was_stopped_in_turn(lab: Lab) -> None:
    async with offering(lab.account, rate=100):
        for name in NODES:
            await lab.nad.wait_answered(50)
            await lab[name].stop()
            await lab[name].start()
        await lab.nad.wait_answered(50)
    assert lab[MNT].is_running
    await lab.check_stored()


async def test_second_node_of_a_name_says_so(lab: Lab) -> None:
    twin, namesake = lab.deployment.make_twin("psn1"), lab.deployment.make_namesake("psn1")
    twin.begin()
    namesake.begin()
    try:
        assert await twin.wait_end() == 2
        (sentence,) = twin.read_output().splitlines()
        assert "psn1.sqlite is in use by another process or node" in sentence
        await namesake.wait_ready()

        async def is_refused() -> bool:
            link = (await namesake.ask("/ready"))["link"]
            assert link["state"] == "degraded"
            return bool(link["reason"].endswith("; labs at one broker need names of their own"))

        await wait_until(is_refused, "the second node does not say what is wrong")
    finally:
        namesake.kill()


async def report_posture(node: NodeProcess, session_id: str) -> None:
    """Speak as an agent that nothing is required of."""
    request = PostureRequest(session_id=session_id, macs=(MAC,), os="Windows", user_agent=AGENT)
    tls = ssl.create_default_context(cafile=node.read_certificate())
    headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
    url = f"https://{node.address}:8443{POSTURE_PATH}"
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as client,
        client.post(
            url, data=encode_posture_request(request), headers=headers, server_hostname=f"{node.name}.lab.test"
        ) as response,
    ):
        assert response.status == 200, await response.text()
