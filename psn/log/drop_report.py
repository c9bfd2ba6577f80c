"""What MNT is told of datagrams that the RADIUS ports discard: 5405 and 5413, and never more than a few a second.

Only the reason and whose address it is are known here, since nothing in a discarded datagram can be believed. An
Access-Request is authentic by its Message-Authenticator and an Accounting-Request by its own authenticator, so that the
port tells which was wrong. The journal has every drop; MNT does not need a flood to see that there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from nac.node.journal import Fact, Observer
from nac.node.runtime import Runtime
from nac.syslog_catalogue import ACCOUNTING_DROPPED, REQUEST_DROPPED, CatalogueEntry, render_reason
from psn.log.audit import Audit
from radius.remedy import DropReason

MOST_A_SECOND = 10

_CODES: Mapping[str, int] = MappingProxyType(
    {
        DropReason.UNKNOWN_CLIENT.value: 11007,
        DropReason.MALFORMED.value: 11014,
        DropReason.UNEXPECTED_CODE.value: 11014,
        DropReason.MESSAGE_AUTHENTICATOR_REQUIRED.value: 11057,
        DropReason.PROXY_STATE_LIMITED.value: 11057,
        DropReason.DUPLICATE_IN_PROGRESS.value: 5436,
    }
)
"""Failure reasons that are the same on both ports; a drop for another reason says nothing of the request."""
_NOT_AUTHENTIC: Mapping[CatalogueEntry, int] = MappingProxyType({REQUEST_DROPPED: 11036, ACCOUNTING_DROPPED: 11038})


class DropReport:
    """Ships the drops of one node."""

    def __init__(self, *, runtime: Runtime, audit: Audit) -> None:
        """Begin with the first second still to come."""
        self._runtime = runtime
        self._audit = audit
        self._second: datetime | None = None
        self._shipped = 0

    def observe_as(self, entry: CatalogueEntry) -> Observer:
        """Build the observer of a server whose drops are recorded as `entry`; the journal gets all it observes."""
        codes = {**_CODES, DropReason.NOT_AUTHENTIC.value: _NOT_AUTHENTIC[entry]}

        def observe(event: str, reason: str, facts: Mapping[str, Fact]) -> None:
            self._runtime.write(event, reason, facts)
            code = codes.get(str(facts.get("drop")))
            if code is not None and self._has_room():
                self._audit.ship(entry, _list_record(facts, code))

        return observe

    def _has_room(self) -> bool:
        """Count one record against the bound of its second."""
        now = self._runtime.clock.now()
        if self._second is None or not self._second <= now < self._second + timedelta(seconds=1):
            self._second = now
            self._shipped = 0
        self._shipped += 1
        return self._shipped <= MOST_A_SECOND


def _list_record(facts: Mapping[str, Fact], code: int) -> list[tuple[str, str]]:
    return [
        ("ConfigVersionId", "1"),
        ("Device IP Address", str(facts["address"])),
        ("Protocol", "Radius"),
        ("NetworkDeviceName", str(facts["client"])),
        ("FailureReason", render_reason(code)),
    ]
