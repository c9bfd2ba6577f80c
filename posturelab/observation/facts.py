"""The four facts about an endpoint: what its agent shows, what the PSNs hold, what MNT shows, what the NAD enforces.

The owner is the policy service node of the session's last passed authentication, as the NAD knows it, else as MNT does.
Reading changes nothing: no look-up here counts as a use of a session cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent_emulator.view import AgentStatus
from mnt.session import MonitoredSession, SessionState
from nac.posture import PostureStatus
from nad_emulator.access_view import AccessView
from posturelab.lab import Lab
from posturelab.topology.endpoint import EndpointNode
from psn.node import PolicyServiceNode
from psn.session import Session

NO_SESSION = "no session"
NO_STATUS = "no status"
"""What a session cache entry without authentication holds (rule P10)."""

_BELIEFS = {
    AgentStatus.COMPLIANT.value: PostureStatus.COMPLIANT.value,
    AgentStatus.NOT_COMPLIANT.value: PostureStatus.NON_COMPLIANT.value,
}
"""What the agent believes of the network's verdict; in every other state it believes nothing."""

_SHOWN = {
    PostureStatus.UNKNOWN.value: (PostureStatus.UNKNOWN.shown, PostureStatus.NOT_APPLICABLE.value),
    NO_SESSION: ("",),
}
"""What MNT shows for what a PSN holds, where that is another word; which one follows from the rule (posture.md 6.1)."""

_CONTRADICTIONS = {
    PostureStatus.COMPLIANT.value: ("closed", "redirect"),
    PostureStatus.NON_COMPLIANT.value: ("open",),
}
"""Access that a posture status does not lead to under any sensible policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFacts:
    """The facts about one endpoint. `differing` names those of agent, mnt and access that contradict the owner.

    What has a default is not known of an endpoint that is not the lab's own.
    """

    endpoint: str = ""
    user: str
    mac: str
    address: str
    session_id: str
    agent: str = ""
    policy_server: str = ""
    latest_scan_at: str = ""
    owner: str
    psn: str
    """Posture status that the owner holds, or `NO_SESSION`, or `NO_STATUS`."""
    profile: str
    others: dict[str, str]
    """What every policy service node that is not the owner holds for this endpoint."""
    directory: dict[str, dict[str, str]]
    """What the replica of every node holds of the endpoint's newest session: `owner` and `posture`, empty for none."""
    mnt: str
    mnt_posture: str
    access: str = ""
    differing: tuple[str, ...] = ()

    @property
    def is_alive(self) -> bool:
        """Whether MNT holds the session for one that has not ended."""
        return self.mnt not in (NO_SESSION, SessionState.TERMINATED.value)


def observe_endpoint(lab: Lab, name: str) -> EndpointFacts:
    """Observe one endpoint; raises `UnknownNodeError`."""
    endpoint = lab.get_endpoint(name)
    node = lab.topology.select(EndpointNode)[name]
    access = lab.switches[node.attached_to.switch].access(node.attached_to.port)
    monitored = _find_monitored(lab, node.mac, access)
    owner = access.server or (monitored.acs_server if monitored else "")
    held = {psn: _find_status(found, node.mac, access) for psn, found in lab.psns.items()}
    status = held.pop(owner, NO_SESSION)
    view = endpoint.view()
    facts = EndpointFacts(
        endpoint=name,
        user=node.user,
        mac=node.mac,
        address=node.address,
        session_id=access.session_id,
        agent=view.status,
        policy_server=view.policy_server,
        latest_scan_at=view.latest_scan_at.isoformat(timespec="seconds") if view.latest_scan_at else "",
        owner=owner,
        psn=status,
        profile=_find_profile(lab, owner, access),
        others=held,
        directory=observe_directory(lab, node.mac),
        mnt=monitored.state.value if monitored else NO_SESSION,
        mnt_posture=monitored.posture_word if monitored else "",
        access=access.summary,
    )
    return replace(facts, differing=tuple(_list_differing(facts, is_plugged=endpoint.is_plugged)))


def observe_all(lab: Lab) -> list[EndpointFacts]:
    """Observe every endpoint of the lab, as declared."""
    return [observe_endpoint(lab, name) for name in lab.endpoints]


def observe_directory(lab: Lab, mac: str) -> dict[str, dict[str, str]]:
    """Observe what every node's replica of the session directory holds of an endpoint."""
    found = {name: node.rsd.find_by_mac(mac) for name, node in lab.sharing.items()}
    return {
        name: {
            "owner": record.psn if record else "",
            "posture": record.posture_status.value if record and record.posture_status else "",
        }
        for name, record in found.items()
    }


def _find_monitored(lab: Lab, mac: str, access: AccessView) -> MonitoredSession | None:
    """Find what MNT shows: of the present session, else of the endpoint's latest."""
    monitor = lab.find_monitor()
    if monitor is None:
        return None
    return monitor.directory.find(access.session_id) or monitor.directory.find_by_mac(mac)


def _find_status(psn: PolicyServiceNode, mac: str, access: AccessView) -> str:
    """Find the posture status that a node holds: of the present session, else of the endpoint's latest entry."""
    entries = psn.sessions.list_by_mac(mac)
    session = psn.sessions.peek(access.session_id) or max(entries, key=lambda entry: entry.updated_at, default=None)
    return find_status(session)


def find_status(session: Session | None) -> str:
    """Find the word for what a session cache entry holds of posture."""
    if session is None:
        return NO_SESSION
    return session.posture_status.value if session.posture_status else NO_STATUS


def _find_profile(lab: Lab, owner: str, access: AccessView) -> str:
    session = lab.psns[owner].sessions.peek(access.session_id) if owner in lab.psns else None
    return session.profile if session else ""


def _list_differing(facts: EndpointFacts, *, is_plugged: bool) -> Iterator[str]:
    """List the facts that contradict what the owner holds, or that no node holds what MNT takes for alive."""
    is_orphaned = facts.is_alive and {facts.psn, *facts.others.values()} == {NO_SESSION}
    shown = facts.mnt_posture if facts.is_alive else ""
    if is_plugged and _BELIEFS.get(facts.agent, facts.psn) != facts.psn:
        yield "agent"
    if is_orphaned or (is_plugged and facts.psn != NO_STATUS and shown not in _SHOWN.get(facts.psn, (facts.psn,))):
        yield "mnt"
    if is_plugged and facts.access in _CONTRADICTIONS.get(facts.psn, ()):
        yield "access"
