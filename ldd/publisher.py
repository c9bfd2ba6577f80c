"""What the owner of a session calls when the session changes: it makes the next record and shares it.

The owner is the node of the last passed authentication. A node whose replica knows a later one elsewhere is silent
about its own, stale entry, and one that never authenticated the session has nothing to say (posture.md 7: the
publisher is on the authenticating node). Of posture the others are told nothing but Compliant, and that only since
status is shared at all (posture.md 6.4). Replicas forget a session of which nobody speaks (`ldd.directory`), so the
owner speaks of one that goes on also where nothing has changed, but seldom.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter

from ldd.directory import REFRESH_INTERVAL, RadiusSessionDirectory
from ldd.era import Era
from ldd.link import Link
from ldd.lsd_log import render_published
from ldd.record import TOPIC, RecordState, SessionRecord, encode_record
from nac.node.runtime import Runtime
from nac.posture import PostureStatus

_TICK = timedelta(microseconds=1)
_get_shared = attrgetter("mac", "calling_station_id", "addresses", "nas_ip", "nas_ipv6", "state", "acct_session_id")
"""What record and session have in common and may change, posture status apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingNode:
    """What others are told of the node that publishes."""

    name: str
    address: str
    fqdn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSession:
    """A session as its owner sees it at present; the fields are those of `ldd.record.SessionRecord`.

    `authenticated_at` is None where this node never authenticated it.
    """

    session_id: str
    mac: str
    calling_station_id: str
    addresses: tuple[str, ...]
    nas_ip: str
    nas_ipv6: str = ""
    state: RecordState
    posture_status: PostureStatus | None
    acct_session_id: str
    authenticated_at: datetime | None = None


class SessionPublisher:
    """Publishes the sessions of one node. Its own replica knows each record before anybody else does."""

    def __init__(
        self,
        node: PublishingNode,
        runtime: Runtime,
        *,
        directory: RadiusSessionDirectory,
        link: Link,
        era: Era = Era.POSTURE_SHARING,
    ) -> None:
        """Publish as `node`; versions go on from what `directory` holds."""
        self._node = node
        self._runtime = runtime
        self._directory = directory
        self._link = link
        self._shares_posture = era is Era.POSTURE_SHARING

    def authenticated(self, session: OwnSession) -> SessionRecord:
        """Share a session that was authenticated here just now, which makes this node its owner.

        An owner known to be earlier is outdone even where its clock is ahead of this node's.
        """
        known = self._directory.find_latest(session.session_id)
        now = self._runtime.clock.now()
        why = "authenticated here: this node owns the session"
        if known is not None and known.is_active and known.psn != self._node.name:
            why = f"authenticated here: this node takes the session over from {known.psn}"
        authenticated_at = max(now, known.authenticated_at + _TICK) if known else now
        version = known.version + 1 if known else 1
        return self._publish(self._make_record(session, authenticated_at, version=version, at=now), why)

    def changed(self, session: OwnSession, *, goes_on: bool = False) -> SessionRecord | None:
        """Share what has changed; None where nothing has or this node is not the owner.

        Where accounting has just shown that the session `goes_on`, its record is told again in time, and made anew
        where the replica has forgotten it all the same; another node's authentication since then outdoes that one.
        """
        known = self._directory.find_latest(session.session_id)
        if known is None:
            return self._recall(session) if goes_on else None
        if not self._is_own(known):
            return None
        posture_status = self._select_status(session)
        if posture_status is known.posture_status and _get_shared(session) == _get_shared(known):
            return self._refresh(known) if goes_on else None
        record = replace(
            known,
            mac=session.mac,
            calling_station_id=session.calling_station_id,
            addresses=session.addresses,
            nas_ip=session.nas_ip,
            nas_ipv6=session.nas_ipv6,
            state=session.state,
            posture_status=posture_status,
            acct_session_id=session.acct_session_id,
        )
        return self._publish_next(record, "the owner's session has changed")

    def continued(self, session_id: str) -> SessionRecord | None:
        """Share that a session goes on of which nothing else is known here any more; None as `changed` does."""
        known = self._find_own(session_id)
        return self._refresh(known) if known is not None else None

    def stopped(self, session_id: str) -> SessionRecord | None:
        """Share the end of a session; None where this node is not the owner."""
        known = self._find_own(session_id)
        if known is None:
            return None
        return self._publish_next(replace(known, state=RecordState.STOPPED), "the stop reached the owner")

    def _select_status(self, session: OwnSession) -> PostureStatus | None:
        is_shared = self._shares_posture and session.posture_status is PostureStatus.COMPLIANT
        return session.posture_status if is_shared else None

    def _find_own(self, session_id: str) -> SessionRecord | None:
        known = self._directory.find_latest(session_id)
        return known if known is not None and self._is_own(known) else None

    def _is_own(self, known: SessionRecord) -> bool:
        return known.psn == self._node.name and known.is_active

    def _refresh(self, known: SessionRecord) -> SessionRecord | None:
        if self._runtime.clock.now() - known.at < REFRESH_INTERVAL:
            return None
        return self._publish_next(known, "the session goes on: told again before it is forgotten")

    def _recall(self, session: OwnSession) -> SessionRecord | None:
        if session.authenticated_at is None:
            return None
        record = self._make_record(session, session.authenticated_at, version=1, at=self._runtime.clock.now())
        return self._publish(record, "the session goes on, though it was forgotten: told anew")

    def _make_record(
        self, session: OwnSession, authenticated_at: datetime, *, version: int, at: datetime
    ) -> SessionRecord:
        return SessionRecord(
            session_id=session.session_id,
            mac=session.mac,
            calling_station_id=session.calling_station_id,
            addresses=session.addresses,
            psn=self._node.name,
            psn_ip=self._node.address,
            psn_fqdn=self._node.fqdn,
            nas_ip=session.nas_ip,
            nas_ipv6=session.nas_ipv6,
            state=session.state,
            posture_status=self._select_status(session),
            acct_session_id=session.acct_session_id,
            version=version,
            authenticated_at=authenticated_at,
            at=at,
        )

    def _publish_next(self, record: SessionRecord, why: str) -> SessionRecord:
        return self._publish(replace(record, version=record.version + 1, at=self._runtime.clock.now()), why)

    def _publish(self, record: SessionRecord, why: str) -> SessionRecord:
        self._directory.merge(record)
        payload = encode_record(record)
        self._link.publish(TOPIC, record.session_id, payload)
        facts = {
            "session_id": record.session_id,
            "mac": record.mac,
            "state": record.state.value,
            "posture_status": record.posture_status.value if record.posture_status else "",
            "version": record.version,
            "log": render_published(record.session_id, payload.decode()),
        }
        self._runtime.write("rsd-published", why, facts)
        return record
