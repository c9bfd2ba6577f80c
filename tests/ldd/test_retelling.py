"""Records that are told again: once for all who want them, and no longer than anybody hears it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from typing import Any

from ldd.digest import Digest, Parts
from ldd.embedded import EmbeddedBroker
from ldd.retelling import COALESCING_DELAY, Retelling
from posturelab.clock import LabLoop
from tests.ldd.link_harness import Inbox

STEPS = 3


class Node:
    """A replica of a few records that walks in steps, whatever is wanted."""

    def __init__(self) -> None:
        self.digest = Digest()
        self.broker = EmbeddedBroker()
        self.link = self.broker.link("a")
        self.wanted: list[Parts] = []
        self.answers: list[tuple[set[str], int]] = []
        self.finished: list[str] = []
        self.after_step: Callable[[], None] = lambda: None
        self.retelling = Retelling(
            self, node="a", link=self.link, topic="session", finish=lambda node: self.finished.append(node)
        )

    def walk(self, parts: Parts) -> Iterator[Sequence[tuple[str, bytes]]]:
        self.wanted.append(parts)
        for step in range(STEPS):
            yield [(str(step), str(step).encode())]
            self.after_step()

    def note_question(self, why: str) -> None:
        raise AssertionError

    def note_answer(self, shares: Collection[str], count: int) -> None:
        self.answers.append((set(shares), count))

    def refuse(self, sender: str, reason: str) -> None:
        raise AssertionError


def tell(story: Callable[[Node, Inbox], Coroutine[Any, Any, None]]) -> None:
    """Tell a story on virtual time, with somebody who listens."""

    async def run() -> None:
        node = Node()
        ear = Inbox(node.broker.link("ear"))
        await ear.link.start()
        await node.link.start()
        await story(node, ear)
        await node.retelling.stop()
        await node.link.stop()
        await ear.link.stop()

    with asyncio.Runner(loop_factory=LabLoop) as runner:
        runner.run(run())


def test_what_several_want_is_told_once_and_each_hears_that_it_is() -> None:
    async def story(node: Node, ear: Inbox) -> None:
        node.retelling.want("c", {"psn1": {1, 2}})
        node.retelling.want("b", {"psn1": {2, 3}, "psn2": {4}})
        await asyncio.sleep(2 * COALESCING_DELAY.total_seconds())
        assert node.wanted == [{"psn1": {1, 2, 3}, "psn2": {4}}]
        assert ear.values == list(range(STEPS))
        assert (node.answers, node.finished) == ([({"psn1", "psn2"}, STEPS)], ["b", "c"])

    tell(story)


def test_what_is_wanted_while_others_are_told_comes_next() -> None:
    async def story(node: Node, ear: Inbox) -> None:
        def want_more() -> None:
            node.after_step = lambda: None
            node.retelling.want("c", {"psn2": {1}})

        node.after_step = want_more
        node.retelling.want("b", {"psn1": {1}})
        await asyncio.sleep(3 * COALESCING_DELAY.total_seconds())
        assert node.wanted == [{"psn1": {1}}, {"psn2": {1}}]
        assert node.finished == ["b", "c"]

    tell(story)


def test_a_link_that_falls_ends_the_telling() -> None:
    async def story(node: Node, ear: Inbox) -> None:
        node.after_step = lambda: node.broker.cut("a")
        node.retelling.want("b", {"psn1": {1}})
        await asyncio.sleep(2 * COALESCING_DELAY.total_seconds())
        assert node.answers == [({"psn1"}, 2)], "the second step is the first that finds the link down"

    tell(story)


def test_who_has_stopped_tells_nothing_and_can_begin_anew() -> None:
    async def story(node: Node, ear: Inbox) -> None:
        node.retelling.want("b", {"psn1": {1}})
        await node.retelling.stop()
        await asyncio.sleep(2 * COALESCING_DELAY.total_seconds())
        assert (node.wanted, node.finished) == ([], [])
        node.retelling.want("b", {"psn1": {1}})
        await asyncio.sleep(2 * COALESCING_DELAY.total_seconds())
        assert node.finished == ["b"]

    tell(story)
