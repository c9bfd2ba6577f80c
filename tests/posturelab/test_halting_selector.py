"""The selector that leaves sockets out: which ones, that nothing is lost meanwhile, and that it is a selector."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest

from posturelab.halting_selector import HaltingSelector

HERE, THERE = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def selector() -> Iterator[HaltingSelector]:
    subject = HaltingSelector()
    yield subject
    subject.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((THERE, 0)) as sock:
        yield sock


def list_ready(selector: HaltingSelector) -> list[object]:
    return [key.fileobj for key, _ in selector.select(0.01)]


def test_a_listener_is_left_out_and_its_connection_is_there_afterwards(
    selector: HaltingSelector, listener: socket.socket
) -> None:
    selector.register(listener, selectors.EVENT_READ)
    selector.halt([THERE])
    with socket.create_connection(listener.getsockname(), timeout=30):
        assert list_ready(selector) == []
        selector.halt([])
        assert list_ready(selector) == [listener]


def test_either_end_counts_also_of_sockets_registered_later(selector: HaltingSelector, listener: socket.socket) -> None:
    selector.halt([THERE])
    with (
        socket.create_connection(listener.getsockname(), source_address=(HERE, 0)) as near,
        listener.accept()[0] as far,
    ):
        selector.register(near, selectors.EVENT_READ)
        selector.register(far.fileno(), selectors.EVENT_READ)
        near.send(b"a")
        far.send(b"b")
        assert list_ready(selector) == []
        selector.halt([HERE])
        assert list_ready(selector) == []
        selector.halt(["127.0.0.3"])
        assert list_ready(selector) == [near, far.fileno()]


def test_datagrams_and_pipes_go_on(selector: HaltingSelector) -> None:
    near, far = socket.socketpair()
    with near, far, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((THERE, 0))
        selector.halt([THERE, ""])
        selector.register(sock, selectors.EVENT_READ)
        selector.register(near, selectors.EVENT_READ)
        sock.sendto(b"a", sock.getsockname())
        far.send(b"b")
        assert set(list_ready(selector)) == {sock, near}


def test_what_is_left_out_can_be_found_changed_and_removed(selector: HaltingSelector, listener: socket.socket) -> None:
    selector.register(listener, selectors.EVENT_READ, "first")
    selector.halt([THERE])
    assert selector.get_key(listener).data == "first"
    assert selector.get_map()[listener.fileno()].data == "first"
    selector.modify(listener, selectors.EVENT_READ, "second")
    assert selector.get_key(listener).data == "second"
    selector.unregister(listener)
    with pytest.raises(KeyError):
        selector.get_key(listener)
