"""RFC 5080 section 2.2.1: how long a client waits, how often it repeats, when it gives up."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radius.retransmission import ACCESS, ACCOUNTING, Retransmission


def seconds(retransmission: Retransmission, *, random: Random | None = None, at_most: int = 50) -> list[float]:
    return [timeout.total_seconds() for timeout in islice(retransmission.timeouts(random or Random(1)), at_most)]


def without_jitter(retransmission: Retransmission) -> Retransmission:
    return Retransmission(
        initial_timeout=retransmission.initial_timeout,
        maximum_timeout=retransmission.maximum_timeout,
        maximum_count=retransmission.maximum_count,
        maximum_duration=retransmission.maximum_duration,
        jitter=0.0,
    )


def test_access_waits_2_4_8_16_seconds_and_gives_up_after_30() -> None:
    assert seconds(without_jitter(ACCESS)) == [2, 4, 8, 16]


def test_accounting_doubles_its_timeout_for_ever() -> None:
    assert seconds(without_jitter(ACCOUNTING), at_most=12) == [2 * 2**power for power in range(12)]


def test_timeout_stops_growing_at_its_maximum() -> None:
    schedule = Retransmission(
        initial_timeout=timedelta(seconds=3), maximum_timeout=timedelta(seconds=10), maximum_count=5, jitter=0.0
    )
    assert seconds(schedule) == [3, 6, 10, 10, 10]


def test_ios_repeats_at_a_fixed_interval() -> None:
    assert seconds(Retransmission.every(timedelta(seconds=5), 3)) == [5, 5, 5, 5]


def test_ios_without_retransmits_sends_once() -> None:
    assert seconds(Retransmission.every(timedelta(seconds=5), 0)) == [5]


@given(seed=st.integers())
def test_jitter_moves_each_timeout_by_at_most_a_tenth(seed: int) -> None:
    timeouts = seconds(ACCESS, random=Random(seed))
    assert 1.8 <= timeouts[0] <= 2.2
    for previous, timeout in pairwise(timeouts[:-1]):
        doubled = 1.9 * previous <= timeout + 1e-5 <= 2.1 * previous + 2e-5
        assert doubled or 14.4 <= timeout <= 17.6
    assert len(timeouts) <= 5
    assert sum(timeouts) <= 30.000001


@given(seed=st.integers())
def test_chance_comes_from_the_caller_alone(seed: int) -> None:
    assert seconds(ACCESS, random=Random(seed)) == seconds(ACCESS, random=Random(seed))


@pytest.mark.parametrize(
    ("initial", "maximum", "count", "jitter"),
    [(0, 0, 0, 0.1), (-1, 0, 0, 0.1), (1, -1, 0, 0.1), (1, 0, -1, 0.1), (1, 0, 0, 1.0), (1, 0, 0, -0.1)],
)
def test_senseless_parameters_are_refused(initial: int, maximum: int, count: int, jitter: float) -> None:
    with pytest.raises(ValueError, match=r"must|jitter"):
        Retransmission(
            initial_timeout=timedelta(seconds=initial),
            maximum_timeout=timedelta(seconds=maximum),
            maximum_count=count,
            jitter=jitter,
        )
