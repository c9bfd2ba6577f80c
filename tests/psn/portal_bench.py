"""The parts of one node's portal without its sockets, one session in its cache, and what it may know of other nodes."""

from __future__ import annotations

import random
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ldd.directory import RadiusSessionDirectory
from ldd.record import RecordState, SessionRecord
from nac.dialogue import PostureReport, PostureRequest, RequirementResult, encode_posture_report, encode_posture_request
from nac.discovery import AgentIdentity, DiscoveryRequest, encode_request, render_user_agent
from nac.node.journal import Journal
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from nac.requirement import Category, Check, Operation, Outcome, Requirement
from psn.config import PeerNode, PsnConfig
from psn.internode.mnt_client import MntClient
from psn.internode.owner_lookup import OwnerLookup
from psn.portal.discovery_dialogue import DiscoveryDialogue
from psn.portal.gateway import PortalGateway
from psn.portal.posture_dialogue import PostureDialogue
from psn.portal.provisioning import PortalServer
from psn.portal.reception import PortalReception
from psn.portal.request import PortalAnswer, PortalRequest
from psn.portal.sessions_elsewhere import SessionsElsewhere
from psn.posture.policy import Audience, PosturePolicy, PostureSettings
from psn.session import Session
from psn.session_cache import SessionCache
from tests.psn.noted_results import NotedResults

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MAC, OTHER_MAC, ADDRESS, TOKEN = "02:00:00:00:10:01", "02:00:00:00:10:02", "127.0.10.1", "ab" * 16
AGENT = render_user_agent(AgentIdentity(os="Windows", os_version="10.0.19045", version="5.1.0.0"))
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ANTIVIRUS = Requirement(
    name="Antivirus",
    checks=(Check(name="AV-Installed", category=Category.ANTIVIRUS, operation=Operation.EXISTS),),
    remediation="Install an antivirus product.",
)
EMPLOYEES = Audience(groups=frozenset({"Employees"}))
SETTINGS = PostureSettings(policies=(PosturePolicy(name="Baseline", requirements=(ANTIVIRUS,), audience=EMPLOYEES),))
PEERS = (PeerNode(name="psn2", fqdn="psn2.lab.test", address="127.0.1.2", port=9443, portal_port=8543),)


class StandingClock:
    def now(self) -> datetime:
        return NOW


class PortalBench:
    """A portal with one session, and a directory of those of other nodes."""

    def __init__(self, policy: PostureSettings = SETTINGS, **changes: Any) -> None:
        self.journal = Journal(StandingClock())
        self.sessions = SessionCache()
        self.directory = RadiusSessionDirectory()
        self.sink = NotedResults()
        self.session = self.add(**changes)
        server = PortalServer(fqdn="psn1.lab.test", port=8443)
        runtime = Runtime(node="psn1", clock=StandingClock(), random=random.Random(1), journal=self.journal)
        elsewhere = SessionsElsewhere(
            "psn1", directory=self.directory, owners=make_lookup(runtime, self.directory), peers=PEERS
        )
        reception = PortalReception(runtime, sessions=self.sessions, elsewhere=elsewhere)
        self.discovery = DiscoveryDialogue(
            server, runtime, reception=reception, elsewhere=elsewhere, settings=policy, sink=self.sink
        )
        self.gateway = PortalGateway(
            server, runtime, reception=reception, discovery=self.discovery, settings=policy, sink=self.sink
        )
        self.posture = PostureDialogue(runtime, reception=reception, settings=policy, sink=self.sink)

    def add(self, **changes: Any) -> Session:
        """Put a session into the cache."""
        values: dict[str, Any] = {
            "session_id": "A1",
            "created_at": NOW,
            "updated_at": NOW,
            "mac": MAC,
            "addresses": (ADDRESS,),
            "groups": ("Employees",),
            "token": TOKEN,
            "posture_status": PostureStatus.UNKNOWN,
        }
        session = Session(**values | changes)
        self.sessions.add(session)
        return session

    def share(self, *, authenticated: float = 0, **changes: Any) -> SessionRecord:
        """Let the directory know a session, by default B2 of psn2, authenticated so many seconds after eight."""
        instant = NOW + timedelta(seconds=authenticated)
        values: dict[str, Any] = {
            "session_id": "B2",
            "mac": MAC,
            "psn": "psn2",
            "psn_ip": "127.0.1.2",
            "psn_fqdn": "psn2.lab.test",
            "state": RecordState.STARTED,
            "version": 1,
            "authenticated_at": instant,
            "at": instant,
        }
        record = SessionRecord(**values | changes)
        assert self.directory.merge(record)
        return record

    def follow(self, query: str, user_agent: str = AGENT) -> PortalAnswer:
        """Follow a link."""
        return self.gateway.answer(
            PortalRequest(path="/portal/gateway", data=query.encode(), user_agent=user_agent, remote=ADDRESS)
        )

    def probe(self, request: DiscoveryRequest) -> PortalAnswer:
        """Ask ``/auth/status``."""
        return self.discovery.answer_status(self._make_probe("/auth/status", request))

    async def discover(self, request: DiscoveryRequest) -> PortalAnswer:
        """Ask ``/auth/ng-discovery``."""
        return await self.discovery.answer_ng_discovery(self._make_probe("/auth/ng-discovery", request))

    async def post(self, form: str) -> PortalAnswer:
        """Send a posture request or report."""
        return await self.posture.answer(
            PortalRequest(path="/auth/perfigo_validate.jsp", data=form.encode(), user_agent=AGENT, remote=ADDRESS)
        )

    def list_events(self) -> list[str]:
        return [record.event for record in self.journal]

    def last_record(self) -> tuple[str, str, Mapping[str, Any]]:
        record = list(self.journal)[-1]
        return record.event, record.reason, record.facts

    @staticmethod
    def _make_probe(path: str, request: DiscoveryRequest) -> PortalRequest:
        return PortalRequest(path=path, data=encode_request(request).encode(), user_agent=AGENT, remote=ADDRESS)


def make_lookup(runtime: Runtime, directory: RadiusSessionDirectory) -> OwnerLookup:
    """Make the owner look-up of psn1, which knows no monitoring node."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    config = PsnConfig(name="psn1", fqdn="psn1.lab.test", address="127.0.1.1", posture=SETTINGS, tls=tls, peers=PEERS)
    mnt = MntClient((), tls=None, address=config.address, observe=runtime.observe)
    return OwnerLookup(config, runtime, directory=directory, mnt=mnt)


def make_request(**changes: Any) -> str:
    """Make an initial posture request of session A1."""
    values: dict[str, Any] = {"session_id": "A1", "os": "Windows", "os_version": "10", "user_agent": AGENT}
    return encode_posture_request(PostureRequest(**values | changes))


def make_report(outcome: Outcome, **changes: Any) -> str:
    """Make a posture report of session A1."""
    result = RequirementResult(requirement="Antivirus", outcome=outcome, checks=(("AV-Installed", outcome),))
    values: dict[str, Any] = {"session_id": "A1", "os": "Windows", "agent_version": "5.1.0.0", "user_name": "alice"}
    return encode_posture_report(PostureReport(**values | changes, results=(result,)))
