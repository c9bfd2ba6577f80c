"""Sessions of endpoints that are not the lab's own: real devices and clients that somebody points at it.

Of the four facts two are known of them, what the policy service nodes hold and what MNT shows; there is no agent to
ask, and the device enforces what it likes.
"""

from __future__ import annotations

from datetime import datetime

from mnt.session import MonitoredSession, SessionState
from posturelab.facts import NO_SESSION, EndpointFacts, find_status, observe_directory
from posturelab.lab import Lab
from posturelab.topology.endpoint import EndpointNode
from psn.session import Session

MOST_SHOWN = 200
"""The newest are shown; a load test leaves thousands."""


def observe_foreign(lab: Lab) -> list[EndpointFacts]:
    """Observe the newest sessions that belong to none of the lab's endpoints, newest last."""
    own = {endpoint.mac for endpoint in lab.topology.select(EndpointNode).values()}
    held: dict[str, dict[str, Session]] = {}
    newest: dict[str, datetime] = {}
    for name, psn in lab.psns.items():
        for session in psn.sessions:
            if session.mac not in own:
                held.setdefault(session.session_id, {})[name] = session
                newest[session.session_id] = max(session.updated_at, newest.get(session.session_id, session.updated_at))
    monitored = {
        found.session_id: found for node in lab.mnts.values() for found in node.directory if found.mac not in own
    }
    for session_id, found in monitored.items():
        newest.setdefault(session_id, found.updated_at)
    shown = sorted(newest, key=lambda session_id: (newest[session_id], session_id))[-MOST_SHOWN:]
    return [_observe(lab, session_id, held.get(session_id, {}), monitored.get(session_id)) for session_id in shown]


def _observe(lab: Lab, session_id: str, held: dict[str, Session], monitored: MonitoredSession | None) -> EndpointFacts:
    """Observe one session, held by any of the policy service nodes and known to MNT or not."""
    authenticated = [name for name, session in held.items() if session.groups is not None]
    owner = (monitored.acs_server if monitored else "") or next(iter(authenticated), "")
    statuses = {name: find_status(held.get(name)) for name in lab.psns}
    status = statuses.pop(owner, NO_SESSION)
    known = held.get(owner) or next(iter(held.values()), None)
    posture = monitored.posture_word if monitored else ""
    alive = monitored is not None and monitored.state is not SessionState.TERMINATED
    return EndpointFacts(
        endpoint="",
        user=(known.user_name if known else monitored.user_name if monitored else ""),
        mac=(known.mac if known else monitored.mac if monitored else ""),
        address=next(iter(known.addresses), "") if known else "",
        session_id=session_id,
        agent="",
        policy_server="",
        latest_scan_at="",
        owner=owner,
        psn=status,
        profile=known.profile if known else "",
        others=statuses,
        directory=observe_directory(lab, known.mac if known else monitored.mac if monitored else ""),
        mnt=monitored.state.value if monitored else NO_SESSION,
        mnt_posture=posture,
        access="",
        differing=("mnt",) if alive == (status == NO_SESSION) else (),
    )
