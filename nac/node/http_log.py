"""What the library beneath an HTTP server reports: malformed requests as journal records, our mistakes to the loop.

The library answers what is no HTTP by itself, before any handler sees it, and tells only its logger.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from nac.node.journal import Observer

_MALFORMED = (HttpProcessingError, web.RequestPayloadError, ConnectionError)
"""What the library raises where a peer sends what is no HTTP, or goes away."""

LONGEST_REASON = 200
"""Characters; a library repeats what it cannot read."""


class _HttpLog(logging.Handler):
    def __init__(self, observe: Observer, event: str) -> None:
        super().__init__()
        self._observe = observe
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, _MALFORMED):
            said = str(getattr(error, "message", "") or error)
            reason = f"not a whole HTTP request: {' '.join(said.split())}"
            remote = record.args[0] if isinstance(record.args, tuple) and record.args else None
            self._observe(self._event, reason[:LONGEST_REASON], {"remote": str(remote or "")})
        elif record.levelno >= logging.ERROR:
            context = {"message": record.getMessage()} | ({"exception": error} if error else {})
            asyncio.get_running_loop().call_exception_handler(context)


def build_http_log(observe: Observer, *, event: str) -> logging.Logger:
    """Build the logger of one server, known to no other: what is no HTTP becomes a record of this event."""
    logger = logging.Logger(event, logging.DEBUG)
    logger.addHandler(_HttpLog(observe, event))
    return logger
