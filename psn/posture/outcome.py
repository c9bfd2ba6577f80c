"""What follows from a posture result: the lease, the records for MNT, and a CoA where the status changed.

Step 8 of posture.md 5.1. Only what an agent has assessed begins a lease; a default status does not. A status that
stays as it was gives no CoA: that is why a session found Compliant, be it the wrong one, ends an agent's scan without
anything happening at the NAD. A CoA is not sent before what the node keeps of the result is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from nac.identity import render_mac_hyphens
from nac.owned_tasks import OwnedTasks
from nac.posture import PostureStatus
from nac.runtime import Runtime
from nac.syslog_catalogue import POSTURE_REPORT, PROVISIONING_FAILED, PROVISIONING_SUCCEEDED, REASSESSMENT_REPORT
from psn.endpoints.store import EndpointStore
from psn.log.audit import Audit
from psn.posture.initial_status import POSTURE_EXPIRY, renew_lease
from psn.posture.policy import PostureSettings
from psn.posture.result import PostureResult
from psn.session import Session


class PostureOutcome:
    """Applies the results of one node's portal."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        settings: PostureSettings,
        endpoints: EndpointStore,
        audit: Audit,
        reauthenticate: Callable[[Session, str], Coroutine[object, object, object]],
        tasks: OwnedTasks,
    ) -> None:
        """`reauthenticate(session, cause)` sends a CoA, which is one of `tasks`."""
        self._runtime = runtime
        self._lease = settings.lease
        self._endpoints = endpoints
        self._audit = audit
        self._reauthenticate = reauthenticate
        self._tasks = tasks

    def apply(self, result: PostureResult) -> None:
        """Record one result; ask the NAD to reauthenticate where the status changed."""
        session = result.session
        facts = {
            "session_id": session.session_id,
            "mac": session.mac,
            "posture_status": result.status.value,
            "previous": result.previous.value if result.previous else "",
            "policies": ", ".join(result.policies),
        }
        self._runtime.write("posture-result", result.reason, facts)
        self._ship(result)
        if result.status is PostureStatus.COMPLIANT and result.agent_version and session.mac:
            self._renew_lease(session)
        if result.status is result.previous:
            self._runtime.write(
                "coa-not-needed", f"the status was {result.status} before: no CoA", {"mac": session.mac}
            )
        else:
            cause = f"posture status changed to {result.status}"
            self._tasks.spawn(self._send_coa(session, cause), name=f"{self._runtime.node} coa")

    def note_unprovisioned(self, session: Session, operating_system: str) -> None:
        """Record, once for each session, that client provisioning selects nothing for its agent."""
        if session.lacks_agent_configuration:
            return
        session.lacks_agent_configuration = True
        why = f"no client provisioning rule selects an agent configuration for {operating_system or 'this agent'}"
        facts = {"session_id": session.session_id, "mac": session.mac}
        self._runtime.write("provisioning-failed", why, facts)
        self._audit.ship(PROVISIONING_FAILED, list_missing_provisioning(session, operating_system, why))

    async def _send_coa(self, session: Session, cause: str) -> None:
        await self._endpoints.settled()
        await self._reauthenticate(session, cause)

    def _renew_lease(self, session: Session) -> None:
        attributes = self._endpoints.attributes_of(session.mac)
        expiry = renew_lease(attributes, lease=self._lease, now=self._runtime.clock.now())
        if expiry is not None:
            self._endpoints.set_attribute(session.mac, POSTURE_EXPIRY, expiry)
            why = "a posture success begins a new lease"
            self._runtime.write("posture-lease", why, {"mac": session.mac, "posture_expiry": expiry})

    def _ship(self, result: PostureResult) -> None:
        """Ship 87500 where provisioning selected something, then 87000 or 87001; nothing where no agent spoke."""
        if not result.agent_version:
            return
        if result.agent_configuration and not result.is_reassessment:
            self._audit.ship(PROVISIONING_SUCCEEDED, list_provisioning(result))
        self._audit.ship(REASSESSMENT_REPORT if result.is_reassessment else POSTURE_REPORT, list_report(result))


def list_provisioning(result: PostureResult) -> list[tuple[str, str]]:
    """List the attributes of 87500."""
    session = result.session
    pairs = [
        ("MacAddress", render_mac_hyphens(session.mac)),
        ("IpAddress", result.address),
        ("SessionId", session.session_id),
        ("UserName", result.user_name),
        ("OperatingSystem", result.operating_system),
        ("PostureAgentVersion", result.agent_version),
        ("AgentConfiguration", result.agent_configuration),
    ]
    return [pair for pair in pairs if pair[1]]


def list_missing_provisioning(session: Session, operating_system: str, why: str) -> list[tuple[str, str]]:
    """List the attributes of 87501."""
    pairs = [
        ("MacAddress", render_mac_hyphens(session.mac)),
        ("IpAddress", session.addresses[0] if session.addresses else ""),
        ("SessionId", session.session_id),
        ("UserName", session.user_name),
        ("OperatingSystem", operating_system),
        ("FailureReason", why),
    ]
    return [pair for pair in pairs if pair[1]]


def list_report(result: PostureResult) -> list[tuple[str, str]]:
    """List the attributes of 87000 and 87001 (aaa-mnt.md 4.4)."""
    session = result.session
    pairs = [
        ("MacAddress", render_mac_hyphens(session.mac)),
        ("OperatingSystem", result.operating_system),
        ("PostureAgentVersion", result.agent_version),
        ("PostureStatus", result.status.value),
        ("PosturePolicyMatched", ", ".join(result.policies)),
        ("PostureReport", result.report),
        ("UserName", result.user_name),
        ("SessionId", session.session_id),
        ("IpAddress", result.address),
        ("SystemName", result.system_name),
        ("SystemDomain", result.system_domain),
    ]
    return [pair for pair in pairs if pair[1]]
