"""What a replica has to be so that it can be reconciled with those of the others (`ldd.reconciliation`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from ldd.digest import Digest, Parts


class Replica(Protocol):
    """What is reconciled."""

    @property
    def digest(self) -> Digest:
        """Its digest."""
        ...

    def walk(self, parts: Parts) -> Iterator[Sequence[tuple[str, bytes]]]:
        """Walk the keys and records of some buckets in steps that keep nobody waiting."""
        ...

    def note_question(self, why: str) -> None:
        """Note that the others are asked."""
        ...

    def note_answer(self, shares: Collection[str], count: int) -> None:
        """Note that records were told again."""
        ...

    def refuse(self, sender: str, reason: str) -> None:
        """Note that a message is damaged."""
        ...
