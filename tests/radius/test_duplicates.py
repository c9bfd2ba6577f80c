"""The duplicate cache by RFC 5080 section 2.2.2: what counts as a repetition, and how long a reply is kept."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from radius.duplicates import LONGEST_LIFETIME, DuplicateCache, Key, Standing

KEY: Key = (("127.0.3.1", 1645), 7)
FIRST, SECOND = b"a" * 16, b"b" * 16
SHORTEST_LIFETIME = 5.0


def make_cache(*, limit: int = 1000) -> DuplicateCache:
    return DuplicateCache(limit=limit)


def test_request_never_seen_is_new() -> None:
    assert make_cache().find(KEY, FIRST, 0.0) is Standing.NEW


def test_request_in_work_is_in_progress() -> None:
    cache = make_cache()
    cache.begin(KEY, FIRST)
    assert cache.find(KEY, FIRST, 0.1) is Standing.IN_PROGRESS


def test_repeated_request_gets_the_stored_reply() -> None:
    cache = make_cache()
    cache.find(KEY, FIRST, 0.0)
    cache.store(KEY, FIRST, b"reply")
    assert cache.find(KEY, FIRST, 0.1) == b"reply"
    assert cache.find(KEY, FIRST, 0.2) == b"reply"


def test_reply_found_later_replaces_the_mark() -> None:
    cache = make_cache()
    cache.begin(KEY, FIRST)
    cache.finish(KEY, FIRST, b"reply")
    assert cache.find(KEY, FIRST, 0.1) == b"reply"


def test_other_port_address_or_identifier_is_another_request() -> None:
    cache = make_cache()
    cache.find(KEY, FIRST, 0.0)
    cache.store(KEY, FIRST, b"reply")
    others: list[Key] = [(("127.0.3.1", 1646), 7), (("127.0.3.2", 1645), 7), (("127.0.3.1", 1645), 8)]
    assert [cache.find(key, FIRST, 0.1) for key in others] == [Standing.NEW] * 3


def test_new_authenticator_takes_the_place_of_the_old() -> None:
    cache = make_cache()
    cache.find(KEY, FIRST, 0.0)
    cache.store(KEY, FIRST, b"first")
    assert cache.find(KEY, SECOND, 0.1) is Standing.NEW
    cache.store(KEY, SECOND, b"second")
    assert cache.find(KEY, SECOND, 0.2) == b"second"
    assert cache.find(KEY, FIRST, 0.3) is Standing.NEW


def test_late_reply_does_not_displace_a_newer_request() -> None:
    cache = make_cache()
    cache.begin(KEY, FIRST)
    cache.begin(KEY, SECOND)
    cache.finish(KEY, FIRST, b"first")
    assert cache.find(KEY, SECOND, 0.1) is Standing.IN_PROGRESS
    cache.finish(KEY, FIRST, None)
    assert cache.find(KEY, SECOND, 0.2) is Standing.IN_PROGRESS


def test_request_that_ends_without_reply_is_forgotten() -> None:
    cache = make_cache()
    cache.find(KEY, FIRST, 0.0)
    cache.begin(KEY, FIRST)
    cache.finish(KEY, FIRST, None)
    assert cache.find(KEY, FIRST, 0.1) is Standing.NEW
    assert len(cache) == 0


def test_request_that_ends_without_reply_a_generation_later_is_forgotten() -> None:
    cache = make_cache()
    cache.find(KEY, FIRST, 0.0)
    cache.begin(KEY, FIRST)
    assert cache.find(KEY, FIRST, 16.0) is Standing.IN_PROGRESS
    cache.finish(KEY, FIRST, None)
    assert cache.find(KEY, FIRST, 16.1) is Standing.NEW


def list_instants(steps: list[float]) -> Iterator[float]:
    now = 0.0
    for step in steps:
        now += step
        yield now


@given(
    stored_at=st.floats(0, 100),
    steps=st.lists(st.floats(0, 25), max_size=8),
    asked_after=st.floats(0, 100),
)
def test_reply_lives_five_seconds_at_least_and_thirty_at_most(
    stored_at: float, steps: list[float], asked_after: float
) -> None:
    """However seldom or often the cache is asked for other requests meanwhile."""
    other: Key = (("127.0.3.9", 1), 0)
    cache = make_cache()
    events = [(instant, other) for instant in list_instants(steps)]
    asked_at = stored_at + asked_after
    for instant, key in sorted([*events, (stored_at, KEY)]):
        if instant <= asked_at:
            cache.find(key, FIRST, instant)
            cache.store(key, FIRST, b"reply")
    standing = cache.find(KEY, FIRST, asked_at)
    if asked_after <= SHORTEST_LIFETIME:
        assert standing == b"reply"
    if asked_after > LONGEST_LIFETIME:
        assert standing is Standing.NEW


def test_reply_is_gone_after_thirty_seconds_also_where_nothing_was_asked_for_most_of_them() -> None:
    other: Key = (("127.0.3.9", 1), 0)
    cache = make_cache()
    cache.find(other, FIRST, 0.0)
    cache.find(KEY, FIRST, 15.0)
    cache.store(KEY, FIRST, b"reply")
    cache.find(other, FIRST, 44.9)
    assert cache.find(KEY, FIRST, 45.1) is Standing.NEW


def test_a_longer_lifetime_is_kept_for_half_of_itself_at_least_and_ends() -> None:
    """RFC 5176 section 2.3: as long as the request is current, its answer must be remembered."""
    cache = DuplicateCache(lifetime=1200.0)
    cache.find(KEY, FIRST, 599.0)
    cache.store(KEY, FIRST, b"reply")
    other: Key = (("127.0.3.9", 1), 0)
    standings = []
    for now in (620.0, 900.0, 1198.9, 1199.1, 1799.0, 1799.1):
        cache.find(other, SECOND, now)
        standings.append(cache.find(KEY, FIRST, now))
    assert standings[:3] == [b"reply"] * 3
    assert standings[-1] is Standing.NEW


def test_memory_is_bounded_and_the_newest_are_kept() -> None:
    cache = make_cache(limit=100)
    for number in range(1000):
        key = (("127.0.3.1", number), 7)
        cache.find(key, FIRST, 0.0)
        cache.store(key, FIRST, b"reply")
    assert len(cache) <= 200
    assert cache.find((("127.0.3.1", 999), 7), FIRST, 0.0) == b"reply"
    assert cache.find((("127.0.3.1", 0), 7), FIRST, 0.0) is Standing.NEW
