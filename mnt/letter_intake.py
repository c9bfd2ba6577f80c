"""Log records as letters: each is taken once, whatever comes again, and acknowledged when the store has it.

Letters (`nac.letter`) of one stream are numbered; the store remembers which comes next. What is below was read before,
perhaps in an earlier life of this node; what is missing was dropped by its sender or lost with a broker. Of a sender
never heard of before, what came before its first letter here is nobody's loss: this node may be new, or have been made
to forget. A letter that is damaged would be so the next time too, so it is refused and acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable

from ldd.link import Delivery, Json, NotTakenError
from mnt.store import MonitoringStore
from mnt.store_schema import Position
from nac.letter import parse_letter
from nac.node.database import DatabaseError
from nac.node.runtime import Runtime
from nac.syslog import MalformedSyslogError, SyslogRecord


class LetterIntake:
    """The receiver of a monitoring node's mailbox."""

    def __init__(
        self, runtime: Runtime, store: MonitoringStore, on_record: Callable[[SyslogRecord, Position], None]
    ) -> None:
        """Give every record, and where it came from, to `on_record`."""
        self._runtime = runtime
        self._store = store
        self._on_record = on_record

    async def receive(self, delivery: Delivery) -> None:
        """Take a delivery (`ldd.link.Receiver`); raises `NotTakenError` where it cannot be stored at present."""
        stream, sender = _clean(delivery.stream), _clean(delivery.sender)
        expected = self._store.find_next(stream)
        if expected is None:
            expected = 1 if self._store.knows_sender(sender) else delivery.first
        if delivery.first > expected:
            self._tell_missing(delivery.sender, delivery.first - expected)
        read = max(0, expected - delivery.first)
        for number, letter in enumerate(delivery.letters[read:], delivery.first + read):
            # Noted first: a letter that this node fails on is not to come again for ever.
            position = Position(stream=stream, number=number)
            self._store.note_position(position, sender=sender, now=self._runtime.clock.now())
            self._take(letter, position, delivery.sender)
        try:
            await self._store.commit()
        except DatabaseError as error:
            raise NotTakenError(str(error)) from error

    def _take(self, letter: Json, position: Position, sender: str) -> None:
        try:
            record = parse_letter(letter)
        except MalformedSyslogError as error:
            self._refuse(sender, str(error))
            return
        self._on_record(record, position)

    def _refuse(self, sender: str, reason: str) -> None:
        self._runtime.write("letter-refused", reason, {"server": sender})

    def _tell_missing(self, sender: str, count: int) -> None:
        reason = f"{count} log records of {sender} did not arrive: it had to drop them, or a broker has lost them"
        self._runtime.write("log-records-missing", reason, {"server": sender, "missing": count})


def _clean(name: str) -> str:
    """Replace what JSON can spell and no file can hold: half a character of UTF-16."""
    return name.encode("utf-8", "replace").decode()
