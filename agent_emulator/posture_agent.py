"""The posture agent at work: discovery in straight lines, then client provisioning, assessment and report.

One call of `PostureAgent.run` is what one trigger starts; it ends when a policy server has given a result. Nothing
tells the agent of a later change of authorization, and only a trigger starts it again (posture.md 3.1). Times between
rounds: posture.md 3.4.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime, timedelta

from agent_emulator.assessment import assess
from agent_emulator.config import EndpointConfig
from agent_emulator.connection_data import ConnectionData
from agent_emulator.discovery import Found, Target, plan_targets
from agent_emulator.exchange import PostureExchange
from agent_emulator.inventory import Inventory
from agent_emulator.log import AgentLog, Place, render_mnt_targets, render_new_session, render_targets
from agent_emulator.prober import Prober
from agent_emulator.server_trust import ServerTrust
from agent_emulator.stage_two import plan_stage_two
from agent_emulator.view import AgentStatus, AgentView
from agent_emulator.web_client import UnreachableError, WebClient
from nac.cable import Cable
from nac.dialogue import RequirementResult
from nac.discovery import PORTAL_PORT, AgentIdentity, DiscoveryAnswer, DiscoveryRequest, render_user_agent
from nac.node.runtime import Runtime
from nac.posture import PostureStatus
from nac.posture_answer import FinalAnswer
from nac.posture_message import MalformedMessageError
from nac.requirement import Outcome, Requirement, RequirementKind

_BYPASSING = "Bypassing AnyConnect scan, your network is configured to use Cisco NAC Agent"


class PostureAgent:
    """The agent of one endpoint: what it knows, and what its user is shown."""

    def __init__(self, config: EndpointConfig, runtime: Runtime, *, cable: Cable, tls: ssl.SSLContext) -> None:
        self._config = config
        self._runtime = runtime
        self._cable = cable
        self._tls = tls
        self._profile = config.profile
        self._version = config.agent_version
        self._log = AgentLog(runtime.clock)
        self._connections = ConnectionData()
        self._status = AgentStatus.OFFLINE
        self._message = ""
        self._latest_scan_at: datetime | None = None
        self._policy_server = ""
        self.set_inventory(config.inventory)

    @property
    def network_transition_delay(self) -> timedelta:
        """How long a change of the network is given to settle."""
        return self._profile.network_transition_delay

    def set_inventory(self, inventory: Inventory) -> None:
        """Take up an inventory; its definitions age from now on. No scan follows by itself."""
        self._inventory = inventory
        self._inventory_at = self._runtime.clock.now()

    def view(self) -> AgentView:
        """Tell what the user sees."""
        return AgentView(
            status=self._status.value,
            message=self._message,
            latest_scan_at=self._latest_scan_at,
            policy_server=self._policy_server,
            agent_version=self._version,
            connection_data=self._connections.render(),
            log=self._log.lines(),
        )

    def show(self, status: AgentStatus, message: str) -> None:
        """Change what the user is shown."""
        self._status, self._message = status, message
        self._runtime.write("agent-status", message, {"status": status.value, "policy_server": self._policy_server})

    async def run(self, *, delay: timedelta) -> None:
        """Search for a policy server, for as long as it takes, and do what it asks."""
        await asyncio.sleep(delay.total_seconds())
        while True:
            async with WebClient(proxy_url=self._cable.proxy_url, tls=self._tls, user_agent=self._user_agent) as client:
                found = await self._discover(client)
                if found is not None and await self._follow(client, found):
                    return
            if found is None:
                self.show(AgentStatus.NO_SERVER, "No policy server detected. Default network access is in effect.")
                await asyncio.sleep(self._config.timers.retry_pause.total_seconds())
            else:
                await asyncio.sleep(self._profile.backoff_timer_limit.total_seconds())
            self.show(AgentStatus.SEARCHING, "Searching for policy server again.")

    @property
    def _user_agent(self) -> str:
        config = self._config
        return render_user_agent(AgentIdentity(os=config.os, os_version=config.os_version, version=self._version))

    async def _discover(self, client: WebClient) -> Found | None:
        """Repeat both stages with growing pauses until something answers or the back-off limit is reached."""
        config = self._config
        targets = plan_targets(
            gateway=self._cable.gateway,
            discovery_host=self._profile.discovery_host,
            known_servers=self._connections.list_targets(),
        )
        self._log.write(Place.RESTART, "Restarting Discovery.")
        self._log.write(Place.TARGETS, render_targets(targets))
        facts = {"targets": ", ".join(map(str, targets))}
        self._runtime.write("discovery-started", f"stage 1 with {len(targets)} targets", facts)
        prober = Prober(
            client,
            self._runtime.clock,
            request=DiscoveryRequest(macs=(config.mac,), addresses=(config.address,)),
            trust=ServerTrust(self._profile.server_name_rules),
            timers=config.timers,
            log=self._log,
        )
        ends_at = self._runtime.clock.now() + self._profile.backoff_timer_limit
        pause = config.timers.first_backoff
        while (found := await self._search(prober, targets)) is None and self._runtime.clock.now() + pause < ends_at:
            await asyncio.sleep(pause.total_seconds())
            pause *= 2
        self._report_discovery(found)
        return found

    async def _search(self, prober: Prober, targets: tuple[Target, ...]) -> Found | None:
        """Run one round: stage 1 and, where it gives nothing, stage 2."""
        if (found := await prober.run_stage_one(targets)) is not None:
            return found
        known_servers = self._connections.list_servers()
        servers = plan_stage_two(call_home=self._profile.call_home, known_servers=known_servers)
        if not servers:
            return None
        self._log.write(Place.MNT_TARGETS, render_mnt_targets(servers))
        reason = f"stage 1 led nowhere, stage 2 asks up to {len(servers)} policy servers one after the other"
        self._runtime.write("discovery-continued", reason, {"targets": ", ".join(map(str, servers))})
        return await prober.run_stage_two(servers)

    def _report_discovery(self, found: Found | None) -> None:
        if found is None:
            self._runtime.write("discovery-failed", "no policy server answered before the back-off limit")
            return
        answer = found.answer
        self._policy_server = answer.policy_server
        self._log.write(Place.SESSION, render_new_session(answer))
        self._runtime.write(
            "discovery-succeeded",
            found.reason,
            {
                "policy_server": answer.policy_server,
                "session_id": answer.session_id,
                "posture_status": answer.posture_status.value if answer.posture_status else "",
                "target": found.target.host,
                "referrer": None if found.referrer is None else found.referrer.host,
            },
        )

    async def _follow(self, client: WebClient, found: Found) -> bool:
        """Do what a policy server's answer asks for; False where that broke off and discovery must begin anew."""
        answer = found.answer
        if answer.posture_status is PostureStatus.COMPLIANT:
            self.show(AgentStatus.COMPLIANT, "Compliant. Network access allowed, no scan was asked for.")
            return True
        if not answer.configuration_uri:
            self.show(AgentStatus.BYPASSED, _BYPASSING)
            return True
        trust = ServerTrust(self._profile.server_name_rules)
        exchange = PostureExchange(client, self._config, answer=answer, trust=trust, user_agent=self._user_agent)
        try:
            await self._update(exchange, answer)
            await self._scan(exchange, answer)
        except (UnreachableError, MalformedMessageError) as error:
            self._log.write(Place.POSTURE, f"Posture interrupted: {error}")
            self._runtime.write("posture-interrupted", str(error), {"policy_server": answer.policy_server})
            return False
        return True

    async def _update(self, exchange: PostureExchange, answer: DiscoveryAnswer) -> None:
        """Take over the agent configuration, and the package where it is newer."""
        self._profile = await exchange.fetch_profile()
        offered, installed = answer.package_version, self._version
        reason = f"took over the agent configuration; package {offered} is not newer than {installed}"
        if _parse_version(offered) > _parse_version(installed):
            await exchange.fetch_package()
            self._version = offered
            reason = f"took over the agent configuration and package {offered} in place of {installed}"
        self._runtime.write("agent-provisioned", reason, {"agent_version": self._version})

    async def _scan(self, exchange: PostureExchange, answer: DiscoveryAnswer) -> None:
        """Ask what is required, hold it against the inventory, report, and show the result."""
        now = self._runtime.clock.now()
        self._latest_scan_at = now
        self.show(AgentStatus.SCANNING, "Scanning system.")
        required = await exchange.request(self._inventory)
        if isinstance(required, FinalAnswer):
            self._runtime.write("posture-scan", "the policy server requires nothing of this endpoint")
            final, unmet = required, []
        else:
            results = assess(required, self._inventory, elapsed=now - self._inventory_at)
            unmet = [item for item, result in zip(required, results, strict=True) if result.outcome is Outcome.FAILED]
            self._report_scan(required, results)
            final = await exchange.report(results, agent_version=self._version)
        self._connections.record(answer, port=answer.posture_port or PORTAL_PORT, now=self._runtime.clock.now())
        self._show_result(final, unmet)

    def _report_scan(self, required: tuple[Requirement, ...], results: tuple[RequirementResult, ...]) -> None:
        """Write down what was found, requirement by requirement."""
        for result in results:
            checks = ", ".join(f"{name} {outcome.value}" for name, outcome in result.checks)
            self._log.write(Place.POSTURE, f"Requirement {result.requirement}: {result.outcome.value} ({checks})")
        failed = [result.requirement for result in results if result.outcome is Outcome.FAILED]
        reason = f"not met: {', '.join(failed)}" if failed else f"all {len(required)} requirements are met"
        facts = {"requirements": ", ".join(item.name for item in required), "failed": ", ".join(failed)}
        self._runtime.write("posture-scan", reason, facts)

    def _show_result(self, final: FinalAnswer, unmet: list[Requirement]) -> None:
        """Show the result and what to do; of an audit requirement the user learns nothing."""
        if final.posture_status is PostureStatus.COMPLIANT:
            status, message = AgentStatus.COMPLIANT, "Compliant. Network access allowed."
        else:
            status, message = AgentStatus.NOT_COMPLIANT, "Not compliant. Network access is limited."
        advice = [item.remediation for item in unmet if item.remediation and item.kind is not RequirementKind.AUDIT]
        self.show(status, " ".join((message, *advice)))


def _parse_version(text: str) -> tuple[int, ...]:
    """Parse a dotted version; one that is not made of numbers is older than all."""
    parts = text.split(".")
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else ()
