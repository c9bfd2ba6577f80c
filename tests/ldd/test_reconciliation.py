"""Replicas that have missed something: who is asked, who answers, how much is sent, and that it comes to an end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldd.digest import Digest, Parts, find_bucket
from ldd.embedded import EmbeddedBroker
from ldd.link import Json, LinkEvent
from ldd.reconciliation import PATIENCE, Reconciliation
from ldd.retelling import COALESCING_DELAY
from posturelab.clock import LabLoop


class Node:
    """A replica of versions by share and key, on a link."""

    def __init__(self, name: str, broker: EmbeddedBroker) -> None:
        self.name = name
        self.digest = Digest()
        self.held: dict[tuple[str, str], int] = {}
        self.link = broker.link(name)
        self.questions = 0
        self.answers: list[int] = []
        self.refusals: list[str] = []
        self.link.subscribe("record", self._take)
        self.reconciliation = Reconciliation(self, node=name, link=self.link, topic="digest", record_topic="record")

    def hold(self, share: str, key: str, version: int = 1) -> None:
        known = self.held.get((share, key), 0)
        if version > known:
            if known:
                self.digest.remove(share, find_bucket(key), f"{key} {known}")
            self.held[share, key] = version
            self.digest.add(share, find_bucket(key), f"{key} {version}")

    def publish(self, share: str, key: str, version: int) -> None:
        self.hold(share, key, version)
        self.link.publish("record", f"{share} {key}", json.dumps([share, key, version]).encode())

    def walk(self, parts: Parts) -> Iterator[Sequence[tuple[str, bytes]]]:
        for (share, key), version in tuple(self.held.items()):
            if find_bucket(key) in parts.get(share, ()):
                yield [(f"{share} {key}", json.dumps([share, key, version]).encode())]

    def note_question(self, why: str) -> None:
        self.questions += 1

    def note_answer(self, shares: Collection[str], count: int) -> None:
        self.answers.append(count)

    def refuse(self, sender: str, reason: str) -> None:
        self.refusals.append(reason)

    async def start(self) -> None:
        self.reconciliation.start()
        await self.link.start()

    async def stop(self) -> None:
        await self.reconciliation.stop()
        await self.link.stop()

    def _take(self, sender: str, records: Sequence[Json]) -> None:
        for share, key, version in records:
            self.hold(share, key, version)


class Deployment:
    """Nodes a to e on one broker, and an ear that counts the messages of the exchange."""

    def __init__(self) -> None:
        self.broker = EmbeddedBroker()
        self.nodes = [Node(name, self.broker) for name in "abcde"]
        self.messages = 0

    async def listen(self) -> None:
        def count(_: str, messages: Sequence[Json]) -> None:
            self.messages += len(messages)

        ear = self.broker.link("ear")
        ear.subscribe("digest", count)
        await ear.start()

    async def start(self, *nodes: Node) -> None:
        for node in nodes or self.nodes:
            await node.start()

    def bounce(self, node: Node) -> None:
        self.broker.cut(node.name)
        self.broker.restore(node.name)

    async def settle(self) -> None:
        """Let everything end, and see that it has."""
        await asyncio.sleep(5)
        before = self.messages
        await asyncio.sleep(60)
        assert self.messages == before, "the exchange has ended"

    def check_equal(self) -> None:
        for node in self.nodes:
            assert node.held == self.nodes[0].held, node.name
            assert node.refusals == []

    def count_answers(self) -> int:
        return sum(sum(node.answers) for node in self.nodes)


def tell(story: Callable[[Deployment], Coroutine[Any, Any, None]]) -> None:
    """Tell a story on virtual time; whatever reaches the loop's exception handler fails it."""
    failures: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        deployment = Deployment()
        await deployment.listen()
        try:
            await story(deployment)
        finally:
            for node in deployment.nodes:
                await node.stop()

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
        runner.run(run())
    assert failures == []


def test_of_a_dead_owner_one_node_tells_and_of_a_live_one_the_owner() -> None:
    async def story(lab: Deployment) -> None:
        *full, _ = lab.nodes
        for node in full:
            for number in range(500):
                node.hold("dead", str(number))
                node.hold("b", str(number))
        await lab.start()
        await lab.settle()
        lab.check_equal()
        assert [sum(node.answers) for node in lab.nodes] == [0, 500, 0, 500, 0]

    tell(story)


def test_an_owner_that_begins_empty_is_told_what_was_its_own() -> None:
    async def story(lab: Deployment) -> None:
        _, *others = lab.nodes
        for node in others:
            for number in range(100):
                node.hold("a", str(number))
        await lab.start()
        await lab.settle()
        lab.check_equal()
        assert lab.count_answers() == 100

    tell(story)


def test_several_that_join_at_once_are_told_together() -> None:
    async def story(lab: Deployment) -> None:
        first, second, *joiners = lab.nodes
        for node in (first, second):
            for number in range(1000):
                node.hold("dead", str(number))
        await lab.start()
        await lab.settle()
        lab.check_equal()
        assert lab.count_answers() == 1000
        assert [node.questions for node in joiners] == [1, 1, 1]

    tell(story)


def test_only_buckets_that_differ_are_told_again() -> None:
    async def story(lab: Deployment) -> None:
        for node in lab.nodes:
            for number in range(5000):
                node.hold("a", str(number))
        lab.nodes[3].hold("a", "7", version=2)
        await lab.start()
        await lab.settle()
        lab.check_equal()
        bucket = sum(find_bucket(str(number)) == find_bucket("7") for number in range(5000))
        assert bucket <= lab.count_answers() <= 4 * bucket < 200

    tell(story)


def test_no_more_is_asked_for_at_once_than_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldd.reconciliation.WINDOW", 100)

    async def story(lab: Deployment) -> None:
        *full, _ = lab.nodes
        for node in full:
            for number in range(2000):
                node.hold(f"dead{number % 2}", str(number))
        await lab.start()
        await lab.settle()
        lab.check_equal()
        assert len(full[3].answers) > 10
        assert max(full[3].answers) < 150
        assert lab.count_answers() == 2000

    tell(story)


def test_what_each_alone_holds_all_hold_when_one_has_asked() -> None:
    async def story(lab: Deployment) -> None:
        for number, node in enumerate(lab.nodes):
            await node.start()
            node.hold("dead", str(number))
            node.hold("dead", "common", version=number + 1)
        lab.bounce(lab.nodes[0])
        await lab.settle()
        lab.check_equal()

    tell(story)


def test_a_node_that_dies_while_it_tells_is_replaced_by_another() -> None:
    async def story(lab: Deployment) -> None:
        *full, joiner = lab.nodes
        for node in full:
            for number in range(500):
                node.hold("dead", str(number))
        await lab.start(*full)
        await lab.settle()
        teller = full[-1]
        await joiner.start()
        await asyncio.sleep(2.5 * COALESCING_DELAY.total_seconds())
        assert lab.count_answers() == 0, "it is asked, and has not answered yet"
        await teller.stop()
        await asyncio.sleep(PATIENCE.total_seconds())
        await lab.settle()
        assert joiner.held == full[0].held

    tell(story)


def test_damaged_messages_are_refused_and_those_for_others_ignored() -> None:
    async def story(lab: Deployment) -> None:
        await lab.start()
        await lab.settle()
        sender, receiver, *_ = lab.nodes
        sender.hold("a", "1")
        for number, message in enumerate(({}, 1, {"to": "b", "wants": 1}, {"to": "c", "wants": {"a": [0]}})):
            sender.link.publish("digest", str(number), json.dumps(message).encode())
        receiver.link.publish("digest", "told", json.dumps({"to": "a", "told": {"a": []}}).encode())
        await lab.settle()
        assert len(receiver.refusals) == 3
        assert receiver.answers == sender.answers == []

    tell(story)


def test_a_node_that_has_stopped_neither_asks_nor_answers() -> None:
    async def story(lab: Deployment) -> None:
        first, second, *_ = lab.nodes
        first.hold("a", "1")
        await lab.start()
        await first.reconciliation.stop()
        await first.reconciliation.stop()
        lab.bounce(first)
        lab.bounce(second)
        await lab.settle()
        assert second.held == {}
        assert first.answers == []
        first.reconciliation.start()
        await lab.settle()
        lab.check_equal()

    tell(story)


held = st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abxy"), st.integers(0, 5), st.integers(1, 3)))
steps = st.lists(
    st.tuples(
        st.sampled_from(("publish", "bounce", "cut", "restore", "forget", "stop", "start", "wait")),
        st.integers(0, 4),
        st.integers(0, 5),
    ),
    max_size=25,
)


async def take(lab: Deployment, what: str, node: Node, key: int, version: int) -> None:
    match what:
        case "publish":
            node.publish(node.name, str(key), version)
        case "bounce":
            lab.bounce(node)
        case "cut" | "restore":
            getattr(lab.broker, what)(node.name)
        case "forget":
            node.link.forget_queue()
        case "stop" | "start":
            await getattr(node, what)()
        case _:
            await asyncio.sleep(0.05 * key)


@settings(max_examples=150, deadline=None)
@given(held, steps)
def test_replicas_become_equal_whatever_they_held_and_whatever_happens_meanwhile(
    begin: list[tuple[int, str, int, int]], history: list[tuple[str, int, int]]
) -> None:
    """Owners x and y are dead; several may ask at once, and records change during the exchange."""

    async def story(lab: Deployment) -> None:
        for number, share, key, version in begin:
            lab.nodes[number].hold(share, str(key), version)
        await lab.start()
        for version, (what, number, key) in enumerate(history, 10):
            await take(lab, what, lab.nodes[number], key, version)
        for node in lab.nodes:
            await node.start()
            lab.broker.restore(node.name)
            lab.bounce(node)
        await lab.settle()
        lab.check_equal()
        assert lab.messages < 600

    tell(story)


def test_the_exchange_ends_while_sessions_change_all_the_time() -> None:
    async def story(lab: Deployment) -> None:
        for node in lab.nodes[:-1]:
            for number in range(2000):
                node.hold("dead", str(number))
        await lab.start()
        for version in range(2, 2000):
            for node in lab.nodes:
                node.publish(node.name, str(version % 100), version)
            await asyncio.sleep(0.005)
        asked = lab.messages
        for version in range(2000, 3000):
            lab.nodes[0].publish("a", str(version % 100), version)
            await asyncio.sleep(0.005)
        assert lab.messages == asked
        await lab.settle()
        lab.check_equal()
        assert lab.count_answers() < 5000

    tell(story)


@pytest.mark.parametrize(
    ("event", "questions"), [(LinkEvent.MISSED, 1), (LinkEvent.UNREADABLE, 0), (LinkEvent.HELD, 0)]
)
def test_only_what_may_have_been_missed_is_asked_for(event: LinkEvent, questions: int) -> None:
    """Neither what another release writes nor letters would come by asking."""

    async def story(lab: Deployment) -> None:
        await lab.start()
        await lab.settle()
        before = lab.nodes[0].questions
        lab.nodes[0].link._state.tell(event, "because of a test")
        await lab.settle()
        assert lab.nodes[0].questions == before + questions

    tell(story)
