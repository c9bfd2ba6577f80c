"""Letters in both directions: whatever a record holds, and whatever is not a letter."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac.letter import encode_letter, parse_letter
from nac.syslog import (
    LONGEST_LENGTH,
    MalformedSyslogError,
    SyslogEncoder,
    parse_attributes,
    parse_record,
    parse_segment,
    render_attributes,
)
from nac.syslog_catalogue import AUTHENTICATION_SUCCEEDED

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
VALUES = st.text(st.characters(exclude_categories=[]) | st.sampled_from('\\",;{}'), max_size=40)
PAIRS = st.lists(st.tuples(st.sampled_from(("key", "other")), VALUES), min_size=1, max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def make_lines(pairs: list[tuple[str, str]]) -> list[bytes]:
    encoder = SyslogEncoder("psn1", maximum_length=LONGEST_LENGTH)
    return encoder.encode(AUTHENTICATION_SUCCEEDED, NOW, render_attributes(pairs))


def make_letter(pairs: list[tuple[str, str]]) -> Any:
    return json.loads(encode_letter(make_lines(pairs)))


@given(pairs=PAIRS)
def test_letter_is_json_of_the_lines_whatever_is_in_them(pairs: list[tuple[str, str]]) -> None:
    lines = make_lines(pairs)
    assert json.loads(encode_letter(lines)) == [line.decode() for line in lines]


@given(pairs=PAIRS, filler=st.integers(0, 20_000))
def test_letter_parses_to_the_record_that_its_lines_are(pairs: list[tuple[str, str]], filler: int) -> None:
    pairs = [*pairs, ("filler", "x" * filler)]
    record = parse_letter(make_letter(pairs))
    assert (record.host, record.at, record.code) == ("psn1", NOW, AUTHENTICATION_SUCCEEDED.code)
    text = render_attributes(pairs).encode("utf-8", "replace").decode()  # half a surrogate pair cannot travel
    assert list(record.attributes) == parse_attributes(text)


def test_record_longer_than_a_line_is_one_letter_of_several() -> None:
    pairs = [(f"key{number}", "x" * 100) for number in range(200)]
    letter = make_letter(pairs)
    segments = [parse_segment(line.encode()) for line in letter]
    assert [(segment.index, segment.total) for segment in segments] == [(0, 3), (1, 3), (2, 3)]
    text = "".join(segment.payload for segment in segments)
    assert parse_letter(letter) == parse_record(host="psn1", category=segments[0].category, text=text)
    assert list(parse_letter(letter).attributes) == pairs


@given(letter=JSON)
def test_any_json_is_a_letter_or_raises_the_one_error(letter: object) -> None:
    with pytest.raises(MalformedSyslogError):
        parse_letter(letter)


@given(damage=st.data())
def test_letter_with_lines_cut_swapped_or_left_out_is_whole_or_refused(damage: st.DataObject) -> None:
    letter = make_letter([("filler", "x" * 20_000)])
    lines = damage.draw(st.lists(st.sampled_from(letter), min_size=1, max_size=4))
    ends = [damage.draw(st.integers(0, len(line)) | st.just(len(line))) for line in lines]
    damaged = [line[:end] for line, end in zip(lines, ends, strict=True)]
    try:
        record = parse_letter(damaged)
    except MalformedSyslogError:
        return
    assert record.code == AUTHENTICATION_SUCCEEDED.code
    assert len(damaged) == len(letter)
