"""What this node's sessions become in the RADIUS Session Directory of the deployment.

An entry made from accounting alone (rule P10 of posture.md 2.1) is not shared: its owner is another node. Where it is
this node, which has restarted since, the entry only says that the session goes on. One that the limit drives out of the
session cache stays shared: the session goes on, and this node is still its owner.
"""

from __future__ import annotations

from ldd.publisher import OwnSession, SessionPublisher
from ldd.record import RecordState
from nac.identity import make_printable
from psn.session import Session
from psn.session_events import SessionEvent


class SessionDirectoryFeed:
    """A `psn.session_events.SessionListener` that publishes."""

    def __init__(self, publisher: SessionPublisher) -> None:
        """Publish by `publisher`."""
        self._publisher = publisher

    def on_session(self, session: Session, event: SessionEvent) -> None:
        """Share what happened to a session."""
        if event is SessionEvent.AUTHENTICATED:
            self._publisher.authenticated(describe_session(session))
        elif session.posture_status is not None:
            self._publisher.changed(describe_session(session), goes_on=event is SessionEvent.ACCOUNTED)
        else:
            self._publisher.continued(session.session_id)

    def on_stop(self, session_id: str) -> None:
        """Share that a session has ended."""
        self._publisher.stopped(session_id)


def describe_session(session: Session) -> OwnSession:
    """Describe a session as the directory knows sessions."""
    return OwnSession(
        session_id=session.session_id,
        mac=session.mac,
        calling_station_id=make_printable(session.calling_station_id),
        addresses=session.addresses,
        nas_ip=session.nas_ip,
        nas_ipv6=session.nas_ipv6,
        state=RecordState(session.state.value),
        posture_status=session.posture_status,
        acct_session_id=make_printable(session.acct_session_id),
        authenticated_at=session.authenticated_at,
    )
