"""What a link has told of itself."""

from __future__ import annotations

import asyncio

from ldd.embedded import EmbeddedBroker
from ldd.link import Delivery, LinkEvent
from posturelab.link_watch import TELL_TIMEOUT, LinkWatch, wait_until_told


async def test_a_link_is_degraded_until_it_is_up_and_when_it_is_cut() -> None:
    broker = EmbeddedBroker()
    link = broker.link("psn1")
    watch = LinkWatch(link)
    assert watch.describe() == {"state": "degraded", "reason": "the broker has not answered yet", "last_loss": ""}
    await link.start()
    await wait_until_told([watch])
    assert (watch.is_up, watch.render()) == (True, "up")
    broker.cut("psn1", reason="somebody has cut it")
    assert (watch.is_up, watch.render()) == (False, "degraded, somebody has cut it")
    broker.fail(reason="nothing listens there")
    assert watch.reason == "nothing listens there"
    broker.recover()
    assert watch.reason == "somebody has cut it"
    broker.restore("psn1")
    assert watch.is_up
    await link.stop()


async def test_a_loss_is_remembered_and_says_nothing_of_the_link() -> None:
    watchers = []
    link = EmbeddedBroker().link("psn1")
    link.watch = watchers.append  # type: ignore[method-assign]
    watch = LinkWatch(link)
    losses = (LinkEvent.MISSED, LinkEvent.DROPPED, LinkEvent.UNREADABLE, LinkEvent.SPOOL_FAILED)
    for event in (LinkEvent.UP, *losses):
        watchers[0](event, event.name.lower())
    assert watch.describe() == {"state": "up", "reason": "", "last_loss": "spool_failed"}


async def test_a_mailbox_that_is_not_emptied_degrades_a_link_that_is_up() -> None:
    broker = EmbeddedBroker()
    link = broker.link("mnt1")

    async def receive(delivery: Delivery) -> None:
        raise AssertionError

    link.receive("mnt1", receive)
    watch = LinkWatch(link)
    broker.get_mailbox("mnt1").put(b'{"schemaVersion":2,"node":"psn1"}', lambda: None)
    await link.start()
    for _ in range(3):
        for _ in range(10):
            await asyncio.sleep(0)
        assert watch.render() == (
            "degraded, letters to mnt1 wait for a newer release of this node: "
            "psn1 writes schema version 2, and this release knows 1"
        )
        assert link.is_up
        broker.cut("mnt1")
        broker.restore("mnt1")
    await link.stop()


async def test_a_broker_that_says_nothing_is_not_waited_for_for_long() -> None:
    began = asyncio.get_running_loop().time()
    await wait_until_told([LinkWatch(EmbeddedBroker().link("psn1"))])
    assert asyncio.get_running_loop().time() - began == TELL_TIMEOUT
