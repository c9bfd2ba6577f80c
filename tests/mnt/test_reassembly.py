"""Segments out of order, repeated and lost; and what bounds the wait and the memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mnt.reassembly import Reassembly, WholeRecord
from nac.syslog import Segment

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def segment(index: int, total: int, payload: str, *, message_id: int = 1, host: str = "psn1") -> Segment:
    return Segment(
        priority=181,
        host=host,
        category="CISE_Passed_Authentications",
        message_id=message_id,
        total=total,
        index=index,
        payload=payload,
    )


def test_a_record_of_one_segment_is_whole_at_once() -> None:
    reassembly = Reassembly()
    whole = reassembly.add(segment(0, 1, "text"), NOW)
    assert whole == WholeRecord(host="psn1", category="CISE_Passed_Authentications", text="text")
    assert (len(reassembly), reassembly.deadline) == (0, None)


def test_segments_in_any_order_make_the_record() -> None:
    reassembly = Reassembly()
    assert reassembly.add(segment(2, 3, " c"), NOW) is None
    assert reassembly.add(segment(0, 3, "a,"), NOW) is None
    whole = reassembly.add(segment(1, 3, " b,"), NOW)
    assert whole is not None
    assert whole.text == "a, b, c"
    assert len(reassembly) == 0


def test_records_of_other_nodes_and_numbers_do_not_mix() -> None:
    reassembly = Reassembly()
    for host, message_id in (("psn1", 1), ("psn2", 1), ("psn1", 2)):
        assert reassembly.add(segment(0, 2, f"{host} {message_id},", host=host, message_id=message_id), NOW) is None
    whole = reassembly.add(segment(1, 2, " end", host="psn2"), NOW)
    assert whole is not None
    assert (whole.host, whole.text) == ("psn2", "psn2 1, end")
    assert len(reassembly) == 2


def test_a_repeated_segment_counts_once() -> None:
    reassembly = Reassembly()
    for _ in range(2):
        assert reassembly.add(segment(0, 2, "a,"), NOW) is None
    whole = reassembly.add(segment(1, 2, " b"), NOW)
    assert whole is not None
    assert whole.text == "a, b"


def test_segments_repeated_after_the_record_was_whole_make_no_second_one() -> None:
    reassembly = Reassembly()
    for _ in range(2):
        wholes = [reassembly.add(segment(index, 2, f"{index}"), NOW) for index in (0, 1)]
    assert wholes == [None, None]
    assert reassembly.add(segment(0, 1, "single", message_id=2), NOW) is not None
    assert reassembly.add(segment(0, 1, "single", message_id=2), NOW) is None
    assert len(reassembly) == 0


def test_whole_records_are_forgotten_oldest_first() -> None:
    reassembly = Reassembly(remembered=1)
    for message_id in (1, 2, 1):
        assert reassembly.add(segment(0, 1, "x", message_id=message_id), NOW) is not None


def test_a_record_whose_segments_do_not_all_come_is_given_up() -> None:
    reassembly = Reassembly(lifetime=10 * SECOND)
    reassembly.add(segment(0, 3, "a,"), NOW)
    reassembly.add(segment(2, 3, " c"), NOW + 9 * SECOND)
    assert reassembly.deadline == NOW + 10 * SECOND
    assert reassembly.collect_lost(NOW + 9 * SECOND) == []
    (lost,) = reassembly.collect_lost(NOW + 10 * SECOND)
    assert (lost.host, lost.message_id, lost.missing, lost.total) == ("psn1", 1, 1, 3)
    assert lost.reason == "its other segments did not come in time"
    assert reassembly.collect_lost(NOW + 11 * SECOND) == []
    assert reassembly.deadline is None


def test_a_node_that_numbers_anew_after_a_restart_is_understood() -> None:
    reassembly = Reassembly()
    reassembly.add(segment(0, 2, "old,"), NOW)
    reassembly.add(segment(0, 2, "new,"), NOW + SECOND)
    whole = reassembly.add(segment(1, 2, " end"), NOW + SECOND)
    assert whole is not None
    assert whole.text == "new, end"
    (lost,) = reassembly.collect_lost(NOW + SECOND)
    assert "another record" in lost.reason
    assert reassembly.add(segment(0, 1, "newer"), NOW + SECOND) is not None


def test_a_whole_record_under_the_number_of_a_waiting_one_ends_the_wait() -> None:
    reassembly = Reassembly()
    reassembly.add(segment(0, 2, "old,"), NOW)
    assert reassembly.add(segment(0, 1, "new"), NOW) is not None
    assert [lost.missing for lost in reassembly.collect_lost(NOW)] == [1]


def test_beyond_the_memory_the_record_that_has_waited_longest_goes() -> None:
    reassembly = Reassembly(maximum_held=3000)
    for message_id in (1, 2, 3):
        reassembly.add(segment(0, 2, "x" * 1000, message_id=message_id), NOW)
    assert [(lost.message_id, lost.reason) for lost in reassembly.collect_lost(NOW)] == [
        (1, "too many incomplete records wait")
    ]
    assert len(reassembly) == 2


def test_a_record_too_large_to_be_held_is_given_up_alone() -> None:
    reassembly = Reassembly(maximum_held=500)
    assert reassembly.add(segment(0, 2, "x" * 1000), NOW) is None
    assert len(reassembly.collect_lost(NOW)) == 1
    assert reassembly.add(segment(0, 1, "y", message_id=2), NOW) is not None


def test_memory_is_given_back() -> None:
    reassembly = Reassembly(maximum_held=1000)
    for message_id in range(100):
        reassembly.add(segment(0, 2, "x" * 500, message_id=message_id), NOW)
        assert reassembly.add(segment(1, 2, "end", message_id=message_id), NOW) is not None
    assert reassembly.collect_lost(NOW + 60 * SECOND) == []


@given(st.data())
def test_shuffled_and_repeated_segments_give_each_record_once(data: st.DataObject) -> None:
    totals = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=8))
    segments = [
        segment(index, total, f"<{message_id}.{index}>", message_id=message_id)
        for message_id, total in enumerate(totals)
        for index in range(total)
    ]
    repeats = data.draw(st.lists(st.sampled_from(segments), max_size=10))
    reassembly = Reassembly()
    wholes = [reassembly.add(part, NOW) for part in data.draw(st.permutations([*segments, *repeats]))]
    texts = sorted(whole.text for whole in wholes if whole is not None)
    assert texts == sorted(
        "".join(f"<{message_id}.{index}>" for index in range(total)) for message_id, total in enumerate(totals)
    )
    assert len(reassembly) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.text(max_size=3), st.integers(0, 5)), max_size=60))
def test_nothing_waits_longer_than_its_time(story: list[tuple[int, int, str, int]]) -> None:
    reassembly = Reassembly(lifetime=5 * SECOND, maximum_held=2000)
    now = NOW
    for message_id, total, payload, pause in story:
        now += pause * SECOND
        reassembly.collect_lost(now)
        reassembly.add(segment(len(payload) % total, total, payload, message_id=message_id), now)
        assert reassembly.deadline is None or now < reassembly.deadline <= now + 5 * SECOND
    reassembly.collect_lost(now + 5 * SECOND)
    assert (len(reassembly), reassembly.deadline) == (0, None)
