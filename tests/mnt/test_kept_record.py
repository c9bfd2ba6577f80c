"""The records that a session keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mnt.kept_record import KeptRecord, keep_record, recall_record
from nac.syslog import SyslogRecord

TEXT = st.text(st.characters(codec="utf-8"), max_size=10)


@given(pairs=st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_a_kept_record_is_recalled_as_it_was(
    record: Callable[..., SyslogRecord], now: datetime, pairs: list[tuple[str, str]]
) -> None:
    kept = record(5200, *pairs)
    later = now + timedelta(microseconds=1)
    assert recall_record(keep_record(kept, later)) == KeptRecord(received_at=later, record=kept)


def test_where_nothing_was_kept_nothing_is_recalled() -> None:
    assert recall_record("") is None
