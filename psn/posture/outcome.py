"""What follows from a posture result: records for the directory and MNT, the lease, and a CoA where the status changed.

Step 8 of posture.md 5.1. Only what an agent has assessed begins a lease; a default status does not. A status that
stays as it was gives no CoA: that is why a session found Compliant, be it the wrong one, ends an agent's scan without
anything happening at the NAD. A CoA goes out for the entry held here, be it a stale or phantom one, and not before
what the node keeps of the result is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta

from nac.node.owned_tasks import OwnedTasks
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from nac.syslog_catalogue import POSTURE_REPORT, PROVISIONING_FAILED, PROVISIONING_SUCCEEDED, REASSESSMENT_REPORT
from psn.coa.order import CoaCommand, CoaOrder
from psn.endpoints.store import EndpointStore
from psn.log.audit import Audit
from psn.posture.initial_status import POSTURE_EXPIRY, renew_lease
from psn.posture.record import list_missing_provisioning, list_provisioning, list_report
from psn.posture.result import PostureResult
from psn.session import Session
from psn.session_events import SessionEvent, SessionListener


class PostureOutcome:
    """The `psn.posture.result.PostureSink` of one node."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        lease: timedelta | None,
        endpoints: EndpointStore,
        audit: Audit,
        listener: SessionListener,
        send_coa: Callable[[Session, CoaOrder], Coroutine[object, object, object]],
        tasks: OwnedTasks,
    ) -> None:
        """Each CoA that is sent is one of `tasks`."""
        self._runtime = runtime
        self._lease = lease
        self._endpoints = endpoints
        self._audit = audit
        self._listener = listener
        self._send_coa = send_coa
        self._tasks = tasks

    def apply(self, result: PostureResult) -> None:
        """Tell whom it concerns of one result; ask the NAD to reauthenticate where the status changed."""
        session = result.session
        self._listener.on_session(session, SessionEvent.ASSESSED)
        facts = {
            "session_id": session.session_id,
            "mac": session.mac,
            "posture_status": result.status.value,
            "previous": result.previous.value if result.previous else "",
            "policies": ", ".join(result.policies),
        }
        self._runtime.write("posture-result", result.reason, facts)
        if result.agent_version:
            self._note_assessment(result)
        if result.status is result.previous:
            why = f"the status was {result.status} before: no CoA"
            self._runtime.write("coa-not-needed", why, {"mac": session.mac})
        else:
            cause = f"posture status changed to {result.status}"
            self._tasks.spawn(self._reauthenticate(session, cause), name=f"{self._runtime.node} coa")

    def note_unprovisioned(self, session: Session, operating_system: str) -> None:
        """Record, once for each session, that client provisioning selects nothing for its agent."""
        if session.lacks_agent_configuration:
            return
        session.lacks_agent_configuration = True
        why = f"no client provisioning rule selects an agent configuration for {operating_system or 'this agent'}"
        facts = {"session_id": session.session_id, "mac": session.mac}
        self._runtime.write("provisioning-failed", why, facts)
        self._audit.ship(PROVISIONING_FAILED, list_missing_provisioning(session, operating_system, why))

    async def settled(self) -> None:
        """Wait until the lease is written, or the journal says why it cannot be."""
        await self._endpoints.settled()

    def _note_assessment(self, result: PostureResult) -> None:
        """Ship 87500 where provisioning selected something, then 87000 or 87001; a success may begin a lease."""
        if result.agent_configuration and not result.is_reassessment:
            self._audit.ship(PROVISIONING_SUCCEEDED, list_provisioning(result))
        self._audit.ship(REASSESSMENT_REPORT if result.is_reassessment else POSTURE_REPORT, list_report(result))
        if result.status is PostureStatus.COMPLIANT and result.session.mac:
            self._renew_lease(result.session.mac)

    def _renew_lease(self, mac: str) -> None:
        attributes = self._endpoints.attributes_of(mac)
        expiry = renew_lease(attributes, lease=self._lease, now=self._runtime.clock.now())
        if expiry is not None:
            self._endpoints.set_attribute(mac, POSTURE_EXPIRY, expiry)
            why = "a posture success begins a new lease"
            self._runtime.write("posture-lease", why, {"mac": mac, "posture_expiry": expiry})

    async def _reauthenticate(self, session: Session, cause: str) -> None:
        await self.settled()
        order = CoaOrder(command=CoaCommand.REAUTHENTICATE_LAST, cause=cause, source_component="Posture")
        await self._send_coa(session, order)
