"""What a lab over a message broker begins with: what was left there, or nothing of it."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ldd.link import LinkEvent
from posturelab.topology.file import open_topology, relocate
from tests.ldd.link_harness import Inbox, RabbitHarness, start_all, stop_all
from tests.mnt.conftest import LetterMaker
from tests.posturelab.command_line import get, refuse, running, stop, wait_for_line
from tests.posturelab.test_over_rabbitmq import post, wait_until
from tests.rabbitmq_server import RabbitMqServer, find_free_ports


@pytest.fixture
def campus(tmp_path: Path, block: int) -> Path:
    path = tmp_path / "campus.yaml"
    control = {"address": f"127.{block}.0.1", "port": 0}
    content = relocate(open_topology("campus"), block).content
    path.write_text(json.dumps(content | {"name": f"campus-{random.getrandbits(32):x}", "control": control}))
    return path


def leave_letter(server: RabbitMqServer, deployment: str, session_id: str, *, mailbox: str = "mnt1") -> None:
    """Do what a node does whose lab ends while its monitoring node is away."""

    async def leave() -> None:
        harness = RabbitHarness(server)
        harness.deployment = deployment
        psn = Inbox(harness.link("psn9"))
        await start_all(psn)
        psn.link.post(mailbox, json.dumps(LetterMaker("psn9").make(5200, session_id)).encode())
        await stop_all(psn)

    asyncio.run(leave())


def test_what_waits_at_the_broker_is_forgotten_only_when_that_is_asked_for(
    rabbitmq: RabbitMqServer, campus: Path, tmp_path: Path
) -> None:
    ready = tmp_path / "ready.json"
    deployment = json.loads(campus.read_text())["name"]
    arguments = ["up", campus, "--quiet", "--state-dir", tmp_path / "state", "--ready-file", ready]
    for options, known in (([], {"S1", "S3"}), (["--fresh"], {"S3"})):
        leave_letter(rabbitmq, deployment, "S1")
        with running(*arguments, "--broker", rabbitmq.url, *options) as process:
            wait_for_line(process, "Ctrl-C ends the lab.")
            leave_letter(rabbitmq, deployment, "S3")
            control = json.loads(ready.read_text())["control"]

            def list_sessions(control: str = control) -> set[str]:
                return {session["session_id"] for session in get(f"{control}/snapshot")["mnts"]["mnt1"]["sessions"]}

            wait_until(lambda: "S3" in list_sessions())
            assert list_sessions() == known
            stop(process, signal.SIGINT)


def test_a_reset_forgets_what_waits_at_the_broker_where_that_is_possible(
    rabbitmq: RabbitMqServer, campus: Path, tmp_path: Path
) -> None:
    ready = tmp_path / "ready.json"
    mailbox = f"posturelab.{json.loads(campus.read_text())['name']}.log.psn1"
    arguments = ["up", campus, "--quiet", "--state-dir", tmp_path / "state", "--ready-file", ready]
    with running(*arguments, "--broker", rabbitmq.url) as process:
        wait_for_line(process, "Ctrl-C ends the lab.")
        control = json.loads(ready.read_text())["control"]
        leave_letter(rabbitmq, json.loads(campus.read_text())["name"], "S1", mailbox="psn1")
        assert mailbox in rabbitmq.control("list_queues", "name")
        assert post(f"{control}/reset", {})["not_forgotten"] == ""
        assert mailbox not in rabbitmq.control("list_queues", "name")
        wait_until(lambda: all(link["state"] == "up" for link in get(f"{control}/ready")["links"].values()))
        rabbitmq.kill()
        told = post(f"{control}/reset", {})["not_forgotten"]
        rabbitmq.start()
        stop(process, signal.SIGINT)
    refused = f"amqp://127.0.0.1:{rabbitmq.port}: the broker cannot be reached: Connection refused"
    assert told == f"what waits at the broker is not forgotten, and comes when the broker is back: {refused}"


@asynccontextmanager
async def namesakes(server: RabbitMqServer, deployment: str, *nodes: str) -> AsyncIterator[None]:
    """Connect nodes as another lab of the same name does; they stay connected throughout."""
    harness = RabbitHarness(server)
    harness.deployment = deployment
    others = [Inbox(harness.link(node)) for node in nodes]
    await start_all(*others)
    yield
    assert [other.kinds for other in others] == [[LinkEvent.UP]] * len(nodes)
    await stop_all(*others)


def test_a_fresh_lab_takes_nothing_from_a_lab_of_its_name_that_runs(
    rabbitmq: RabbitMqServer, campus: Path, tmp_path: Path
) -> None:
    name = json.loads(campus.read_text())["name"]
    kept = tmp_path / "state" / name / "psn1.spool"
    kept.parent.mkdir(parents=True)
    kept.write_text("kept")

    async def start_beside_it() -> str:
        arguments = ["up", campus, "--fresh", "--state-dir", tmp_path / "state", "--broker", rabbitmq.url]
        async with namesakes(rabbitmq, name, "psn1", "psn2"):
            return await asyncio.to_thread(refuse, *arguments)

    reason = f"nodes of a lab named {name} are connected to the broker already (psn1, psn2)"
    told = f"posturelab: {campus}:1: name: {reason}: end them, or give this lab another name"
    assert asyncio.run(start_beside_it()) == told
    assert kept.read_text() == "kept"


def test_a_reset_takes_nothing_from_nodes_of_another_lab_of_its_name(
    rabbitmq: RabbitMqServer, campus: Path, tmp_path: Path
) -> None:
    ready = tmp_path / "ready.json"
    name = json.loads(campus.read_text())["name"]
    arguments = ["up", campus, "--quiet", "--state-dir", tmp_path / "state", "--ready-file", ready]

    def reset() -> str:
        return str(post(f"{json.loads(ready.read_text())['control']}/reset", {})["not_forgotten"])

    async def reset_twice() -> list[str]:
        async with AsyncExitStack() as others:
            await others.enter_async_context(namesakes(rabbitmq, name, "psn1"))  # before the lab's own psn1
            with running(*arguments, "--broker", rabbitmq.url) as process:
                await asyncio.to_thread(wait_for_line, process, "Ctrl-C ends the lab.")
                beside = await asyncio.to_thread(reset)
                await others.aclose()
                alone = await asyncio.to_thread(reset)
                await asyncio.to_thread(stop, process, signal.SIGINT)
        return [beside, alone]

    reason = f"nodes of a lab named {name} are connected to the broker already (psn1)"
    told = f"what waits at the broker is not forgotten: {reason}: end them, or give this lab another name"
    assert asyncio.run(reset_twice()) == [told, ""]


def test_a_broker_that_is_away_forgets_nothing_and_that_is_said(campus: Path, tmp_path: Path) -> None:
    (free,) = find_free_ports(1)
    url = f"amqp://127.0.0.1:{free}"
    with running("up", campus, "--fresh", "--state-dir", tmp_path / "state", "--broker", url) as process:
        lines = wait_for_line(process, "Ctrl-C ends the lab.")
        stop(process, signal.SIGINT)
    refused = f"{url}: the broker cannot be reached: Connection refused"
    assert lines[0] == f"what waits at the broker is not forgotten, and comes when the broker is back: {refused}"
