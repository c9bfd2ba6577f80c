"""Discovery on the wire: stage 1 with all probes at once, stage 2 with one after the other.

Each result is told to `agent_emulator.discovery.StageOne` or `agent_emulator.stage_two.StageTwo`, which decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from agent_emulator.config import AgentTimers
from agent_emulator.discovery import Found, StageOne, Target, TargetKind
from agent_emulator.log import NOT_REACHABLE, OPERATION_SUCCESS, AgentLog, Place
from agent_emulator.server_trust import ServerTrust
from agent_emulator.stage_two import StageTwo
from agent_emulator.web_client import UnreachableError, WebClient
from nac.discovery import (
    REDIRECT_PROBE_PATH,
    REDIRECT_PROBE_QUERY,
    DiscoveryAnswer,
    DiscoveryRequest,
    decode_answer,
    encode_request,
)
from nac.node.clock import Clock
from nac.posture_message import MalformedMessageError

_OK = 200
_FOUND = 302


class Prober:
    """Runs rounds of either stage for one endpoint, which `request` names."""

    def __init__(
        self,
        client: WebClient,
        clock: Clock,
        *,
        request: DiscoveryRequest,
        trust: ServerTrust,
        timers: AgentTimers,
        log: AgentLog,
    ) -> None:
        self._client = client
        self._clock = clock
        self._request = request
        self._trust = trust
        self._timers = timers
        self._log = log

    async def run_stage_one(self, targets: Sequence[Target]) -> Found | None:
        """Run a round of stage 1; None where nothing answered that counts.

        Probes still under way at the end are given up.
        """
        stage = StageOne(targets, redirect_timeout=self._timers.redirect_timeout)
        async with asyncio.TaskGroup() as tasks:
            pending = {tasks.create_task(self._probe(stage, target)) for target in targets}
            while not stage.is_over:
                _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        return stage.found

    async def run_stage_two(self, targets: Sequence[Target]) -> Found | None:
        """Run a round of stage 2; None where no policy server knows the session or its owner."""
        stage = StageTwo(targets)
        while stage.question is not None:
            stage.take(await self._ask_target(stage.question))
        return stage.found

    async def _probe(self, stage: StageOne, target: Target) -> None:
        if target.kind is TargetKind.REDIRECTION:
            await self._probe_redirection(stage, target)
        else:
            await self._probe_status(stage, target)

    async def _probe_redirection(self, stage: StageOne, target: Target) -> None:
        """Look for a redirect; the first one that is found is followed to the policy server it names."""
        url = f"http://{target.host}{REDIRECT_PROBE_PATH}?{REDIRECT_PROBE_QUERY}"
        location = await self._find_redirect(url)
        succeeded = OPERATION_SUCCESS if location else NOT_REACHABLE
        self._log.write(Place.PROBE, f"GET request to URL ({url}), returned {succeeded}")
        if not location:
            stage.fail(target)
        elif stage.redirect(target, self._clock.now()):
            try:
                answer = await self._ask(location, timeout=self._timers.redirect_timeout)
            except UnreachableError:
                stage.miss_server()
            else:
                stage.reach_server(answer, self._clock.now())

    async def _probe_status(self, stage: StageOne, target: Target) -> None:
        """Ask a policy server known from before for the endpoint's status."""
        answer = await self._ask_target(target)
        if answer is None:
            stage.fail(target)
        else:
            stage.answer(target, answer, self._clock.now())

    async def _ask_target(self, target: Target) -> DiscoveryAnswer | None:
        """Ask a policy server about the endpoint in the manner of its target; None is whatever counts as no answer."""
        url, form = f"https://{target.host}:{target.port}{target.path}", encode_request(self._request)
        try:
            if target.kind is TargetKind.NG_DISCOVERY:
                return await self._ask(url, form=form, timeout=self._timers.probe_timeout)
            return await self._ask(f"{url}?{form}", timeout=self._timers.probe_timeout)
        except UnreachableError:
            return None

    async def _find_redirect(self, url: str) -> str:
        """Find where a probe is redirected to; empty where it is not, or not to an HTTPS address."""
        try:
            response = await self._client.get(url, timeout=self._timers.probe_timeout)
        except UnreachableError:
            return ""
        location = response.headers.get("Location", "") if response.status == _FOUND else ""
        return location if location.startswith("https://") else ""

    async def _ask(self, url: str, *, timeout: timedelta, form: str | None = None) -> DiscoveryAnswer | None:  # noqa: ASYNC109
        """Ask a policy server, by POST where there is a form; None where it answers without X-ISE headers.

        Raises `UnreachableError` where it cannot be talked to: it is not there, silent, or not trusted.
        """
        request = f"{'GET' if form is None else 'POST'} request to URL ({url.partition('?')[0]})"
        try:
            self._trust.verify(_find_host(url))
            if form is None:
                response = await self._client.get(url, timeout=timeout)
            else:
                response = await self._client.post(url, form, timeout=timeout)
        except UnreachableError as error:
            self._log.write(Place.STATUS, f"{request}, returned {NOT_REACHABLE} {error}")
            raise
        try:
            answer = decode_answer(response.headers) if response.status == _OK else None
            why = "" if answer else f" it answered {response.status}"
        except MalformedMessageError as error:
            answer, why = None, f" {error}"
        self._log.write(Place.STATUS, f"{request}, returned {OPERATION_SUCCESS}{why}")
        return answer


def _find_host(url: str) -> str:
    """Find the host a URL names; empty where it names none, and then nothing can be sent to it."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
