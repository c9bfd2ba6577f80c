"""Session ids and accounting ids as classic IOS numbers them (aaa-mnt 1.6, 1.9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from nad_emulator.identifiers import Identifiers

BOOT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def test_a_session_id_is_address_counter_and_uptime_in_milliseconds() -> None:
    identifiers = Identifiers("127.0.3.1", now=BOOT, random=Random(1))
    first, _ = identifiers.open_session(BOOT)
    second, _ = identifiers.open_session(BOOT + timedelta(seconds=90))
    assert (first[:16], second[:16]) == ("7F00030100000001", "7F00030100000002")
    assert int(second[16:], 16) - int(first[16:], 16) == 90_000


def test_uptime_wraps_after_49_days() -> None:
    identifiers = Identifiers("127.0.3.1", now=BOOT, random=Random(1))
    assert len(identifiers.open_session(BOOT + timedelta(days=60))[0]) == 24


def test_two_boots_do_not_repeat_an_id() -> None:
    random = Random(1)
    ids = {Identifiers("127.0.3.1", now=BOOT, random=random).open_session(BOOT)[0] for _ in range(2)}
    assert len(ids) == 2


def test_accounting_ids_are_eight_hex_digits_that_count() -> None:
    identifiers = Identifiers("127.0.3.1", now=BOOT, random=Random(1))
    assert [identifiers.open_accounting() for _ in range(11)][-2:] == ["0000000A", "0000000B"]
