"""A client that asks a lab: how long it waits, and the sentence it ends with where nothing comes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from posturelab.cli import app
from posturelab.control import client as control_client
from posturelab.control.client import ACTION_TIMEOUT, LONGEST_TIMEOUT, QUESTION_TIMEOUT, ControlClient, ControlError


@pytest.fixture
def paused() -> Iterator[str]:
    """The URL of a program that takes connections and says nothing, as one does that is paused."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "http://{}:{}".format(*server.getsockname())


def test_who_is_only_asked_is_not_waited_for_as_long_as_for_a_leap() -> None:
    assert QUESTION_TIMEOUT < ACTION_TIMEOUT < LONGEST_TIMEOUT


def test_a_program_that_is_paused_is_given_up(paused: str) -> None:
    client = ControlClient(paused)
    sentence = f"no answer from {paused} within 0.1 s: it is paused, hangs, or is beyond a network that loses "
    for call in (client.get, client.post):
        with pytest.raises(ControlError) as refused:
            call("/ready", timeout=0.1)
        assert str(refused.value).startswith(sentence)
        assert refused.value.status == 0


def test_a_command_waits_for_a_leap_longer_than_for_other_actions(paused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_client, "ACTION_TIMEOUT", 0.1)
    monkeypatch.setattr(control_client, "LONGEST_TIMEOUT", 0.2)
    for command, limit in (["endpoint", "laptop1", "plug"], "0.1"), (["clock", "advance", "8h"], "0.2"):
        told = CliRunner().invoke(app, [*command, "--control", paused])
        assert told.exit_code == 2
        assert f" within {limit} s: " in told.stderr


def test_a_program_that_speaks_no_http_is_no_lab() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = "http://{}:{}".format(*server.getsockname())

        def greet() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"220 mail.lab.test ESMTP\r\n")

        greeting = threading.Thread(target=greet)
        greeting.start()
        with pytest.raises(ControlError, match=f"^no lab answers at {url} "):
            ControlClient(url).get("/ready")
        greeting.join()


@pytest.mark.parametrize("token", ["h\u00fcsh", "hush\u20ac", "hu sh"])
def test_a_token_that_cannot_be_sent_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("POSTURELAB_TOKEN", token)
    with pytest.raises(ControlError, match=r"^POSTURELAB_TOKEN: a token stands in an HTTP header: ") as refused:
        ControlClient("http://127.0.0.1:9").get("/ready")
    assert token not in str(refused.value)
