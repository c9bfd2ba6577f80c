"""Letters in a file: there and back, and what a damaged file does."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldd.embedded import EmbeddedBroker
from ldd.link import LinkEvent
from ldd.outbox import LetterBatch
from ldd.spool import read_spool, write_spool
from tests.ldd.link_harness import Inbox, start_all, stop_all

BATCHES = [LetterBatch("mnt1", "5f", 41, [b'["a"]', b'["b"]']), LetterBatch("mnt2", "5f", 1, [b"1"])]


def test_letters_come_back_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "state" / "psn1.spool"
    told: list[str] = []
    assert read_spool(path, told.append) == []
    write_spool(path, BATCHES)
    assert read_spool(path, told.append) == BATCHES
    assert list(path.parent.iterdir()) == [path], "no draft is left"
    write_spool(path, [])
    assert not path.exists()
    assert told == []


def test_nobody_else_may_read_it_whatever_draft_was_left(tmp_path: Path) -> None:
    path = tmp_path / "state" / "psn1.spool"
    path.parent.mkdir()
    (path.parent / "psn1.spool.new").touch(0o644)
    write_spool(path, BATCHES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"schemaVersion":0,"waiting":[]}',
        b'{"schemaVersion":true,"waiting":[]}',
        b'{"schemaVersion":"2/../..","waiting":[]}',
        b'{"schemaVersion":1,"waiting":[{}]}',
        b'{"schemaVersion":1,"waiting":[{"mailbox":"mnt1","stream":"5f","first":0,"letters":[1]}]}',
        b"\xff\xfe",
        b"[" * 99999,
    ],
)
def test_a_damaged_file_is_put_aside_and_told_of(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "psn1.spool"
    path.write_bytes(content)
    told: list[str] = []
    assert read_spool(path, told.append) == []
    assert told == [
        "the letters in psn1.spool cannot be read: the file is damaged, and is now called psn1.spool.damaged"
    ]
    assert (tmp_path / "psn1.spool.damaged").read_bytes() == content
    assert not path.exists()


def test_a_file_of_another_release_is_kept_for_it_and_called_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "psn1.spool"
    path.write_bytes(b'{"schemaVersion":2,"pages":[]}')
    told: list[str] = []
    assert read_spool(path, told.append) == []
    reason = "the file is of schema version 2, this release knows 1, and is now called psn1.spool.schema-2"
    assert told == [f"the letters in psn1.spool cannot be read: {reason}"]
    assert (tmp_path / "psn1.spool.schema-2").read_bytes() == b'{"schemaVersion":2,"pages":[]}'
    assert not path.exists()


@given(st.binary())
def test_any_file_is_read_or_put_aside(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("spool") / "psn1.spool"
    path.write_bytes(content)
    told: list[str] = []
    assert read_spool(path, told.append) == []
    assert len(told) == 1


def test_a_file_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "psn1.spool"
    path.mkdir()
    told: list[str] = []
    assert read_spool(path, told.append) == []
    assert told == ["the letters in psn1.spool cannot be read: Is a directory, and is now called psn1.spool.damaged"]


async def test_a_spool_stays_until_the_broker_has_its_letters(tmp_path: Path) -> None:
    path = tmp_path / "psn1.spool"
    write_spool(path, BATCHES)
    broker = EmbeddedBroker()
    broker.fail()
    psn1 = Inbox(broker.link("psn1", spool=path))
    mnt1 = Inbox(broker.link("mnt1"), mailboxes=["mnt1"])
    await psn1.link.start()
    await mnt1.link.start()
    assert path.exists(), "a node that dies now has lost nothing"
    broker.recover()
    assert await mnt1.wait_for_letters(0) == []
    await mnt1.wait_for(lambda: mnt1.deliveries)
    assert [(found.stream, found.first, found.letters) for found in mnt1.deliveries] == [("5f", 41, [["a"], ["b"]])]
    assert not path.exists()
    await stop_all(psn1, mnt1)


async def test_letters_that_cannot_be_kept_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    broker = EmbeddedBroker()
    broker.fail()
    psn1 = Inbox(broker.link("psn1", spool=tmp_path / "state" / "psn1.spool"))
    await psn1.link.start()
    psn1.link.post("mnt1", b"1")
    await psn1.link.stop()
    unread, unkept = [text for event, text in psn1.events if event is LinkEvent.SPOOL_FAILED]
    assert unread == "the letters in psn1.spool cannot be read: Not a directory"
    assert unkept.startswith("the letters that wait cannot be kept in psn1.spool: ")


async def test_a_damaged_spool_keeps_no_node_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "psn1.spool"
    path.write_bytes(b"damaged")
    psn1 = Inbox(EmbeddedBroker().link("psn1", spool=path))
    await start_all(psn1)
    assert psn1.kinds == [LinkEvent.SPOOL_FAILED, LinkEvent.UP]
    await stop_all(psn1)
