"""The duplicate cache of a server: a repeated request gets the stored reply, or nothing while the first is in work.

RFC 5080 section 2.2.2: a duplicate has the same source address, source port, identifier and Request Authenticator,
on the same receiving socket; its reply is sent again without processing; a new authenticator on the same tuple
replaces the entry; entries live at least 5 s and at most 30 s. Where requests are good for longer, as those of RFC
5176 are within their Event-Timestamp window, so must entries be: the lifetime is the owner's to choose. Instants are
seconds of any monotonic clock.

Entries stand in two generations, each filled for half the lifetime: ageing costs one comparison a request, and an
entry lives at least half the lifetime and at most all of it.
"""

from __future__ import annotations

from enum import Enum

Key = tuple[tuple[str, int], int]
"""Source address and port, and the identifier; one cache serves one socket."""

LONGEST_LIFETIME = 30.0
"""RFC 5080 section 2.2.2, in seconds."""
_GENERATION_LIMIT = 131_072


class Standing(Enum):
    """How a request stands that has no stored reply."""

    NEW = "new"
    IN_PROGRESS = "in progress"


class DuplicateCache:
    """Replies by source and identifier; at `limit` entries a generation ends early, which bounds memory."""

    __slots__ = ("_half", "_limit", "_old", "_turn_at", "_young")

    def __init__(self, *, lifetime: float = LONGEST_LIFETIME, limit: int = _GENERATION_LIMIT) -> None:
        """Start empty; `lifetime` is in seconds."""
        self._half = lifetime / 2
        self._limit = limit
        self._young: dict[Key, tuple[bytes, bytes | None]] = {}
        self._old: dict[Key, tuple[bytes, bytes | None]] = {}
        self._turn_at = 0.0

    def find(self, key: Key, authenticator: bytes, now: float) -> bytes | Standing:
        """Look a request up: its stored reply where it is a duplicate, else how it stands."""
        if now >= self._turn_at or len(self._young) >= self._limit:
            self._turn(now)
        entry = self._young.get(key) or self._old.get(key)
        if entry is None or entry[0] != authenticator:
            return Standing.NEW
        return entry[1] or Standing.IN_PROGRESS

    def begin(self, key: Key, authenticator: bytes) -> None:
        """Mark a new request as in progress."""
        self._young[key] = (authenticator, None)

    def store(self, key: Key, authenticator: bytes, reply: bytes) -> None:
        """Keep the reply of a request answered at once."""
        self._young[key] = (authenticator, reply)

    def finish(self, key: Key, authenticator: bytes, reply: bytes | None) -> None:
        """End a request that was in progress: keep its reply, or forget it where there is none.

        A newer request of the same source and identifier, which has taken its place meanwhile, stays.
        """
        entry = self._young.get(key) or self._old.get(key)
        if entry is not None and entry[0] == authenticator:
            if reply is not None:
                self._young[key] = (authenticator, reply)
            else:
                self._young.pop(key, None)
                self._old.pop(key, None)

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def _turn(self, now: float) -> None:
        """End a generation; both where more than a whole lifetime has passed, as after a leap of the clock."""
        leapt = now >= self._turn_at + self._half
        self._old = {} if leapt else self._young
        self._young = {}
        self._turn_at = (now if leapt else min(now, self._turn_at)) + self._half
