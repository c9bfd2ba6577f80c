"""How replicas that may have missed something become equal again; for sessions and endpoint attributes alike.

A node whose link comes up, or that misses records, asks: it publishes the digest of its replica. Whoever holds other
records offers them, telling the fingerprints of the buckets that differ (`ldd.digest`), and takes the question for an
offer of what the asker holds. Of those that offer a share a node chooses one: the owner if it is among them, else who
holds most; so a dead owner's records come from one node, and all choose the same. From it the node wants the buckets,
some 10,000 records at a time, so that no queue overflows; they are published for all, since others lack the same.
Where offers differed the asker asks again and chooses nobody twice: each time it holds what one more of them does. So
all that have spoken hold the union of what they held, and the exchange ends, also while sessions change.

This is ours, ISE's way is not public. Messages: docs/messaging.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from ldd.digest import (
    BUCKETS,
    EMPTY,
    DigestError,
    Parts,
    Shares,
    decode_parts,
    decode_shares,
    encode_parts,
    encode_shares,
    select,
)
from ldd.link import Json, Link, LinkEvent
from ldd.replica import Replica
from ldd.retelling import COALESCING_DELAY, Retelling
from nac.node.owned_tasks import OwnedTasks

PATIENCE = timedelta(seconds=30)
"""How long a node that was asked for records may be busy before it is given up."""

WINDOW = 10_000
"""Records asked for at once, or a bucket of each share where that holds more."""


class Reconciliation:
    """One replica's part in the exchange, between `start` and `stop`."""

    def __init__(self, replica: Replica, *, node: str, link: Link, topic: str, record_topic: str) -> None:
        """Subscribe to `topic`; records go out on the other."""
        self._replica = replica
        self._node = node
        self._link = link
        self._topic = topic
        self._tasks = OwnedTasks()
        self._is_running = False
        self._why: str | None = None
        self._offers: dict[str, Shares] = {}
        self._questions: dict[str, Shares] = {}
        self._chosen: set[tuple[str, str]] = set()
        self._is_catching_up = False
        self._told: asyncio.Future[bool] | None = None
        self._teller = ""
        self._retelling = Retelling(
            replica, node=node, link=link, topic=record_topic, finish=lambda sender: self._publish("told", True, sender)
        )
        link.subscribe(topic, self._take)
        link.watch(self._on_link)

    def start(self) -> None:
        """Ask, now or when the link is up, and answer."""
        self._is_running = True
        if self._link.is_up:
            self._ask("the node starts")

    async def stop(self) -> None:
        """Neither ask nor answer any more; a second call does nothing."""
        self._is_running = False
        await self._tasks.cancel()
        await self._retelling.stop()
        self._is_catching_up = False
        self._why = self._told = None
        self._offers.clear()
        self._questions.clear()
        self._chosen.clear()

    def _on_link(self, event: LinkEvent, why: str) -> None:
        """Ask where something may have been missed, here or, by what was dropped here, elsewhere."""
        if not self._is_running:
            return
        if event is LinkEvent.DOWN:
            self._end_wait(is_told=False)
        elif self._link.is_up and event not in (LinkEvent.UNREADABLE, LinkEvent.HELD):
            self._ask(why)

    def _take(self, sender: str, messages: Sequence[Json]) -> None:
        if not self._is_running:
            return
        for message in messages:
            try:
                self._dispatch(sender, message)
            except DigestError as error:
                self._replica.refuse(sender, str(error))

    def _dispatch(self, sender: str, message: Json) -> None:
        match message:
            case {"asks": shares}:
                self._offer(sender, decode_shares(shares))
            case {"to": str(to)} if to != self._node:
                return
            case {"to": _, "offers": shares}:
                self._offers[sender] = decode_shares(shares)
                self._catch_up_soon()
            case {"to": _, "wants": parts}:
                self._retelling.want(sender, decode_parts(parts))
            case {"to": _, "told": True}:
                if sender == self._teller:
                    self._end_wait(is_told=True)
            case _:
                raise DigestError("it is neither question nor answer")

    def _publish(self, what: str, value: Json, to: str = "") -> None:
        message = {"to": to, what: value} if to else {what: value}
        self._link.publish(self._topic, f"{what} {to}", json.dumps(message, separators=(",", ":")).encode())

    def _ask(self, why: str) -> None:
        self._why = self._why or why
        self._catch_up_soon()

    def _catch_up_soon(self) -> None:
        if not self._is_catching_up:
            self._is_catching_up = True
            self._tasks.spawn(self._catch_up(), name=f"{self._node} catches up on {self._topic}")

    async def _catch_up(self) -> None:
        """Ask, and take up what is offered, until there is neither; where the link falls the next UP begins anew."""
        while self._why is not None or self._offers or self._questions:
            await asyncio.sleep(COALESCING_DELAY.total_seconds())
            if self._why is not None:
                await self._link.drain()  # so that the others have by then what waits here
                why, self._why = self._why, None
                self._chosen.clear()
                if self._question():
                    self._replica.note_question(why)
            elif await self._take_up():
                self._chosen.clear()
            elif self._why is None:
                self._question()
        self._is_catching_up = False

    def _question(self) -> bool:
        """Tell the others what this replica holds, and forget what was offered to an earlier question."""
        self._offers.clear()
        if self._link.is_up:
            self._publish("asks", encode_shares(self._replica.digest.shares))
        return self._link.is_up

    async def _take_up(self) -> bool:
        """Hold what the best of those hold that offer; whether the others offer the same, or were best before."""
        offers, questions = self._select_new(self._offers), self._select_new(self._questions)
        self._offers.clear()
        self._questions.clear()
        everything = questions | offers
        best = _choose(everything)
        self._chosen |= best.items()
        for teller in sorted(set(best.values())):
            theirs = {share: everything[teller][share] for share, name in best.items() if name == teller}
            for window in self._cut(theirs):
                if not await self._fetch(teller, window):
                    return False
        return not any(self._select_new(self._offers).values()) and all(
            buckets == everything[best[share]][share] for shares in offers.values() for share, buckets in shares.items()
        )

    def _select_new(self, offers: Mapping[str, Shares]) -> dict[str, Shares]:
        """Select what is offered by nodes that were not chosen for that since this one has asked."""
        return {
            name: {share: buckets for share, buckets in shares.items() if (share, name) not in self._chosen}
            for name, shares in offers.items()
        }

    def _cut(self, shares: Shares) -> Iterator[Parts]:
        """Cut what may be missing here at the time into windows."""
        window: dict[str, set[int]] = {}
        count = 0
        for bucket in range(BUCKETS):
            for share, buckets in shares.items():
                theirs = buckets.get(bucket, EMPTY)
                if theirs not in (EMPTY, self._replica.digest.find(share, bucket)):
                    window.setdefault(share, set()).add(bucket)
                    count += theirs[0]
            if count >= WINDOW:
                yield window
                window, count = {}, 0
        if window:
            yield window

    async def _fetch(self, teller: str, parts: Parts) -> bool:
        """Wait until a node has told records again; False where it does not."""
        if not self._link.is_up:
            return False
        self._teller, self._told = teller, asyncio.get_running_loop().create_future()
        self._publish("wants", encode_parts(parts), teller)
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await self._told
        except TimeoutError:
            return False
        finally:
            self._told = None

    def _end_wait(self, *, is_told: bool) -> None:
        if self._told is not None and not self._told.done():
            self._told.set_result(is_told)

    def _offer(self, sender: str, shares: Shares) -> None:
        """Tell a node that asks what is different here, and note what is so there."""
        differing = self._replica.digest.find_differing(shares)
        if differing:
            self._publish("offers", encode_shares(self._replica.digest.select(differing)), sender)
            self._questions[sender] = select(shares, differing)
            self._catch_up_soon()


def _choose(offers: Mapping[str, Shares]) -> dict[str, str]:
    """Choose for each share who is to tell it."""
    best: dict[str, tuple[bool, int, str]] = {}
    for name, shares in offers.items():
        for share, buckets in shares.items():
            count = sum(count for count, _ in buckets.values())
            rank = (name == share and count > 0, count, name)
            best[share] = max(best.get(share, rank), rank)
    return {share: name for share, (_, _, name) in sorted(best.items())}
