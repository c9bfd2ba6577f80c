"""Attributes of endpoints beyond their sessions: which value counts, and what a restart or a kill leaves of them."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.digest import BUCKETS
from nac.node.database import DatabaseError, DatabaseInUseError
from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime
from psn.endpoints.attribute import EndpointAttribute
from psn.endpoints.store import SHARE, EndpointStore
from tests.psn.bench import HandClock
from tests.psn.deployment import NOW

MAC, OTHER_MAC = "02:00:00:00:10:01", "02:00:00:00:10:02"
EXPIRY = "PostureExpiry"


class Node:
    """A store and its surroundings."""

    def __init__(self, path: Path | None = None) -> None:
        self.clock = HandClock()
        self.journal = Journal(self.clock)
        runtime = Runtime(node="psn1", clock=self.clock, random=random.Random(1), journal=self.journal)
        self.store = EndpointStore(runtime, path=path)

    def list_events(self) -> list[JournalRecord]:
        return list(self.journal)


def build_attribute(value: str, *, seconds: int = 0, node: str = "psn2", mac: str = MAC) -> EndpointAttribute:
    return EndpointAttribute(mac=mac, name=EXPIRY, value=value, at=NOW + timedelta(seconds=seconds), node=node)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "psn1.sqlite"


def test_unknown_endpoint_has_no_attributes() -> None:
    assert Node().store.attributes_of(MAC) == {}


def test_attribute_is_kept_for_its_endpoint_alone_and_may_change() -> None:
    store = Node().store
    store.set_attribute(MAC, EXPIRY, "1")
    store.set_attribute(MAC, EXPIRY, "2")
    store.set_attribute(MAC, "Other", "3")
    assert store.attributes_of(MAC) == {EXPIRY: "2", "Other": "3"}
    assert store.attributes_of(OTHER_MAC) == {}


def test_what_is_set_is_told_to_the_listener_with_instant_and_node_and_is_in_the_journal() -> None:
    node = Node()
    told: list[EndpointAttribute] = []
    node.store.listen(told.append)
    node.store.set_attribute(MAC, EXPIRY, "1")
    assert told == [build_attribute("1", node="psn1")]
    (record,) = node.list_events()
    assert (record.event, record.reason) == ("endpoint-attribute-set", "set here, for all nodes")
    assert record.facts == {"mac": MAC, "attribute": EXPIRY, "value": "1"}


def test_value_set_here_outdoes_one_of_a_node_whose_clock_is_ahead() -> None:
    node = Node()
    told: list[EndpointAttribute] = []
    node.store.listen(told.append)
    node.store.merge([build_attribute("1", seconds=3600)])
    node.store.set_attribute(MAC, EXPIRY, "2")
    assert node.store.attributes_of(MAC) == {EXPIRY: "2"}
    assert told[0].at == NOW + timedelta(seconds=3600, microseconds=1)


@pytest.mark.parametrize(
    ("attribute", "is_taken"),
    [
        (build_attribute("2", seconds=1, node="psn0"), True),
        (build_attribute("2", seconds=-1), False),
        (build_attribute("2", node="psn2"), True),
        (build_attribute("2", node="psn0"), False),
        (build_attribute("1", node="psn1"), False),
    ],
    ids=["later", "earlier", "same instant on a later node", "same instant on an earlier node", "the same"],
)
def test_of_two_values_the_later_one_counts(attribute: EndpointAttribute, is_taken: bool) -> None:  # noqa: FBT001
    node = Node()
    node.store.set_attribute(MAC, EXPIRY, "1")
    node.store.merge([attribute])
    assert node.store.attributes_of(MAC) == {EXPIRY: "2" if is_taken else "1"}
    assert len(node.list_events()) == 1 + is_taken


def test_merge_says_whose_value_it_is_and_why_it_counts() -> None:
    node = Node()
    node.store.merge([build_attribute("1"), build_attribute("2", seconds=1, node="psn3")])
    reasons = [(record.event, record.reason) for record in node.list_events()]
    assert reasons == [
        ("endpoint-attribute-merged", "psn2 has set it"),
        ("endpoint-attribute-merged", "psn3 has set it, later than what was known here"),
    ]
    assert node.list_events()[1].facts == {"mac": MAC, "attribute": EXPIRY, "value": "2", "set_by": "psn3"}


ATTRIBUTES = st.lists(
    st.builds(
        build_attribute,
        st.sampled_from("123"),
        seconds=st.integers(0, 3),
        node=st.sampled_from(("psn1", "psn2")),
        mac=st.sampled_from((MAC, OTHER_MAC)),
    )
)


@given(ATTRIBUTES, st.randoms(use_true_random=False))
def test_stores_agree_whatever_the_order_and_number_of_copies(
    attributes: list[EndpointAttribute], chance: random.Random
) -> None:
    first, second = Node().store, Node().store
    first.merge(attributes)
    copies = attributes * 2
    chance.shuffle(copies)
    for attribute in copies:
        second.merge([attribute])
    assert first.digest.shares == second.digest.shares
    assert first.list_attributes(range(BUCKETS)) == second.list_attributes(range(BUCKETS))


@given(ATTRIBUTES, ATTRIBUTES)
def test_the_digest_differs_for_the_buckets_that_differ_and_no_others(
    ours: list[EndpointAttribute], theirs: list[EndpointAttribute]
) -> None:
    first, second = Node().store, Node().store
    first.merge(ours)
    second.merge(theirs)
    for bucket in range(BUCKETS):
        is_equal = first.list_attributes({bucket}) == second.list_attributes({bucket})
        assert (first.digest.find(SHARE, bucket) == second.digest.find(SHARE, bucket)) == is_equal


async def test_store_without_a_file_keeps_what_it_knows_from_one_life_to_the_next() -> None:
    store = Node().store
    for _ in range(2):
        await store.open()
        store.set_attribute(MAC, EXPIRY, "1")
        await store.settled()
        await store.close()
    assert store.attributes_of(MAC) == {EXPIRY: "1"}


async def test_store_with_a_file_finds_what_was_set_and_merged(path: Path) -> None:
    node, later = Node(path), Node(path)
    store = node.store
    await store.open()
    store.set_attribute(MAC, EXPIRY, "1")
    store.merge([build_attribute("2", mac=OTHER_MAC)])
    store.set_attribute(MAC, EXPIRY, "3")
    shares = store.digest.select({SHARE: set(range(BUCKETS))})
    await store.close()
    assert store.attributes_of(MAC) == {}
    node.clock.advance(seconds=1)
    later.clock.advance(seconds=1)
    for other in (store, later.store):
        await other.open()
        assert other.attributes_of(MAC) == {EXPIRY: "3"}
        assert other.attributes_of(OTHER_MAC) == {EXPIRY: "2"}
        assert other.digest.select({SHARE: set(range(BUCKETS))}) == shares
        await other.close()
        await other.close()


async def test_instants_that_lie_ahead_are_pulled_back_for_good(path: Path) -> None:
    """As after a run in which the lab's clock leapt: set again they would lie ahead still, and others refuse that."""
    node = Node(path)
    await node.store.open()
    node.store.merge([build_attribute("2", seconds=-1, mac=OTHER_MAC)])
    node.clock.advance(days=10)
    node.store.set_attribute(MAC, EXPIRY, "1")
    await node.store.close()
    for _ in range(2):
        node = Node(path)
        await node.store.open()
        kept = [build_attribute("1", node="psn1"), build_attribute("2", seconds=-1, mac=OTHER_MAC)]
        assert node.store.list_attributes(range(BUCKETS)) == kept
        await node.store.close()
    node = Node(path)
    told: list[EndpointAttribute] = []
    node.store.listen(told.append)
    node.clock.advance(seconds=-1)
    await node.store.open()
    node.clock.advance(seconds=1)
    node.store.set_attribute(MAC, EXPIRY, "3")
    assert told == [build_attribute("3", node="psn1")]
    await node.store.close()


async def test_file_has_one_user_and_one_kind_of_content(path: Path) -> None:
    first, second = Node(path).store, Node(path).store
    await first.open()
    with pytest.raises(DatabaseInUseError):
        await second.open()
    await second.close()
    await first.close()


def test_damaged_file_is_left_alone(path: Path) -> None:
    path.write_bytes(b"no database")
    store = Node(path).store

    async def work() -> None:
        with pytest.raises(DatabaseError):
            await store.open()
        await store.close()

    asyncio.run(work())
    assert path.read_bytes() == b"no database"


PROGRAM = """
import asyncio, random, resource, sys
from pathlib import Path
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from posturelab.clock import LabClock
from psn.endpoints.store import EndpointStore

async def main():
    clock = LabClock(asyncio.get_running_loop())
    journal = Journal(clock)
    runtime = Runtime(node="psn1", clock=clock, random=random.Random(1), journal=journal)
    store = EndpointStore(runtime, path=Path(sys.argv[1]))
    await store.open()
    {body}

asyncio.run(main())
"""

KILLED = """
    for number in range(1_000_000):
        store.set_attribute("{mac}", "PostureExpiry", str(number))
        await store.settled()
        print(number, flush=True)
"""

FULL = """
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    store.set_attribute("{mac}", "PostureExpiry", "x" * 1_000_000)
    await store.settled()
    await asyncio.sleep(0)
    print(*(record.event for record in journal))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    store.set_attribute("{mac}", "PostureExpiry", "7")
    await store.close()
"""


def start_program(body: str, path: Path) -> subprocess.Popen[str]:
    source = PROGRAM.format(body=body.strip().format(mac=MAC))
    root = Path(__file__).parents[3]
    return subprocess.Popen([sys.executable, "-c", source, path], stdout=subprocess.PIPE, text=True, cwd=root)


async def read_expiry(path: Path) -> str:
    store = Node(path).store
    await store.open()
    expiry = store.attributes_of(MAC)[EXPIRY]
    await store.close()
    return expiry


async def test_kill_loses_nothing_that_was_settled(path: Path) -> None:
    with start_program(KILLED, path) as process:
        assert process.stdout is not None
        lines: Iterator[str] = iter(process.stdout)
        acknowledged = [int(next(lines)) for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        acknowledged += map(int, lines)
    assert int(await read_expiry(path)) >= acknowledged[-1]


async def test_disk_that_takes_no_more_is_in_the_journal_and_keeps_nobody_waiting(path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    with start_program(FULL, path) as process:
        output, _ = process.communicate(timeout=30)
    assert output.split() == ["endpoint-attribute-set", "endpoint-store-failed"]
    assert await read_expiry(path) == "7"
