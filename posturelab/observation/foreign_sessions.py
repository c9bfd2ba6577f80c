"""Sessions of endpoints that are not the lab's own: real devices and clients that somebody points at it.

Of the four facts two are known of them, what the policy service nodes hold and what MNT shows; there is no agent to
ask, and the device enforces what it likes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from mnt.session import MonitoredSession
from posturelab.lab import Lab
from posturelab.observation.facts import NO_SESSION, EndpointFacts, find_status, observe_directory
from posturelab.topology.endpoint import EndpointNode
from psn.session import Session

MOST_SHOWN = 200
"""The newest are shown; a load test leaves thousands."""


class Identity(NamedTuple):
    """Whose session it is, as far as anybody knows."""

    user: str
    mac: str
    address: str = ""


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
    identity = _identify(known, monitored)
    facts = EndpointFacts(
        **identity._asdict(),
        session_id=session_id,
        owner=owner,
        psn=status,
        profile=known.profile if known else "",
        others=statuses,
        directory=observe_directory(lab, identity.mac),
        mnt=monitored.state.value if monitored else NO_SESSION,
        mnt_posture=monitored.posture_word if monitored else "",
    )
    return replace(facts, differing=("mnt",) if facts.is_alive == (status == NO_SESSION) else ())


def _identify(known: Session | None, monitored: MonitoredSession | None) -> Identity:
    """Tell whose session it is by what a session cache holds, else by what MNT does."""
    if known is not None:
        return Identity(known.user_name, known.mac, next(iter(known.addresses), ""))
    assert monitored is not None, "a session is shown because some node holds it"
    return Identity(monitored.user_name, monitored.mac)
