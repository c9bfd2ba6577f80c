"""A policy service node in this process: its parts without its ports, or the whole on ports of the machine's choice."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trustme

from nac.node.journal import Journal
from nac.node.runtime import Runtime
from psn.node import PolicyServiceNode
from radius.dictionary import Dictionary, load_default
from tests.psn.bench import Bench, BuildBench, HandClock
from tests.psn.collector import Collector
from tests.psn.deployment import make_config
from tests.psn.internode import BuildTls, make_internode_tls
from tests.psn.nad import Nad
from tests.psn.scripted_mnt import ScriptedMnt

BuildNode = Callable[..., PolicyServiceNode]


@pytest.fixture(scope="session")
def dictionary() -> Dictionary:
    return load_default()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.sock.close()


@pytest.fixture
def build_bench(dictionary: Dictionary, collector: Collector) -> Iterator[BuildBench]:
    benches: list[Bench] = []

    def build(**changes: Any) -> Bench:
        benches.append(Bench(dictionary, collector, **changes))
        return benches[-1]

    yield build
    for bench in benches:
        bench.sender.close()


@pytest.fixture
def bench(build_bench: BuildBench) -> Bench:
    return build_bench()


@pytest.fixture
async def build_node(collector: Collector) -> AsyncIterator[BuildNode]:
    """Build nodes that are not yet started; all are stopped at the end."""
    nodes: list[PolicyServiceNode] = []
    clock = HandClock()
    journal = Journal(clock)

    def build(**changes: Any) -> PolicyServiceNode:
        runtime = Runtime(node="psn1", clock=clock, random=random.Random(1), journal=journal)
        nodes.append(PolicyServiceNode(make_config(collector, **changes), runtime))
        return nodes[-1]

    yield build
    for node in nodes:
        await node.stop()


@pytest.fixture
async def nad() -> AsyncIterator[Nad]:
    nad = Nad()
    yield nad
    nad.close()


@pytest.fixture(scope="session")
def lab_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def mnt(lab_authority: trustme.CA) -> AsyncIterator[ScriptedMnt]:
    mnt = ScriptedMnt(lab_authority)
    await mnt.start()
    yield mnt
    await mnt.stop()


@pytest.fixture
def build_tls(lab_authority: trustme.CA) -> BuildTls:
    """Make the contexts of the node of an address."""
    return lambda address: make_internode_tls(lab_authority, address)
