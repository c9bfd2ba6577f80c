"""Why a broker cannot be reached, in words instead of numbers."""

from __future__ import annotations

import socket

import pytest

from ldd.rabbit.trouble import explain

REFUSED = "[Errno 111] Connect call failed ('127.0.0.1', 9)"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(111, REFUSED), "Connection refused"),
        (
            OSError(f"Multiple exceptions: {REFUSED}, [Errno 113] no way, {REFUSED}"),
            "Connection refused, No route to host",
        ),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
    ],
)
def test_the_systems_numbers_are_told_in_words(error: OSError, reason: str) -> None:
    assert explain(error) == f"the broker cannot be reached: {reason}"
