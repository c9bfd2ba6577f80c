"""Durations as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posturelab.reading.duration import parse_duration, render_duration

EXAMPLES = [
    ("0s", timedelta(0)),
    ("250ms", timedelta(milliseconds=250)),
    ("30s", timedelta(seconds=30)),
    ("1h5m", timedelta(hours=1, minutes=5)),
    ("8h", timedelta(hours=8)),
    ("5d", timedelta(days=5)),
    ("1d2h3m4s5ms", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
]


@pytest.mark.parametrize(("text", "duration"), EXAMPLES)
def test_text_and_duration_stand_for_each_other(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration
    assert render_duration(duration) == text


@pytest.mark.parametrize(("text", "duration"), [(" 90m ", timedelta(minutes=90)), ("1.5s", timedelta(seconds=1.5))])
def test_other_spellings_are_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "-5m", "5m1h", "1h1h", "five", "1.5h", "5M", "٣s", "999999d"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example 500ms, 30s"):
        parse_duration(text)


def test_a_negative_duration_shows_its_sign() -> None:
    assert render_duration(timedelta(minutes=-5)) == "-5m"


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_every_rendered_duration_is_read_back_to_the_millisecond(duration: timedelta) -> None:
    assert abs(parse_duration(render_duration(duration)) - duration) <= timedelta(milliseconds=0.5)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert parse_duration(text) >= timedelta(0)
