"""The parts of a policy service node without its ports."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ldd.directory import RadiusSessionDirectory
from nac.node.journal import Journal, JournalRecord
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from nac.syslog import SyslogRecord
from psn.accept import build_templates
from psn.access import AccessService
from psn.accounting import AccountingService
from psn.endpoints.store import EndpointStore
from psn.log.audit import Audit
from psn.log.syslog import SyslogSender
from psn.session import Session
from psn.session_cache import SessionCache
from psn.session_events import SessionEvent
from psn.session_identity import SessionIdentity
from radius import attribute
from radius.authenticator import encode_reply, encode_request, verify_request
from radius.dictionary import Dictionary
from radius.packet import Attribute, Code, Packet, decode, integer, text
from radius.secret import Secret
from radius.server import Reply, Request
from tests.psn.collector import Collector
from tests.psn.deployment import MAC, NOW, SECRET, SESSION_ID, SWITCH, make_config


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant

    def advance(self, **by: float) -> None:
        self.instant += timedelta(**by)


class Listener:
    """Remembers what it is told: sessions by id, with what happened to them, or None where they were stopped."""

    def __init__(self) -> None:
        self.told: list[tuple[str, SessionEvent | None]] = []

    def on_session(self, session: Session, event: SessionEvent) -> None:
        self.told.append((session.session_id, event))

    def on_stop(self, session_id: str) -> None:
        self.told.append((session_id, None))


class Bench:
    """The parts of one node, wired as `psn.node` does, with requests that go through the codec but not the network."""

    def __init__(self, dictionary: Dictionary, collector: Collector, **changes: Any) -> None:
        self.clock = HandClock()
        self.collector = collector
        self.dictionary = dictionary
        self.journal = Journal(self.clock)
        self.runtime = Runtime(node="psn1", clock=self.clock, random=random.Random(1), journal=self.journal)
        self.config = make_config(collector, **changes)
        self.sessions = SessionCache(limit=self.config.session_limit, preference=self.config.preference)
        self.rsd = RadiusSessionDirectory()
        self.listener = Listener()
        self.endpoints = EndpointStore(self.runtime)
        self.sender = SyslogSender(
            host="psn1", address="127.0.0.1", targets=self.config.log_targets, observe=self.runtime.observe
        )
        self.audit = Audit(config=self.config, runtime=self.runtime, sender=self.sender, dictionary=dictionary)
        identity = SessionIdentity(name="psn1", address="127.0.0.1", random=self.runtime.random)
        self.access = AccessService(
            config=self.config,
            runtime=self.runtime,
            sessions=self.sessions,
            endpoints=self.endpoints,
            audit=self.audit,
            identity=identity,
            templates=build_templates(self.config, dictionary, 8443),
            dictionary=dictionary,
            directory=self.rsd,
            listener=self.listener,
        )
        self.accounting = AccountingService(
            runtime=self.runtime,
            sessions=self.sessions,
            audit=self.audit,
            identity=identity,
            phantom_on_start=self.config.phantom_on_start,
            listener=self.listener,
        )
        self._filler = 0

    def make_request(
        self, *attributes: Attribute, code: int = Code.ACCESS_REQUEST, sign: bool = True, secret: Secret = SECRET
    ) -> Request:
        """Make a verified request of switch1; `secret` is the one that the device believes in."""
        self._filler = self._filler % 255 + 1
        data = encode_request(code, 1, list(attributes), secret, bytes((self._filler,)) * 16, sign=sign)
        packet = decode(data)
        assert not sign or verify_request(data, packet, secret) is None
        return Request(packet, SWITCH, ("127.0.3.1", 1645), ("127.0.1.1", 1812))

    def ask(self, *attributes: Attribute, sign: bool = True, secret: Secret = SECRET) -> Packet | None:
        """Send an Access-Request and decode the reply."""
        request = self.make_request(*attributes, sign=sign, secret=secret)
        return self._decode(request, self.access.handle(request))

    def account(self, status: int, *attributes: Attribute) -> Packet | None:
        """Send an Accounting-Request and decode the reply."""
        pair = (attribute.ACCT_STATUS_TYPE, integer(status))
        request = self.make_request(pair, *attributes, code=Code.ACCOUNTING_REQUEST)
        return self._decode(request, self.accounting.handle(request))

    @staticmethod
    def _decode(request: Request, reply: Reply | None) -> Packet | None:
        if reply is None:
            return None
        return decode(encode_reply(request.packet, reply.code, reply.attributes, request.client.secret))

    @staticmethod
    def avpair(value: str) -> Attribute:
        return attribute.CISCO_AVPAIR, text(value)

    def mab(self, mac: str = MAC, session_id: str | None = SESSION_ID) -> list[Attribute]:
        """List what a switch sends for MAB (aaa-mnt.md 1.2)."""
        user = text(mac.replace(":", "").lower())
        pairs = ["service-type=Call Check", *([f"audit-session-id={session_id}"] if session_id else []), "method=mab"]
        return [
            (attribute.USER_NAME, user),
            (attribute.USER_PASSWORD, user),
            (attribute.SERVICE_TYPE, integer(attribute.SERVICE_CALL_CHECK)),
            (attribute.CALLING_STATION_ID, text(mac.replace(":", "-"))),
            (attribute.NAS_IP_ADDRESS, bytes((127, 0, 3, 1))),
            (attribute.NAS_PORT_ID, b"GigabitEthernet1/0/1"),
            (attribute.NAS_PORT_TYPE, integer(attribute.NAS_PORT_TYPE_ETHERNET)),
            *(self.avpair(pair) for pair in pairs),
        ]

    def pap(self, user: str, password: str, *, session_id: str | None = SESSION_ID) -> list[Attribute]:
        session = [self.avpair(f"audit-session-id={session_id}")] if session_id else []
        return [(attribute.USER_NAME, text(user)), (attribute.USER_PASSWORD, text(password)), *session]

    def authenticate(self, mac: str = MAC, session_id: str = SESSION_ID) -> Session:
        """Let an endpoint pass, and give its session."""
        assert self.ask(*self.mab(mac, session_id)) is not None
        session = self.sessions.peek(session_id)
        assert session is not None
        return session

    def list_records(self) -> list[SyslogRecord]:
        return self.collector.list_records()

    def list_events(self, event: str) -> list[JournalRecord]:
        return [record for record in self.journal if record.event == event]

    def set_status(self, status: PostureStatus) -> None:
        for session in self.sessions:
            session.posture_status = status


BuildBench = Callable[..., Bench]
