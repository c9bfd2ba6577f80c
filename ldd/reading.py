"""How the letters of one mailbox reach their receiver: in order, however often it fails; the same for both back ends.

Knows no broker: a back end hands in messages with a token of each, and is told whose tokens to acknowledge, and when to
begin anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from ldd.envelope import EnvelopeError, SchemaVersionError, decode_letters
from ldd.link import LinkEvent, NotTakenError
from ldd.link_state import LinkState

REDELIVERY_PAUSE = 1.0
"""Seconds after which letters come again that their receiver did not take."""

_Token = TypeVar("_Token")


@dataclass(slots=True)
class _Handover(Generic[_Token]):
    """A message that is given to its receiver."""

    token: _Token
    is_over: bool = False
    is_taken: bool = False
    error: EnvelopeError | None = None


class Reading(Generic[_Token]):
    """Gives one mailbox's messages to their receiver, and acknowledges them in their order.

    Where the receiver fails, nothing of what is under way is acknowledged any more, not even what comes to a good end
    later: the receiver sees all of it again, in order. A message of a newer release stays where it is with all that
    follow it, for that release can read it; what is not a message at all is thrown away.
    """

    def __init__(
        self,
        state: LinkState,
        mailbox: str,
        *,
        acknowledge: Callable[[_Token], None],
        fail: Callable[[], None],
        hold: Callable[[], None],
    ) -> None:
        """Begin with nothing under way.

        The reading is over when `fail` is called, or `hold` where reading again is of no use.
        """
        self._state = state
        self._mailbox = mailbox
        self._receiver = state.receivers[mailbox]
        self._acknowledge = acknowledge
        self._fail = fail
        self._hold = hold
        self._under_way: deque[_Handover[_Token]] = deque()
        self._is_held = False
        self._is_over = False

    def __len__(self) -> int:
        return len(self._under_way)

    def take(self, message: bytes, token: _Token) -> None:
        """Call the receiver in the loop's next turn; `acknowledge` is given the token."""
        if self._is_over:
            return
        handover = _Handover(token)
        self._under_way.append(handover)
        task = self._state.tasks.spawn(self._give(message, handover), name=f"letters to {self._mailbox}")
        task.add_done_callback(lambda _: self._settle(handover))

    def end(self) -> list[_Token]:
        """Acknowledge nothing any more; returns the tokens of what is under way, in order."""
        self._is_over = True
        tokens = [handover.token for handover in self._under_way]
        self._under_way.clear()
        return tokens

    async def _give(self, message: bytes, handover: _Handover[_Token]) -> None:
        if self._is_held:
            return
        try:
            delivery = decode_letters(message)
        except EnvelopeError as error:
            handover.error = error
            self._is_held = isinstance(error, SchemaVersionError) and error.is_newer
            handover.is_taken = not self._is_held
            return
        with suppress(NotTakenError):
            await self._receiver(delivery)
            handover.is_taken = True

    def _settle(self, ended: _Handover[_Token]) -> None:
        ended.is_over = True
        while self._under_way and self._under_way[0].is_over and not self._is_over:
            first = self._under_way[0]
            if not first.is_taken:
                self._is_over = True
                self._give_up(first.error)
                return
            if first.error is not None:
                self._state.tell(LinkEvent.UNREADABLE, f"letters to {self._mailbox} are thrown away: {first.error}")
            self._acknowledge(self._under_way.popleft().token)

    def _give_up(self, error: EnvelopeError | None) -> None:
        if error is None:
            self._fail()
        else:
            self._state.hold(f"letters to {self._mailbox} wait for a newer release of this node: {error}")
            self._hold()
