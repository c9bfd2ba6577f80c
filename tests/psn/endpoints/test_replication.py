"""All nodes know the attributes of all endpoints, whatever they have missed, as far as their links allow."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from ldd.digest import BUCKETS
from ldd.embedded import EmbeddedBroker
from ldd.outbox import Outbox
from ldd.retelling import COALESCING_DELAY
from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime
from posturelab.clock import LabClock, LabLoop
from psn.endpoints.attribute import EndpointAttribute
from psn.endpoints.replication import DIGEST_TOPIC, TOPIC, EndpointReplication
from psn.endpoints.store import EndpointStore

MAC, OTHER_MAC = "02:00:00:00:10:01", "02:00:00:00:10:02"
EXPIRY = "PostureExpiry"


class Node:
    """What replicates of one node."""

    def __init__(self, name: str, broker: EmbeddedBroker) -> None:
        clock = LabClock(asyncio.get_running_loop())
        self.journal = Journal(clock)
        self.runtime = Runtime(node=name, clock=clock, random=random.Random(1), journal=self.journal)
        self.link = broker.link(name)
        self.store = EndpointStore(self.runtime)
        self.replication = EndpointReplication(self.runtime, store=self.store, link=self.link)

    @property
    def content(self) -> list[EndpointAttribute]:
        return self.store.list_attributes(range(BUCKETS))

    def list_events(self, event: str) -> list[JournalRecord]:
        return [record for record in self.journal if record.event == event]

    async def start(self) -> None:
        self.replication.start()
        await self.link.start()

    async def stop(self) -> None:
        await self.replication.stop()
        await self.link.stop()


class Deployment:
    """Nodes psn1 to psn3 on one broker, on a clock that jumps."""

    def __init__(self) -> None:
        self.broker = EmbeddedBroker()
        self.nodes = [Node(f"psn{number}", self.broker) for number in (1, 2, 3)]

    async def start(self) -> None:
        for node in self.nodes:
            await node.start()

    async def stop(self) -> None:
        for node in self.nodes:
            await node.stop()

    async def settle(self) -> None:
        """Wait until a question has been asked and answered."""
        await asyncio.sleep(10 * COALESCING_DELAY.total_seconds())

    @property
    def is_equal(self) -> bool:
        first, *others = self.nodes
        return all(node.content == first.content for node in others)


Story = Callable[[Deployment], Coroutine[Any, Any, None]]


def play(story: Story) -> None:
    """Play a story on virtual time; what reaches the loop's exception handler fails it."""
    failures: list[dict[str, Any]] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        deployment = Deployment()
        try:
            await story(deployment)
        finally:
            await deployment.stop()

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
        runner.run(work())
    assert failures == []


def test_what_is_set_on_one_node_is_known_on_all() -> None:
    async def story(deployment: Deployment) -> None:
        await deployment.start()
        first, *others = deployment.nodes
        first.store.set_attribute(MAC, EXPIRY, "1")
        await asyncio.sleep(0.01)
        assert [node.store.attributes_of(MAC) for node in others] == [{EXPIRY: "1"}] * 2
        (record,) = others[0].list_events("endpoint-attribute-merged")
        assert (record.reason, record.facts["set_by"]) == ("psn1 has set it", "psn1")

    play(story)


def test_node_that_joins_learns_what_the_others_know() -> None:
    async def story(deployment: Deployment) -> None:
        first, second, late = deployment.nodes
        await first.start()
        await second.start()
        first.store.set_attribute(MAC, EXPIRY, "1")
        second.store.set_attribute(OTHER_MAC, EXPIRY, "2")
        await deployment.settle()
        await late.start()
        await deployment.settle()
        assert late.store.attributes_of(MAC) == {EXPIRY: "1"}
        assert late.store.attributes_of(OTHER_MAC) == {EXPIRY: "2"}

    play(story)


def test_node_that_joins_tells_what_the_others_do_not_know() -> None:
    """As after a restart from its file, with all others started anew."""

    async def story(deployment: Deployment) -> None:
        *others, late = deployment.nodes
        at = late.runtime.clock.now()
        known = [EndpointAttribute(mac=mac, name=EXPIRY, value="1", at=at, node="psn3") for mac in (MAC, OTHER_MAC)]
        late.store.merge(known)
        for node in (*others, late):
            await node.start()
        await deployment.settle()
        assert [node.content for node in others] == [known] * 2

    play(story)


def test_nodes_that_were_apart_agree_on_the_later_value() -> None:
    async def story(deployment: Deployment) -> None:
        await deployment.start()
        first, second, _ = deployment.nodes
        deployment.broker.cut("psn1")
        second.store.set_attribute(MAC, EXPIRY, "earlier")
        await asyncio.sleep(1)
        first.store.set_attribute(MAC, EXPIRY, "later")
        second.store.set_attribute(OTHER_MAC, EXPIRY, "other")
        await deployment.settle()
        assert not deployment.is_equal
        deployment.broker.restore("psn1")
        await deployment.settle()
        assert deployment.is_equal
        assert {attribute.value for attribute in first.content} == {"later", "other"}

    play(story)


def test_nodes_agree_after_the_broker_has_failed_with_records_under_way() -> None:
    async def story(deployment: Deployment) -> None:
        await deployment.start()
        for number in range(2_000):
            node = deployment.nodes[number % 3]
            node.store.set_attribute(f"02:00:00:00:{number // 256:02X}:{number % 256:02X}", EXPIRY, str(number))
            if number % 10 == 0:
                await asyncio.sleep(0)
        deployment.broker.fail()
        await deployment.settle()
        deployment.broker.recover()
        await deployment.settle()
        assert deployment.is_equal
        assert len(deployment.nodes[0].content) == 2_000

    play(story)


def test_node_whose_queue_was_full_asks_for_what_it_missed() -> None:
    async def story(deployment: Deployment) -> None:
        deployment.broker = EmbeddedBroker(queue_limit=2)
        first, second = deployment.nodes = [Node(name, deployment.broker) for name in ("psn1", "psn2")]
        await deployment.start()
        deployment.broker.cut("psn2")
        for number in range(10):
            first.store.set_attribute(f"02:00:00:00:10:{number:02X}", EXPIRY, str(number))
            await asyncio.sleep(0.01)
        deployment.broker.restore("psn2")
        await deployment.settle()
        assert deployment.is_equal
        assert len(second.content) == 10

    play(story)


def test_nodes_that_agree_have_nothing_to_say() -> None:
    async def story(deployment: Deployment) -> None:
        await deployment.start()
        first, second, third = deployment.nodes
        first.store.set_attribute(MAC, EXPIRY, "1")
        await deployment.settle()
        deployment.broker.cut("psn3")
        deployment.broker.restore("psn3")
        await deployment.settle()
        assert [len(node.journal) for node in (first, second, third)] == [1, 1, 1]

    play(story)


def test_damaged_records_are_refused_in_one_journal_record_and_the_others_taken() -> None:
    async def story(deployment: Deployment) -> None:
        await deployment.start()
        first, second, _ = deployment.nodes
        first.link.publish(TOPIC, "a", b'{"mac": "nobody"}')
        first.link.publish(TOPIC, "b", b"17")
        first.store.set_attribute(MAC, EXPIRY, "1")
        await asyncio.sleep(0.01)
        assert second.store.attributes_of(MAC) == {EXPIRY: "1"}
        (record,) = second.list_events("endpoint-record-refused")
        assert record.reason == "not an endpoint attribute: mac is no MAC address"
        assert record.facts == {"sender": "psn1", "records": 2}

    play(story)


def test_damaged_digest_is_refused_and_answered_by_nobody() -> None:
    async def story(deployment: Deployment) -> None:
        await deployment.start()
        first, second, _ = deployment.nodes
        first.link.publish(DIGEST_TOPIC, "", b"{}")
        await deployment.settle()
        (record,) = second.list_events("endpoint-record-refused")
        assert record.reason == "not a digest: it is neither question nor answer"

    play(story)


@pytest.mark.parametrize("at", [2**33 - 1, 2**33 - 1e-6])
def test_attribute_from_later_than_any_clock_is_refused_and_stops_nobody(at: float) -> None:
    async def story(deployment: Deployment) -> None:
        await deployment.start()
        first, second, _ = deployment.nodes
        members = {"mac": MAC, "attribute": EXPIRY, "value": "1", "at": at, "node": "psn1"}
        first.link.publish(TOPIC, "a", json.dumps(members).encode())
        await deployment.settle()
        assert second.store.attributes_of(MAC) == {}
        assert len(second.list_events("endpoint-record-refused")) == 1
        second.store.set_attribute(MAC, EXPIRY, "2")
        await deployment.settle()
        assert first.store.attributes_of(MAC) == {EXPIRY: "2"}

    play(story)


def test_what_was_dropped_at_its_sender_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldd.link_state.Outbox", partial(Outbox, record_limit=300))

    async def story(deployment: Deployment) -> None:
        await deployment.start()
        first, *_ = deployment.nodes
        for number in range(1_000):
            first.store.set_attribute(f"02:00:00:00:{number // 256:02X}:{number % 256:02X}", EXPIRY, str(number))
        await deployment.settle()
        assert deployment.is_equal

    play(story)


def test_stopped_node_takes_nothing_and_answers_nobody_until_it_starts_again() -> None:
    async def story(deployment: Deployment) -> None:
        await deployment.start()
        first, second, third = deployment.nodes
        second.store.set_attribute(OTHER_MAC, EXPIRY, "0")
        await deployment.settle()
        await first.replication.stop()
        second.store.set_attribute(MAC, EXPIRY, "1")
        deployment.broker.cut("psn3")
        deployment.broker.restore("psn3")
        await deployment.settle()
        assert first.store.attributes_of(MAC) == {}
        assert third.store.attributes_of(MAC) == {EXPIRY: "1"}
        first.replication.start()
        await deployment.settle()
        assert deployment.is_equal

    play(story)


def test_story_is_the_same_whenever_it_is_played() -> None:
    def collect() -> list[list[tuple[timedelta, str, str]]]:
        journals: list[list[tuple[timedelta, str, str]]] = []

        async def story(deployment: Deployment) -> None:
            zero = deployment.nodes[0].runtime.clock.now()
            await deployment.start()
            for node in deployment.nodes:
                node.store.set_attribute(MAC, EXPIRY, node.runtime.node)
            deployment.broker.fail()
            await deployment.settle()
            deployment.broker.recover()
            await deployment.settle()
            assert deployment.is_equal
            journals.extend([(r.at - zero, r.event, r.reason) for r in node.journal] for node in deployment.nodes)

        play(story)
        return journals

    assert collect() == collect()
