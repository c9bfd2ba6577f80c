"""What every link promises, asked of both back ends: the broker object of a lab, and a real RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from ldd.envelope import decode_letters
from ldd.link import Delivery, LinkEvent, NotTakenError
from tests.ldd.link_harness import (
    PATIENCE,
    EmbeddedHarness,
    Harness,
    Inbox,
    RabbitHarness,
    hasten,
    number,
    set_farewell,
    start_all,
    stop_all,
)


@pytest.fixture(params=["embedded", "rabbitmq"])
def harness(request: pytest.FixtureRequest) -> Harness:
    if request.param == "embedded":
        return EmbeddedHarness()
    return RabbitHarness(request.getfixturevalue("rabbitmq"))


@pytest.fixture
async def failures() -> list[dict[str, Any]]:
    """What was reported to the loop."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    return contexts


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(monkeypatch)


@pytest.fixture(autouse=True)
def _nothing_is_reported(failures: list[dict[str, Any]]) -> Any:
    """No test leaves a failure behind, except those that take it out of the list."""
    yield
    assert failures == []


async def test_a_record_reaches_every_other_node_and_not_its_own(harness: Harness) -> None:
    inboxes = {name: Inbox(harness.link(name)) for name in ("psn1", "psn2", "mnt1")}
    await start_all(*inboxes.values())
    inboxes["psn1"].link.publish("session", "a", b'{"id":"a"}')
    inboxes["psn2"].link.publish("session", "b", b'{"id":"b"}')
    await inboxes["psn1"].wait_for_records(1)
    await inboxes["psn2"].wait_for_records(1)
    await inboxes["mnt1"].wait_for_records(2)
    assert inboxes["psn1"].records == [("psn2", {"id": "b"})]
    assert inboxes["psn2"].records == [("psn1", {"id": "a"})]
    assert sorted(inboxes["mnt1"].records, key=str) == [("psn1", {"id": "a"}), ("psn2", {"id": "b"})]
    await stop_all(*inboxes.values())


async def test_nothing_is_delivered_while_the_publisher_still_speaks(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"), mailboxes=["psn2"])
    await start_all(psn1, psn2)
    psn1.link.publish("session", "a", b"1")
    psn1.link.post("psn2", b"2")
    assert psn2.records == []
    assert psn2.deliveries == []
    assert await psn2.wait_for_records(1) == [1]
    assert await psn2.wait_for_letters(1) == [2]
    await stop_all(psn1, psn2)


async def test_of_a_key_only_the_newest_waits(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"))
    await start_all(psn2)
    for version in number(5):
        psn1.link.publish("session", "a", version)
    psn1.link.publish("session", "b", b"9")
    await start_all(psn1)
    assert await psn2.wait_for_records(2) == [4, 9]
    await stop_all(psn1, psn2)


async def test_topics_are_kept_apart_and_those_of_others_are_ignored(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"), topics=["session"])
    endpoints = Inbox(harness.link("psn3"), topics=["endpoint"])
    await start_all(psn1, psn2, endpoints)
    for topic in ("session", "endpoint", "weather"):
        psn1.link.publish(topic, "a", f'"{topic}"'.encode())
    assert await psn2.wait_for_records(1) == ["session"]
    assert await endpoints.wait_for_records(1) == ["endpoint"]
    await stop_all(psn1, psn2, endpoints)


async def test_more_than_one_message_holds_arrives_in_order(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"), mailboxes=["psn2"])
    await start_all(psn1, psn2)
    for record in number(1700):
        psn1.link.publish("session", record.decode(), record)
        psn1.link.post("psn2", record)
    assert await psn2.wait_for_records(1700) == list(range(1700))
    assert await psn2.wait_for_letters(1700) == list(range(1700))
    assert psn2.deliveries[0].first == 1
    assert {delivery.sender for delivery in psn2.deliveries} == {"psn1"}
    assert len({delivery.stream for delivery in psn2.deliveries}) == 1
    assert LinkEvent.MISSED not in psn2.kinds
    await stop_all(psn1, psn2)


async def test_what_is_too_large_for_one_message_arrives(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"), mailboxes=["psn2"])
    await start_all(psn1, psn2)
    text = "x" * 700_000
    for key in ("a", "b", "c"):
        psn1.link.publish("session", key, f'"{key}{text}"'.encode())
        psn1.link.post("psn2", f'"{key}{text}"'.encode())
    assert await psn2.wait_for_records(3) == [f"{key}{text}" for key in "abc"]
    assert await psn2.wait_for_letters(3) == [f"{key}{text}" for key in "abc"]
    await stop_all(psn1, psn2)


async def test_drained_means_that_the_broker_has_everything(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"))
    await psn1.link.drain()  # down: there is nothing to wait for
    await start_all(psn1, psn2)
    await psn1.link.drain()
    for record in number(1200):
        psn1.link.publish("session", record.decode(), record)
    await psn1.link.drain()
    await psn1.link.stop()
    assert len(await psn2.wait_for_records(1200)) == 1200
    await stop_all(psn2)


async def test_to_drain_ends_also_while_ever_more_is_published(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"))
    await start_all(psn1, psn2)
    loop = asyncio.get_running_loop()
    count = 0

    def publish() -> None:
        nonlocal count, handle
        count += 1
        psn1.link.publish("session", str(count), str(count).encode())
        handle = loop.call_soon(publish)

    handle = loop.call_soon(publish)
    for _ in range(3):
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            await psn1.link.drain()
    handle.cancel()
    await stop_all(psn1, psn2)


async def test_a_raising_subscriber_harms_neither_publisher_nor_others(
    harness: Harness, failures: list[dict[str, Any]]
) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"))
    link = harness.link("psn3")

    def fail(_: str, records: Sequence[Any]) -> None:
        raise ZeroDivisionError

    link.subscribe("session", fail)
    psn3 = Inbox(link, topics=["endpoint"])
    await start_all(psn1, psn2, psn3)
    psn1.link.publish("session", "a", b"1")
    psn1.link.publish("endpoint", "a", b"2")
    assert await psn2.wait_for_records(1) == [1]
    assert await psn3.wait_for_records(1) == [2]
    assert [type(context["exception"]) for context in failures] == [ZeroDivisionError]
    assert failures.pop()["message"] == "psn3 failed to take records of topic session"
    await stop_all(psn1, psn2, psn3)


async def test_a_topic_and_a_mailbox_have_one_taker_at_a_node(harness: Harness) -> None:
    inbox = Inbox(harness.link("psn1"), mailboxes=["mnt1"])
    with pytest.raises(ValueError, match="psn1 takes part in topic session already"):
        inbox.link.subscribe("session", lambda _, records: None)
    with pytest.raises(ValueError, match="psn1 empties mailbox mnt1 already"):
        inbox.link.receive("mnt1", inbox._receive)


async def test_letters_wait_for_their_receiver(harness: Harness) -> None:
    psn1 = Inbox(harness.link("psn1"))
    await start_all(psn1)
    for letter in number(20):
        psn1.link.post("mnt1", letter)
    await psn1.link.stop()
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(mnt1)
    assert await mnt1.wait_for_letters(20) == list(range(20))
    await stop_all(mnt1)


async def test_letters_of_several_senders_are_told_apart(harness: Harness) -> None:
    psns = [Inbox(harness.link(f"psn{item}")) for item in (1, 2, 3)]
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(mnt1, *psns)
    for letter in range(50):
        for item, psn in enumerate(psns, 1):
            psn.link.post("mnt1", f'"psn{item}/{letter}"'.encode())
    letters = await mnt1.wait_for_letters(150)
    for item in (1, 2, 3):
        found = [letter for letter in letters if letter.startswith(f"psn{item}/")]
        assert found == [f"psn{item}/{letter}" for letter in range(50)]
    await stop_all(mnt1, *psns)


async def test_several_deliveries_may_be_under_way_at_once_and_begin_in_order(harness: Harness) -> None:
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"))
    begun: list[int] = []
    gate = asyncio.Event()

    async def receive(delivery: Delivery) -> None:
        begun.extend(delivery.letters)
        mnt1._changed.set()
        await gate.wait()

    mnt1.link.receive("mnt1", receive)
    await start_all(psn1, mnt1)
    for letter in number(1200):
        psn1.link.post("mnt1", letter)
    await mnt1.wait_for(lambda: len(begun) == 1200)
    assert begun == list(range(1200))
    gate.set()
    await stop_all(psn1, mnt1)


async def test_what_a_receiver_does_not_take_comes_again_with_all_that_followed(
    harness: Harness, failures: list[dict[str, Any]]
) -> None:
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"))
    gate = asyncio.Event()
    begun: list[int] = []
    taken: list[int] = []

    async def receive(delivery: Delivery) -> None:
        first = not gate.is_set()
        begun.extend(delivery.letters)
        mnt1._changed.set()
        await gate.wait()
        if first and delivery.first == 1:
            raise OSError("no room left")
        taken.append(delivery.first)
        mnt1._changed.set()

    mnt1.link.receive("mnt1", receive)
    await start_all(psn1, mnt1)
    for letter in number(1200):
        psn1.link.post("mnt1", letter)
    psn1.link.publish("session", "a", b"1")
    await mnt1.wait_for_records(1)
    await mnt1.wait_for(lambda: len(begun) == 1200)
    gate.set()
    await mnt1.wait_for(lambda: 1 in taken and taken[-1] > 1)
    again = taken[taken.index(1) :]
    assert again == sorted(set(again))
    assert mnt1.kinds == [LinkEvent.UP]
    assert [type(context["exception"]) for context in failures] == [OSError]
    failures.clear()
    await stop_all(psn1, mnt1)


async def test_a_receiver_that_cannot_take_letters_now_is_no_mistake(
    harness: Harness, failures: list[dict[str, Any]]
) -> None:
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"))
    taken: list[int] = []
    refusals = 2

    async def receive(delivery: Delivery) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise NotTakenError
        taken.extend(delivery.letters)
        mnt1._changed.set()

    mnt1.link.receive("mnt1", receive)
    await start_all(psn1, mnt1)
    for letter in number(20):
        psn1.link.post("mnt1", letter)
    await mnt1.wait_for(lambda: len(taken) >= 20)
    assert taken == list(range(20))
    assert failures == []
    await stop_all(psn1, mnt1)


async def test_what_a_receiver_has_not_ended_comes_again_to_its_next_life(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_farewell(monkeypatch, 0.3)
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"))
    begun = asyncio.Event()

    async def hang(delivery: Delivery) -> None:
        begun.set()
        await asyncio.sleep(3600)

    mnt1.link.receive("mnt1", hang)
    await start_all(psn1, mnt1)
    psn1.link.post("mnt1", b"1")
    await begun.wait()
    await mnt1.link.stop()
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(mnt1)
    assert await mnt1.wait_for_letters(1) == [1]
    await stop_all(psn1, mnt1)


NEWER = b'{"schemaVersion":2,"node":"psn2","stream":"5f","first":1,"letters":[9]}'


async def test_letters_of_a_newer_release_stay_until_a_node_can_read_them(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(psn1, mnt1)
    psn1.link.post("mnt1", b"1")
    await mnt1.wait_for_letters(1)
    await harness.put("mnt1", NEWER)
    reason = "letters to mnt1 wait for a newer release of this node: "
    reason += "psn2 writes schema version 2, and this release knows 1"
    assert await mnt1.wait_for_event(LinkEvent.HELD) == reason
    psn1.link.post("mnt1", b"2")
    psn1.link.publish("session", "a", b"3")
    assert await mnt1.wait_for_records(1) == [3]
    await stop_all(psn1, mnt1)
    assert mnt1.kinds == [LinkEvent.UP, LinkEvent.HELD]
    await start_all(mnt1)
    assert await mnt1.wait_for_event(LinkEvent.HELD, count=2) == reason
    await stop_all(mnt1)
    assert mnt1.letters == [1], "what follows stays where it is, too"
    monkeypatch.setattr("ldd.reading.decode_letters", lambda data: decode_letters(data.replace(b'n":2', b'n":1')))
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(mnt1)
    await mnt1.wait_for_letters(2)
    assert [(found.sender, found.letters) for found in mnt1.deliveries] == [("psn2", [9]), ("psn1", [2])]
    await stop_all(mnt1)


async def test_what_comes_before_letters_of_a_newer_release_is_taken_however_late(harness: Harness) -> None:
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"))
    gate, refusals, taken = asyncio.Event(), [NotTakenError], list[int]()

    async def receive(delivery: Delivery) -> None:
        mnt1.deliveries.append(delivery)
        mnt1._changed.set()
        await gate.wait()
        if refusals:
            raise refusals.pop()
        taken.extend(delivery.letters)

    mnt1.link.receive("mnt1", receive)
    await start_all(psn1, mnt1)
    psn1.link.post("mnt1", b"1")
    await mnt1.wait_for(lambda: mnt1.deliveries)
    await harness.put("mnt1", NEWER)
    gate.set()
    await mnt1.wait_for_event(LinkEvent.HELD)
    assert taken == [1]
    await stop_all(psn1, mnt1)
    assert mnt1.kinds == [LinkEvent.UP, LinkEvent.HELD]


async def test_what_is_no_message_is_told_of_and_keeps_no_letter_back(harness: Harness) -> None:
    psn1, mnt1 = Inbox(harness.link("psn1")), Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(psn1, mnt1)
    await harness.put("mnt1", b"\xff")
    psn1.link.post("mnt1", b"1")
    assert await mnt1.wait_for_letters(1) == [1]
    assert await mnt1.wait_for_event(LinkEvent.UNREADABLE) == "letters to mnt1 are thrown away: it is not JSON"
    await stop_all(psn1, mnt1)
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(mnt1)
    await harness.put("mnt1", NEWER)
    await mnt1.wait_for_event(LinkEvent.HELD)
    assert mnt1.kinds == [LinkEvent.UP, LinkEvent.HELD], "it does not come again"
    await stop_all(mnt1)


async def test_a_broker_that_fails_costs_nothing_but_time(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"))
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    await start_all(psn1, psn2, mnt1)
    for letter in number(100):
        psn1.link.post("mnt1", letter)
    psn1.link.publish("session", "a", b"1")
    await psn2.wait_for_records(1)
    await harness.fail()
    for version in number(5):
        psn1.link.publish("session", "a", version)
    for letter in number(100, begin=100):
        psn1.link.post("mnt1", letter)
    for inbox in (psn1, psn2, mnt1):
        assert await inbox.wait_for_event(LinkEvent.DOWN)
        assert not inbox.link.is_up
    await psn1.link.drain()
    await harness.recover()
    for inbox in (psn1, psn2, mnt1):
        await inbox.wait_until_up()
    assert await mnt1.wait_for_letters(200) == list(range(200))
    await psn2.wait_for(lambda: psn2.values[-1] == 4)
    for inbox in (psn1, psn2, mnt1):
        told = [kind for kind in inbox.kinds if kind is not LinkEvent.MISSED]
        assert [kind for kind, _ in groupby(told)] == [LinkEvent.UP, LinkEvent.DOWN, LinkEvent.UP]
    await stop_all(psn1, psn2, mnt1)
    assert mnt1.letters == list(range(200))


async def test_a_node_starts_without_the_broker_and_stops_without_it(harness: Harness, tmp_path: Path) -> None:
    await harness.fail()
    spool = tmp_path / "psn1.spool"
    psn1 = Inbox(harness.link("psn1", spool=spool))
    await psn1.link.start()
    assert await psn1.wait_for_event(LinkEvent.DOWN)
    for letter in number(600):
        psn1.link.post("mnt1", letter)
    await psn1.link.stop()
    assert psn1.kinds == [LinkEvent.DOWN]
    assert spool.exists()
    await harness.recover()
    mnt1 = Inbox(harness.link("mnt1"), mailboxes=["mnt1"])
    psn1 = Inbox(harness.link("psn1", spool=spool))
    await start_all(mnt1, psn1)
    psn1.link.post("mnt1", b"600")
    assert await mnt1.wait_for_letters(601) == list(range(601))
    streams = {delivery.stream: delivery.first for delivery in reversed(mnt1.deliveries)}
    assert list(streams.values()) == [1, 1], "two lives, each of which counts from one"
    await psn1.link.drain()
    await stop_all(psn1, mnt1)
    assert not spool.exists()


async def test_a_link_stops_at_once_whatever_has_begun_and_starts_again(harness: Harness) -> None:
    psn1, psn2 = Inbox(harness.link("psn1")), Inbox(harness.link("psn2"))
    await psn1.link.stop()
    await psn1.link.start()
    await psn1.link.stop()
    await psn1.link.stop()
    await start_all(psn2)
    psn1.link.publish("session", "a", b"1")
    await start_all(psn1)
    assert await psn2.wait_for_records(1) == [1]
    await stop_all(psn1, psn2)
    assert LinkEvent.DOWN not in psn1.kinds
