"""What waits at a node: bounds, order, and what comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ldd.outbox import BATCH_LIMIT, LetterBatch, Outbox


def build(**limits: int) -> tuple[Outbox, list[str]]:
    told: list[str] = []
    return Outbox("life", told.append, **limits), told


def test_a_batch_that_comes_back_does_not_override_what_is_newer() -> None:
    outbox, _ = build()
    for key in ("a", "b", "c"):
        outbox.put_record("session", key, b"1")
    batch = outbox.take_records()
    assert batch is not None
    assert not outbox.has_records
    assert not outbox.has_published(outbox.put)
    outbox.put_record("session", "b", b"2")
    outbox.put_record("session", "d", b"2")
    outbox.put_back(batch)
    again = outbox.take_records()
    assert again is not None
    assert list(again.records.items()) == [("a", b"1"), ("c", b"1"), ("b", b"2"), ("d", b"2")]
    outbox.confirm_records(again)
    assert outbox.has_published(outbox.put)


def test_what_was_put_is_published_when_it_or_something_newer_is_whatever_is_put_meanwhile() -> None:
    outbox, _ = build()
    for key in ("a", "b"):
        outbox.put_record("session", key, b"1")
    put = outbox.put
    assert not outbox.has_published(put)
    outbox.put_record("session", "b", b"2")
    batch = outbox.take_records()
    assert batch is not None
    outbox.put_record("session", "a", b"3")
    assert not outbox.has_published(put), "it is under way"
    outbox.put_back(batch)
    assert not outbox.has_published(put)
    while (batch := outbox.take_records()) is not None:
        outbox.confirm_records(batch)
        outbox.put_record("session", "c", b"4")
        if outbox.has_published(put):
            break
    assert outbox.has_published(put)
    assert not outbox.has_published(outbox.put)


def test_a_batch_is_of_one_topic_and_topics_take_turns() -> None:
    outbox, _ = build()
    for number in range(BATCH_LIMIT + 1):
        outbox.put_record("session", str(number), b"1")
    outbox.put_record("endpoint", "a", b"1")
    sizes = []
    while (batch := outbox.take_records()) is not None:
        sizes.append((batch.topic, len(batch.records)))
        outbox.confirm_records(batch)
    assert sizes == [("session", BATCH_LIMIT), ("endpoint", 1), ("session", 1)]


def test_the_oldest_records_are_dropped_and_that_is_told_once() -> None:
    outbox, told = build(record_limit=3)
    for number in range(6):
        outbox.put_record("session", str(number), b"1")
    batch = outbox.take_records()
    assert batch is not None
    assert list(batch.records) == ["3", "4", "5"]
    assert told == ["more than 3 records of topic session wait; the oldest are dropped"]
    outbox.confirm_records(batch)
    for number in range(4):
        outbox.put_record("session", str(number), b"1")
    assert len(told) == 2


def test_the_oldest_letters_are_dropped_and_counted() -> None:
    outbox, told = build(letter_limit=3)
    for number in range(8):
        outbox.put_letter("mnt1", str(number).encode())
    batch = outbox.take_letters("mnt1")
    assert batch == LetterBatch("mnt1", "life", 6, [b"5", b"6", b"7"])
    assert told == ["more than 3 letters to mnt1 wait; the oldest are dropped"]
    outbox.confirm_letters(batch)
    assert told[1:] == ["5 letters to mnt1 were dropped"]
    outbox.put_letter("mnt1", b"8")
    assert outbox.take_letters("mnt1") == LetterBatch("mnt1", "life", 9, [b"8"])


def test_letters_that_are_dropped_while_under_way_are_not_confirmed_twice() -> None:
    outbox, _ = build(letter_limit=3)
    for number in range(3):
        outbox.put_letter("mnt1", str(number).encode())
    batch = outbox.take_letters("mnt1")
    assert batch is not None
    for number in (3, 4):
        outbox.put_letter("mnt1", str(number).encode())
    outbox.confirm_letters(batch)
    assert outbox.take_letters("mnt1") == LetterBatch("mnt1", "life", 4, [b"3", b"4"])


def test_letters_of_an_earlier_life_go_first_and_are_not_mixed_with_others() -> None:
    outbox, _ = build()
    outbox.put_letter("mnt1", b"new")
    outbox.restore_letters(
        [LetterBatch("mnt1", "before", 7, [b"old", b"older"]), LetterBatch("mnt2", "before", 1, [b"x"])]
    )
    assert outbox.list_mailboxes() == ["mnt1", "mnt2"]
    first = outbox.take_letters("mnt1")
    assert first == LetterBatch("mnt1", "before", 7, [b"old", b"older"])
    outbox.confirm_letters(first)
    assert outbox.take_letters("mnt1") == LetterBatch("mnt1", "life", 1, [b"new"])
    assert [batch.mailbox for batch in outbox.list_letters()] == ["mnt1", "mnt2"]


def test_numbers_go_on_after_letters_were_put_elsewhere() -> None:
    outbox, _ = build()
    outbox.put_letter("mnt1", b"1")
    outbox.clear_letters()
    assert outbox.list_mailboxes() == []
    outbox.put_letter("mnt1", b"2")
    assert outbox.take_letters("mnt1") == LetterBatch("mnt1", "life", 2, [b"2"])


@given(st.lists(st.sampled_from(["put", "send", "lose"]), max_size=60), st.integers(1, 20))
def test_every_letter_that_was_not_dropped_goes_out_once_and_in_order(steps: list[str], limit: int) -> None:
    outbox, _ = build(letter_limit=limit)
    sent: list[int] = []
    numbers: list[int] = []
    posted = 0
    for step in [*steps, *["send"] * 2]:
        if step == "put":
            outbox.put_letter("mnt1", str(posted).encode())
            posted += 1
        elif (batch := outbox.take_letters("mnt1")) is not None and step == "send":
            sent += [int(letter) for letter in batch.letters]
            numbers += range(batch.first, batch.first + len(batch.letters))
            outbox.confirm_letters(batch)
    assert sent == sorted(set(sent))
    assert numbers == [number + 1 for number in sent]
    assert posted == 0 or sent[-1] == posted - 1
