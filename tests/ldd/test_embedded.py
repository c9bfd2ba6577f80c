"""What is the embedded broker's own: faults of single links, bounds, and turns of the loop."""

from __future__ import annotations

import asyncio

import pytest

from ldd.embedded import EmbeddedBroker
from ldd.link import Delivery, LinkEvent
from posturelab.clock import LabLoop
from tests.ldd.link_harness import Inbox, number, start_all, stop_all


async def turn_often() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_one_node_can_be_cut_off_and_misses_nothing() -> None:
    broker = EmbeddedBroker()
    psn1, psn2, psn3 = (Inbox(broker.link(name)) for name in ("psn1", "psn2", "psn3"))
    await start_all(psn1, psn2, psn3)
    broker.cut("psn2", reason="a cable was pulled")
    psn1.link.publish("session", "a", b"1")
    psn2.link.publish("session", "b", b"2")
    await turn_often()
    assert psn3.values == [1]
    assert psn2.values == []
    assert psn2.events[1:] == [(LinkEvent.DOWN, "a cable was pulled")]
    broker.restore("psn2")
    broker.restore("psn2")
    await turn_often()
    assert psn2.values == [1]
    assert sorted(psn3.values) == [1, 2]
    assert psn2.kinds == [LinkEvent.UP, LinkEvent.DOWN, LinkEvent.UP]
    assert psn3.kinds == [LinkEvent.UP]
    await stop_all(psn1, psn2, psn3)


async def test_a_node_may_be_cut_off_before_it_starts() -> None:
    broker = EmbeddedBroker()
    broker.cut("psn1")
    psn1 = Inbox(broker.link("psn1"))
    await psn1.link.start()
    assert psn1.events == [(LinkEvent.DOWN, "the link is cut")]
    broker.fail()
    broker.restore("psn1")
    assert not psn1.link.is_up
    broker.recover()
    assert psn1.link.is_up
    assert psn1.kinds == [LinkEvent.DOWN, LinkEvent.DOWN, LinkEvent.UP]
    await stop_all(psn1)


async def test_a_link_always_tells_what_is_in_its_way_now() -> None:
    broker = EmbeddedBroker()
    psn1 = Inbox(broker.link("psn1"))
    await start_all(psn1)
    broker.fail()
    broker.fail()
    broker.cut("psn1")
    broker.recover()
    broker.fail(reason="it has failed again")
    broker.restore("psn1")
    told = ["the broker has failed", "the link is cut", "it has failed again"]
    assert psn1.events[1:] == [(LinkEvent.DOWN, reason) for reason in told]
    await stop_all(psn1)


async def test_a_broker_that_recovers_leaves_a_cut_link_cut() -> None:
    broker = EmbeddedBroker()
    psn1, psn2 = Inbox(broker.link("psn1")), Inbox(broker.link("psn2"))
    await start_all(psn1, psn2)
    broker.cut("psn1")
    broker.fail()
    broker.recover()
    assert psn1.kinds == [LinkEvent.UP, *[LinkEvent.DOWN] * 3]
    assert psn1.events[-1] == (LinkEvent.DOWN, "the link is cut")
    assert psn2.kinds == [LinkEvent.UP, LinkEvent.DOWN, LinkEvent.UP]
    await stop_all(psn1, psn2)


async def test_records_under_way_are_lost_with_the_broker_and_that_is_noticed() -> None:
    broker = EmbeddedBroker()
    psn1, psn2 = Inbox(broker.link("psn1")), Inbox(broker.link("psn2"))
    await start_all(psn1, psn2)
    psn1.link.publish("session", "a", b"1")
    await turn_often()
    broker.cut("psn2")
    psn1.link.publish("session", "a", b"2")
    await turn_often()
    broker.fail()
    broker.recover()
    broker.restore("psn2")
    psn1.link.publish("session", "a", b"3")
    await turn_often()
    assert psn2.values == [1, 3]
    assert psn2.events[-1] == (LinkEvent.MISSED, "1 of the messages of psn1 did not arrive")
    await stop_all(psn1, psn2)


async def test_a_full_queue_drops_the_oldest_and_whoever_missed_them_is_told() -> None:
    broker = EmbeddedBroker(queue_limit=3)
    psn1, psn2 = Inbox(broker.link("psn1")), Inbox(broker.link("psn2"))
    await start_all(psn1, psn2)
    psn1.link.publish("session", "a", b"0")
    await turn_often()
    broker.cut("psn2")
    for record in number(5, begin=1):
        psn1.link.publish("session", "a", record)
        await turn_often()
    broker.restore("psn2")
    await turn_often()
    assert psn2.values == [0, 3, 4, 5]
    assert psn2.events[-1] == (LinkEvent.MISSED, "2 of the messages of psn1 did not arrive")
    await stop_all(psn1, psn2)


async def test_a_full_mailbox_makes_letters_wait_at_their_sender() -> None:
    broker = EmbeddedBroker(mailbox_limit=2)
    psn1, mnt1 = Inbox(broker.link("psn1")), Inbox(broker.link("mnt1"), mailboxes=["mnt1"])
    await start_all(psn1)
    for letter in number(9):
        psn1.link.post("mnt1", letter)
        await turn_often()
    assert psn1.kinds == [LinkEvent.UP]
    await start_all(mnt1)
    assert await mnt1.wait_for_letters(9) == list(range(9))
    assert [delivery.first for delivery in mnt1.deliveries] == [1, 2, 3]
    await stop_all(psn1, mnt1)


async def test_a_long_queue_does_not_hold_the_loop() -> None:
    broker = EmbeddedBroker()
    psn1, psn2 = Inbox(broker.link("psn1")), Inbox(broker.link("psn2"))
    await start_all(psn1, psn2)
    broker.cut("psn2")
    for record in number(1000):
        psn1.link.publish("session", "a", record)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    broker.restore("psn2")
    await asyncio.sleep(0)
    assert 0 < len(psn2.values) < 1000
    await turn_often()
    assert psn2.values == list(range(1000))
    await stop_all(psn1, psn2)


async def test_a_link_that_was_cut_gives_its_receiver_again_what_was_under_way() -> None:
    broker = EmbeddedBroker()
    psn1, mnt1 = Inbox(broker.link("psn1")), Inbox(broker.link("mnt1"))
    gate, begun = asyncio.Event(), list[int]()

    async def receive(delivery: Delivery) -> None:
        begun.append(delivery.first)
        await gate.wait()

    mnt1.link.receive("mnt1", receive)
    await start_all(psn1, mnt1)
    for letter in number(3):
        psn1.link.post("mnt1", letter)
        await turn_often()
    broker.cut("mnt1")
    gate.set()
    await turn_often()
    broker.restore("mnt1")
    await turn_often()
    assert begun == [1, 2, 3, 1, 2, 3]
    await stop_all(psn1, mnt1)


async def test_a_node_cannot_be_linked_twice() -> None:
    broker = EmbeddedBroker()
    first, second = broker.link("psn1"), broker.link("psn1")
    await first.start()
    with pytest.raises(ValueError, match="a node named psn1 is linked already"):
        await second.start()
    await first.stop()
    await second.start()
    await second.stop()


def test_an_idle_link_needs_no_time() -> None:
    """A virtual loop with nothing to do is at a standstill: nobody polls."""

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        broker = EmbeddedBroker()
        psn1, mnt1 = Inbox(broker.link("psn1")), Inbox(broker.link("mnt1"), mailboxes=["mnt1"])
        await start_all(psn1, mnt1)
        instants = [loop.time()]
        await asyncio.sleep(3600)
        psn1.link.post("mnt1", b"1")
        await mnt1.wait_for_letters(1)
        instants.append(loop.time())
        assert all(timer.cancelled() for timer in loop._scheduled)  # type: ignore[attr-defined]
        await stop_all(psn1, mnt1)
        return instants

    with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=True)) as runner:
        assert runner.run(run()) == [0.0, 3600.0]
