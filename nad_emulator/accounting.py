"""The accounting of a session: Start, interims, Stop, in this order, whatever the servers do meanwhile.

A record says what was true when it happened; only Acct-Delay-Time grows until a server has it. A record that no
server takes is lost, as on IOS. One that is misdirected goes where a load balancer out of stickiness or a wrong list
of servers would send it. Source: aaa-mnt 1.9, posture.md 2.4, RFC 2866, RFC 2869 section 5.16, RFC 3580 section 3.8
(causes).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple

from nac.identity import render_mac_plain
from nac.node.runtime import Runtime
from nad_emulator.access_session import AccessSession
from nad_emulator.authorization import Authorization
from nad_emulator.config import SwitchConfig
from nad_emulator.fail_over import FailOverClient, NoAnswerError
from nad_emulator.session_attributes import list_nas_attributes, list_session_pairs, list_station_attributes, pair
from radius import attribute
from radius.packet import Attribute, Code, address, integer, text

_WORDS = {
    attribute.ACCT_START: "accounting-start",
    attribute.ACCT_INTERIM_UPDATE: "accounting-interim",
    attribute.ACCT_STOP: "accounting-stop",
}
_SEGMENT = 1460
"""Octets to a packet where the data plane counts octets only: every segment full."""
_MAXIMUM_RECORDS = 64


class TerminateCause(IntEnum):
    """Acct-Terminate-Cause."""

    LOST_CARRIER = 2
    SESSION_TIMEOUT = 5
    ADMIN_RESET = 6
    REAUTHENTICATION_FAILURE = 20
    PORT_REINITIALIZED = 21
    PORT_DISABLED = 22


class StrayRecord(StrEnum):
    """The records that can be misdirected."""

    INTERIM = "interim"
    STOP = "stop"


class _Record(NamedTuple):
    """A record on its way: the loop time of the event, all attributes as they were then, and who alone is to get it."""

    status: int
    reason: str
    happened_at: float
    attributes: list[Attribute]
    server: str


class SessionAccounting:
    """Accounting from the moment a port opens until it closes. `run` ends when the Stop is delivered or lost."""

    def __init__(
        self,
        session: AccessSession,
        authorization: Authorization,
        *,
        config: SwitchConfig,
        client: FailOverClient,
        runtime: Runtime,
    ) -> None:
        """Begin with the Start record of a session just authorized."""
        self._config = config
        self._session = session
        self._client = client
        self._runtime = runtime
        self._authorization = authorization
        self._acct_session_id = session.acct_session_id
        self._began_at = asyncio.get_running_loop().time()
        self._records: asyncio.Queue[_Record] = asyncio.Queue(_MAXIMUM_RECORDS)
        self._stop_server = ""
        self._put(attribute.ACCT_START, "the port is authorized")

    def update(self, authorization: Authorization) -> None:
        """Report an interim where a new authorization changes what accounting says."""
        changed = (authorization.classes, authorization.user_name) != (
            self._authorization.classes,
            self._authorization.user_name,
        )
        self._authorization = authorization
        if changed and self._config.update_newinfo:
            self._put(attribute.ACCT_INTERIM_UPDATE, "a re-authentication has changed Class or User-Name")

    def stop(self, cause: TerminateCause, reason: str) -> None:
        """Report the end."""
        terminate_cause = (attribute.ACCT_TERMINATE_CAUSE, integer(cause))
        self._put(attribute.ACCT_STOP, reason, terminate_cause, server=self._stop_server)

    def misdirect(self, record: StrayRecord, *, server: str) -> None:
        """Send an interim now, or the Stop when it is due, to `server` and to no other."""
        match record:
            case StrayRecord.INTERIM:
                self._put(attribute.ACCT_INTERIM_UPDATE, "an interim out of turn", server=server)
            case StrayRecord.STOP:
                self._stop_server = server

    async def run(self) -> None:
        """Deliver the records one after the other, with an interim whenever the interval is over."""
        loop = asyncio.get_running_loop()
        interval = self._interim_interval
        due_at = None if interval is None else loop.time() + interval.total_seconds()
        while True:
            try:
                async with asyncio.timeout_at(due_at):
                    record = await self._records.get()
            except TimeoutError:
                record = self._record(attribute.ACCT_INTERIM_UPDATE, "the interim interval is over")
                interval = self._interim_interval
                due_at = None if interval is None else loop.time() + interval.total_seconds()
            await self._deliver(record)
            if record.status == attribute.ACCT_STOP:
                return

    @property
    def _interim_interval(self) -> timedelta | None:
        """The configured interval, else the server's (RFC 2869 section 5.16)."""
        return self._config.interim_interval or self._authorization.interim_interval

    async def _deliver(self, record: _Record) -> None:
        word = _WORDS[record.status]
        facts = {"access_port": self._session.port.name, "session_id": self._session.session_id}
        try:
            server, _ = await self._client.exchange(
                Code.ACCOUNTING_REQUEST, record.attributes, happened_at=record.happened_at, only=record.server
            )
        except NoAnswerError as error:
            self._runtime.write("accounting-lost", f"{word} was not delivered: {error}", facts)
        else:
            self._runtime.write(word, record.reason, {**facts, "server": server})

    def _put(self, status: int, reason: str, *more: Attribute, server: str = "") -> None:
        """Put a record in line; when the line is full its oldest record is lost, never the Stop."""
        if self._records.full():
            lost = self._records.get_nowait()
            reason_lost = f"{_WORDS[lost.status]} was not delivered: {_MAXIMUM_RECORDS} records wait"
            self._runtime.write("accounting-lost", reason_lost, {"session_id": self._session.session_id})
        self._records.put_nowait(self._record(status, reason, *more, server=server))

    def _record(self, status: int, reason: str, *more: Attribute, server: str = "") -> _Record:
        """Build a record of this moment."""
        if server:
            reason += f"; misdirected to {server}"
        now = asyncio.get_running_loop().time()
        attributes = self._list_attributes(status)
        if status != attribute.ACCT_START:
            attributes += _list_usage(self._session, round(now - self._began_at))
        return _Record(status, reason, now, [*attributes, *more], server)

    def _list_attributes(self, status: int) -> list[Attribute]:
        session, authorization = self._session, self._authorization
        return [
            (attribute.ACCT_SESSION_ID, text(self._acct_session_id)),
            *list_session_pairs(session),
            pair("connect-progress=Auth Open"),
            (attribute.FRAMED_IP_ADDRESS, address(session.address)),
            (attribute.USER_NAME, authorization.user_name or text(render_mac_plain(session.mac))),
            (attribute.ACCT_AUTHENTIC, integer(attribute.ACCT_AUTHENTIC_RADIUS)),
            (attribute.ACCT_STATUS_TYPE, integer(status)),
            *list_nas_attributes(self._config, session),
            (attribute.NAS_IDENTIFIER, text(self._config.name)),
            *list_station_attributes(self._config, session),
            *((attribute.CLASS, value) for value in authorization.classes),
            (attribute.SERVICE_TYPE, integer(attribute.SERVICE_CALL_CHECK)),
            (attribute.EVENT_TIMESTAMP, integer(int(self._runtime.clock.now().timestamp()))),
            (attribute.ACCT_DELAY_TIME, integer(0)),
        ]


def _list_usage(session: AccessSession, seconds: int) -> list[Attribute]:
    """List what has been used; counters wrap at 2**32 with the gigawords counting the turns (RFC 2869 section 5.1)."""
    received, sent = session.input_octets, session.output_octets
    return [
        (attribute.ACCT_SESSION_TIME, integer(seconds)),
        (attribute.ACCT_INPUT_OCTETS, integer(received & 0xFFFFFFFF)),
        (attribute.ACCT_OUTPUT_OCTETS, integer(sent & 0xFFFFFFFF)),
        (attribute.ACCT_INPUT_GIGAWORDS, integer(received >> 32)),
        (attribute.ACCT_OUTPUT_GIGAWORDS, integer(sent >> 32)),
        (attribute.ACCT_INPUT_PACKETS, integer(-(-received // _SEGMENT))),
        (attribute.ACCT_OUTPUT_PACKETS, integer(-(-sent // _SEGMENT))),
    ]
