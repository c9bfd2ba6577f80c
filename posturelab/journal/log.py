"""The journal as a log for people: a line for each record, the date where it changes, nodes coloured by their kind."""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TextIO
from urllib.parse import urlencode

from nac.node.journal import Journal, JournalRecord
from posturelab.control.client import ControlClient
from posturelab.journal.line import KIND_COLOURS, render_line
from posturelab.journal.page import parse_record

_NODE_WIDTH = 10
_EVENT_WIDTH = 24
_SUBJECTS = ("mac", "user", "user_name", "address", "remote")
"""Facts that say whom a record is about, the best first; an endpoint's own records need none."""
_POLL_INTERVAL = 0.5
"""Seconds between two looks at a running lab's journal."""


class JournalLog:
    """Writes records as they come. Lines are put together by hand: a busy lab writes thousands a second."""

    def __init__(self, stream: TextIO, kinds: Mapping[str, str], *, colour: bool) -> None:
        """Take the kind of every node by name."""
        self._stream = stream
        self._date = ""
        self._endpoints = frozenset(name for name, kind in kinds.items() if kind == "endpoint")
        self._heads = {
            name: f"\x1b[{30 + KIND_COLOURS[kind]}m{name:<{_NODE_WIDTH}}\x1b[0m" if colour else f"{name:<{_NODE_WIDTH}}"
            for name, kind in kinds.items()
        }

    def follow(self, journal: Journal) -> Callable[[], None]:
        """Write what a journal holds, and from now on what comes; the result ends that."""
        for record in journal:
            self.write(record)
        return journal.listen(self.write)

    def write(self, record: JournalRecord) -> None:
        """Write one record."""
        at, node, event, reason, facts = record
        date, clock = at.isoformat(sep=" ", timespec="milliseconds")[:23].split(" ")
        head = self._heads.get(node, f"{node:<{_NODE_WIDTH}}")
        subject = (
            next((facts[name] for name in _SUBJECTS if facts.get(name)), "") if node not in self._endpoints else ""
        )
        line = render_line(f"{reason}  [{subject}]" if subject else reason)
        day = "" if date == self._date else f"{date}\n"
        self._date = date
        # the reader of a pipe may be gone, which is no reason to disturb the node that writes
        with suppress(OSError):
            self._stream.write(f"{day}{clock}  {head} {event:<{_EVENT_WIDTH}} {line}\n")
            self._stream.flush()


def print_journal(client: ControlClient, *, node: str | None, event: str | None, follow: bool) -> None:
    """Print the journal of a running lab, and go on until Ctrl-C if asked to.

    Raises `posturelab.control.client.ControlError`, `BrokenPipeError` where nobody reads on, and `KeyboardInterrupt`
    where Ctrl-C has ended it.
    """
    kinds = {name: details["kind"] for name, details in client.get("/nodes")["nodes"].items()}
    log = JournalLog(sys.stdout, kinds, colour=sys.stdout.isatty())
    wanted = {name: value for name, value in (("node", node), ("event", event)) if value is not None}
    interrupted = _watch_interrupts() if follow else []
    following = 0
    while not interrupted:
        told = client.get(f"/journal?{urlencode(wanted | {'since': following})}")
        for record in told["records"]:
            log.write(parse_record(record))
        _check_reader(sys.stdout)
        if not told["records"]:
            if not follow:
                return
            time.sleep(_POLL_INTERVAL)
        following = told["next"]
    raise KeyboardInterrupt


def _check_reader(stream: TextIO) -> None:
    """Raise `BrokenPipeError` where the reader of a pipe is gone, which an idle lab gives no write to notice."""
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        return
    poll = select.poll()
    poll.register(descriptor, 0)  # errors and hang-ups are told unasked
    if any(told & (select.POLLERR | select.POLLHUP) for _, told in poll.poll(0)):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def _watch_interrupts() -> list[int]:
    """Note Ctrl-C instead of raising: an exception that strikes inside a destructor, of a connection say, is lost."""
    caught: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    return caught
