"""What the agent says to a policy server once it has found one: client provisioning, initial request, report."""

from __future__ import annotations

from agent_emulator.config import EndpointConfig
from agent_emulator.inventory import Inventory
from agent_emulator.server_trust import ServerTrust
from agent_emulator.web_client import UnreachableError, WebAnswer, WebClient
from nac.agent_profile import AgentProfile, decode_profile
from nac.dialogue import (
    DetectedProduct,
    PostureReport,
    PostureRequest,
    RequirementResult,
    encode_posture_report,
    encode_posture_request,
)
from nac.discovery import PORTAL_PORT, DiscoveryAnswer
from nac.posture_answer import REQUIREMENTS_TYPE, FinalAnswer, decode_final_answer, decode_requirements
from nac.requirement import Requirement

_OK = 200


class PostureExchange:
    """The exchange with the policy server that gave `answer`.

    The server is the one that the answer names, which need not be the one that gave it: `trust` has to allow it. Every
    method raises `UnreachableError` where the server is not trusted or does not do its part, and
    `MalformedMessageError` where what it says cannot be read.
    """

    def __init__(
        self,
        client: WebClient,
        config: EndpointConfig,
        *,
        answer: DiscoveryAnswer,
        trust: ServerTrust,
        user_agent: str,
    ) -> None:
        self._client = client
        self._config = config
        self._trust = trust
        self._answer = answer
        self._user_agent = user_agent

    async def fetch_profile(self) -> AgentProfile:
        """Fetch the agent configuration that client provisioning selected."""
        url = self._locate(self._answer.posture_port, self._answer.configuration_uri)
        return decode_profile((await self._get(url)).body)

    async def fetch_package(self) -> None:
        """Fetch the agent's package, which is a stand-in."""
        await self._get(self._locate(self._answer.package_port, self._answer.package_uri))

    async def request(self, inventory: Inventory) -> tuple[Requirement, ...] | FinalAnswer:
        """Send the initial request; the answer is what is required or, where nothing is, the result."""
        config = self._config
        request = PostureRequest(
            session_id=self._answer.session_id,
            macs=(config.mac,),
            addresses=(config.address,),
            os=config.os,
            os_version=config.os_version,
            user_agent=self._user_agent,
            products=tuple(
                DetectedProduct(category=item.category, name=item.name, vendor=item.vendor, version=item.version)
                for item in inventory.products
            ),
        )
        response = await self._post(encode_posture_request(request))
        if response.content_type == REQUIREMENTS_TYPE:
            return decode_requirements(response.body)
        return decode_final_answer(response.body)

    async def report(self, results: tuple[RequirementResult, ...], *, agent_version: str) -> FinalAnswer:
        """Send the report; the answer is the result."""
        config = self._config
        report = PostureReport(
            session_id=self._answer.session_id,
            macs=(config.mac,),
            addresses=(config.address,),
            os=config.os,
            os_version=config.os_version,
            agent_version=agent_version,
            user_name=config.user,
            system_name=config.system_name or config.name,
            system_domain=config.system_domain,
            results=results,
        )
        return decode_final_answer((await self._post(encode_posture_report(report))).body)

    def _locate(self, port: int | None, path: str) -> str:
        self._trust.verify(self._answer.policy_server)
        return f"https://{self._answer.policy_server}:{port or PORTAL_PORT}{path}"

    async def _get(self, url: str) -> WebAnswer:
        return _verify(url, await self._client.get(url, timeout=self._config.timers.posture_timeout))

    async def _post(self, form: str) -> WebAnswer:
        url = self._locate(self._answer.posture_port, self._answer.posture_path)
        return _verify(url, await self._client.post(url, form, timeout=self._config.timers.posture_timeout))


def _verify(url: str, response: WebAnswer) -> WebAnswer:
    """Refuse an answer other than 200; raises `UnreachableError`."""
    if response.status != _OK:
        raise UnreachableError(url, f"it answered {response.status}")
    return response
