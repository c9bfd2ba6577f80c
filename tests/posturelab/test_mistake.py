"""What of the event loop's reports is our mistake, and what the doing of peers."""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import Any

import pytest

from nac.node.journal import Journal
from posturelab.clock import LabClock
from posturelab.mistake import MistakeWatch

CONNECTION = {"transport": None, "protocol": None}


async def watch(context: dict[str, Any]) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Report once; returns the mistakes, and the records."""
    loop = asyncio.get_running_loop()
    journal = Journal(LabClock(loop))
    found = MistakeWatch(journal)
    found(loop, {"message": "it failed"} | context)
    return found.mistakes, [(record.node, record.event, record.reason) for record in journal]


@pytest.mark.parametrize(
    "context",
    [
        {"exception": ZeroDivisionError("x")},
        {"exception": ZeroDivisionError("x"), **CONNECTION},
        {"exception": TimeoutError("x"), "task": None},
        {"exception": OSError(errno.EACCES, "x")},
        {"task": None},
    ],
)
async def test_broken_code_is_a_mistake(context: dict[str, Any]) -> None:
    mistakes, records = await watch(context)
    assert mistakes == [f"it failed: {context['exception']!r}" if "exception" in context else "it failed"]
    assert records == [("lab", "mistake", mistakes[0])]


@pytest.mark.parametrize(
    "context",
    [
        {"exception": ConnectionResetError("x")},
        {"exception": ssl.SSLError("x")},
        {"exception": OSError(errno.ENOTCONN, "x")},
        {"exception": TimeoutError("x"), **CONNECTION},
        {"exception": OSError(errno.EMFILE, "x"), "socket": None},
        CONNECTION,
    ],
)
async def test_a_broken_connection_is_only_written_down(context: dict[str, Any]) -> None:
    mistakes, records = await watch(context)
    assert mistakes == []
    ((node, event, _),) = records
    assert (node, event) == ("lab", "connection-failed")
