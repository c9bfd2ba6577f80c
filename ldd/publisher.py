"""What the owner of a session calls when the session changes: it makes the next record and shares it.

The owner is the node of the last passed authentication. A node whose replica knows a later one elsewhere is silent
about its own, stale entry, and one that never authenticated the session has nothing to say (posture.md 7: the
publisher is on the authenticating node). Of posture the others are told nothing but Compliant, and that only since
status is shared at all (posture.md 6.4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from ldd.directory import RadiusSessionDirectory
from ldd.era import Era
from ldd.link import Link
from ldd.lsd_log import render_published
from ldd.record import TOPIC, RecordState, SessionRecord, encode_record
from nac.posture import PostureStatus
from nac.runtime import Runtime

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The node that publishes."""

    name: str
    address: str
    fqdn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSession:
    """A session as its owner sees it at present; the fields are those of `ldd.record.SessionRecord`."""

    session_id: str
    mac: str
    calling_station_id: str
    addresses: tuple[str, ...]
    nas_ip: str
    nas_ipv6: str = ""
    state: RecordState
    posture_status: PostureStatus | None
    acct_session_id: str


class SessionPublisher:
    """Publishes the sessions of one node. Its own replica knows each record before anybody else does."""

    def __init__(
        self,
        owner: Owner,
        runtime: Runtime,
        *,
        directory: RadiusSessionDirectory,
        link: Link,
        era: Era = Era.POSTURE_SHARING,
    ) -> None:
        """Publish as `owner`; versions go on from what `directory` holds."""
        self._owner = owner
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
        record = SessionRecord(
            session_id=session.session_id,
            mac=session.mac,
            calling_station_id=session.calling_station_id,
            addresses=session.addresses,
            psn=self._owner.name,
            psn_ip=self._owner.address,
            psn_fqdn=self._owner.fqdn,
            nas_ip=session.nas_ip,
            nas_ipv6=session.nas_ipv6,
            state=session.state,
            posture_status=self._select_status(session),
            acct_session_id=session.acct_session_id,
            version=known.version + 1 if known else 1,
            authenticated_at=max(now, known.authenticated_at + _TICK) if known else now,
            at=now,
        )
        why = "authenticated here: this node owns the session"
        if known is not None and known.is_active and known.psn != self._owner.name:
            why = f"authenticated here: this node takes the session over from {known.psn}"
        return self._publish(record, why)

    def changed(self, session: OwnSession) -> SessionRecord | None:
        """Share what has changed; None where nothing has or this node is not the owner."""
        known = self._find_own(session.session_id)
        if known is None:
            return None
        record = replace(
            known,
            mac=session.mac,
            calling_station_id=session.calling_station_id,
            addresses=session.addresses,
            nas_ip=session.nas_ip,
            nas_ipv6=session.nas_ipv6,
            state=session.state,
            posture_status=self._select_status(session),
            acct_session_id=session.acct_session_id,
        )
        return None if record == known else self._publish_next(record, "the owner's session has changed")

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
        known = self._directory.find(session_id)
        return known if known is not None and known.psn == self._owner.name else None

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
