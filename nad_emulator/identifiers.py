"""The numbers a switch gives out: audit session ids and accounting session ids.

Source: aaa-mnt 1.6 and 1.9. A session id ends with the milliseconds of uptime; both counters begin anew at boot.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from nac.identity import render_ios_session_id

_BOOT = 180_000, 240_000
"""Milliseconds from power to the first session: a switch boots for some minutes. It also keeps ids apart that two
boots of a lab would otherwise repeat."""
_FIRST_INTERFACE_ID = 0x10000000


class Identifiers:
    """The counters of one switch since it booted."""

    def __init__(self, address: str, *, now: datetime, random: Random) -> None:
        """Boot at `now`."""
        self._address = address
        self._booted_at = now - timedelta(milliseconds=random.randint(*_BOOT))
        self._sessions = 0
        self._accountings = 0

    def open_session(self, now: datetime) -> tuple[str, int]:
        """Give out the next audit session id and client-iif-id."""
        self._sessions += 1
        uptime = (now - self._booted_at) // timedelta(milliseconds=1)
        return render_ios_session_id(self._address, self._sessions, uptime), _FIRST_INTERFACE_ID + self._sessions

    def open_accounting(self) -> str:
        """Give out the next Acct-Session-Id: eight hex digits."""
        self._accountings += 1
        return f"{self._accountings:08X}"
