"""Programs that nobody here wrote, in front of a policy service node that runs in this process on a real loop.

A program that is missing skips its test on a person's machine and fails it where ``CI`` is ``true``.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import IPv4Network

import pytest

from nac.node.clock import SystemClock
from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime
from psn.config import (
    AuthorizationProfile,
    AuthorizationRule,
    Condition,
    Dacl,
    KnownEndpoint,
    PsnConfig,
    PsnPorts,
    Redirect,
    User,
)
from psn.node import PolicyServiceNode
from psn.posture.policy import PostureSettings
from radius.client_table import Client
from radius.secret import Secret

HOST = "127.0.1.1"
SECRET = "testing123"
PORTAL_ID = "0ce17ad0-6d90-11e5-978e-005056bf2f0a"


@dataclass(frozen=True)
class Outcome:
    """How a program has ended, and all that it has printed."""

    status: int
    output: str


async def run_program(name: str, *arguments: str, given: str = "") -> Outcome:
    """Run a program with text on its standard input, on the loop that serves it too."""
    path = shutil.which(name)
    if path is None:
        missing = f"{name} is not installed (Debian: apt install freeradius-utils)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        path, *arguments, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate(given.encode())
    return Outcome(process.returncode or 0, output.decode("utf-8", "replace"))


class House:
    """A running node and its journal."""

    def __init__(self, node: PolicyServiceNode, journal: Journal) -> None:
        self.node = node
        self.journal = journal

    def address(self, port: str) -> str:
        return f"{HOST}:{self.node.ports[port]}"

    async def radclient(
        self,
        command: str,
        attributes: str,
        *,
        port: str = "authentication",
        secret: str = SECRET,
        to: str = "",
        options: tuple[str, ...] = ("-r", "1", "-t", "5"),
    ) -> Outcome:
        """Let radclient send one request; `to` is another address than a port of the node's."""
        arguments = ("-x", *options, to or self.address(port), command, secret)
        return await run_program("radclient", *arguments, given=attributes)

    async def radtest(self, *arguments: str) -> Outcome:
        """Let radtest log in; it asks for a NAS port, and here is told the address of the NAS too."""
        return await run_program("radtest", *arguments, self.address("authentication"), "0", SECRET, "0", "127.0.3.1")

    def list_records(self, event: str) -> list[JournalRecord]:
        return [record for record in self.journal if record.event == event]


class LossyRelay:
    """A network between a device and the node that loses the first `lost` replies."""

    def __init__(self, port: int, *, lost: int) -> None:
        self.requests: list[bytes] = []
        self.replies: list[bytes] = []
        self._lost = lost
        self._device: tuple[str, int] | None = None
        self._near, self._far = self._open(self._forward), self._open(self._return)
        self._far.connect((HOST, port))

    def _open(self, read: object) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(sock, read)  # type: ignore[arg-type]
        return sock

    @property
    def address(self) -> str:
        return "{}:{}".format(*self._near.getsockname())

    def _forward(self) -> None:
        data, self._device = self._near.recvfrom(4096)
        self.requests.append(data)
        self._far.send(data)

    def _return(self) -> None:
        data = self._far.recv(4096)
        self.replies.append(data)
        if len(self.replies) > self._lost and self._device is not None:
            self._near.sendto(data, self._device)

    def close(self) -> None:
        for sock in (self._near, self._far):
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()


def make_rule(name: str, profile: str, word: str = "", value: str = "") -> AuthorizationRule:
    conditions = (Condition(attribute=word, values=(value,)),) if word else ()
    return AuthorizationRule(name=name, profile=profile, conditions=conditions)


def make_config() -> PsnConfig:
    users = [
        User(name="alice", password="lab-alice", groups=("Employees",)),
        User(name="User", password="clientPass", groups=("Employees",)),
    ]
    return PsnConfig(
        name="psn1",
        fqdn="psn1.lab.test",
        address=HOST,
        ports=PsnPorts(authentication=(0, 0), accounting=(0, 0), portal=0, posture=0),
        clients=(Client(name="lab", network=IPv4Network("127.0.0.0/8"), secret=Secret(SECRET)),),
        users={user.name: user for user in users},
        endpoints={"02:00:00:00:10:01": KnownEndpoint(mac="02:00:00:00:10:01", groups=("Workstations",))},
        profiles={
            "Posture-Redirect": AuthorizationProfile(
                name="Posture-Redirect",
                dacl="POSTURE-PENDING",
                redirect=Redirect(acl="ACL-POSTURE-REDIRECT", portal=PORTAL_ID),
            )
        },
        dacls={"POSTURE-PENDING": Dacl(name="POSTURE-PENDING", lines=("deny ip any any",), version=0x65B4F5CB)},
        rules=(make_rule("Endpoints", "Posture-Redirect", "method", "Lookup"), make_rule("Users", "PermitAccess")),
        posture=PostureSettings(),
        tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )


@pytest.fixture
async def house() -> AsyncIterator[House]:
    journal = Journal(SystemClock())
    runtime = Runtime(node="psn1", clock=SystemClock(), random=random.Random(1), journal=journal)
    node = PolicyServiceNode(make_config(), runtime)
    await node.start()
    yield House(node, journal)
    await node.stop()


@pytest.fixture
async def relay(house: House) -> AsyncIterator[LossyRelay]:
    """A relay that loses the first reply on its way."""
    relay = LossyRelay(house.node.ports["authentication"], lost=1)
    yield relay
    relay.close()
