"""What an HTTP library tells its logger: what becomes a record, what goes to the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from nac.node.http_log import LONGEST_REASON, build_http_log
from nac.node.journal import Fact


@pytest.fixture
def records() -> list[tuple[str, str, dict[str, Fact]]]:
    return []


@pytest.fixture
def log(records: list[tuple[str, str, dict[str, Fact]]]) -> logging.Logger:
    def observe(event: str, reason: str, facts: Mapping[str, Fact]) -> None:
        records.append((event, reason, dict(facts)))

    return build_http_log(observe, event="refused")


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_a_malformed_request_is_a_record(log: logging.Logger, records: list[Any], level: int) -> None:
    log.log(level, "Error handling request from %s", "127.0.0.1", exc_info=BadHttpMessage("bad\r\n  line"))
    assert records == [("refused", "not a whole HTTP request: bad line", {"remote": "127.0.0.1"})]


def test_a_reason_has_a_bound(log: logging.Logger, records: list[Any]) -> None:
    log.error("Error", exc_info=BadHttpMessage("x" * 10_000))
    assert len(records[0][1]) == LONGEST_REASON


async def test_our_mistakes_go_to_the_loop(log: logging.Logger, records: list[Any]) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    error = ZeroDivisionError()
    log.error("Error handling request from %s", "127.0.0.1", exc_info=error)
    log.error("Missing return statement")
    assert told == [
        {"message": "Error handling request from 127.0.0.1", "exception": error},
        {"message": "Missing return statement"},
    ]
    assert records == []


def test_what_is_neither_is_nothing(log: logging.Logger, records: list[Any]) -> None:
    log.debug("Uncompleted request.")
    log.warning("odd")
    assert records == []
