"""Our own mistakes: what nobody has caught reaches the event loop, and from there this room.

A mistake is written into the journal and ends a lab, or fails a story. Not everything that reaches the loop is one:
where a connection breaks or TLS fails, the peer or the machine is at fault, which is only written down.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import sys
import traceback
from collections.abc import Callable
from typing import Any

from nac.node.journal import Journal
from posturelab.journal.line import render_line

EXIT_STATUS = 3
"""How a process ends whose lab has made a mistake."""

LAB = "lab"
"""Under which name the lab itself writes into the journal."""

_CONNECTION_KEYS = frozenset({"transport", "protocol", "socket"})
"""Keys by which a loop says that its report is about a connection."""

_PEERS_DOING = (ConnectionError, ssl.SSLError)

Tell = Callable[[str, BaseException | None], None]
"""`tell(sentence, error)`: what is done about a mistake, beside the journal."""


class MistakeWatch:
    """The exception handler of a lab's event loop."""

    def __init__(self, journal: Journal, tell: Tell | None = None) -> None:
        """Write into this journal."""
        self.mistakes: list[str] = []
        """One sentence for each, in order."""
        self._journal = journal
        self._tell = tell

    def __call__(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take one report of the loop."""
        error = context.get("exception")
        sentence = f"{context['message']}: {error!r}" if error else str(context["message"])
        if _comes_from_outside(error, context):
            self._journal.write(LAB, "connection-failed", sentence)
            return
        self.mistakes.append(sentence)
        self._journal.write(LAB, "mistake", sentence)
        if self._tell is not None:
            self._tell(sentence, error)


def end_on_mistake(journal: Journal, ended: asyncio.Event) -> MistakeWatch:
    """Watch the running loop; a mistake is printed on stderr and sets `ended`."""

    def tell(sentence: str, error: BaseException | None) -> None:
        print(f"posturelab: a mistake of the lab, which ends: {render_line(sentence)}", file=sys.stderr)
        for line in "".join(traceback.format_exception(error)).splitlines() if error else ():
            print(render_line(line), file=sys.stderr)
        ended.set()

    watch = MistakeWatch(journal, tell)
    asyncio.get_running_loop().set_exception_handler(watch)
    return watch


def _comes_from_outside(error: BaseException | None, context: dict[str, Any]) -> bool:
    """Tell whether a report speaks of a broken connection and not of broken code."""
    if isinstance(error, _PEERS_DOING) or (isinstance(error, OSError) and error.errno == errno.ENOTCONN):
        return True
    return (error is None or isinstance(error, OSError)) and not _CONNECTION_KEYS.isdisjoint(context)
