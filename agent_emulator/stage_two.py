"""Stage 2 of discovery, "MNT stage" in the agent's log: policy servers are asked one after the other.

It follows a stage 1 that gave nothing. Every server of the Call Home List, then every one of ConnectionData.xml gets
``/auth/ng-discovery``; one that holds a session of the endpoint decides, one that names the owner makes the agent ask
that one with ``/auth/status`` (posture.md 3.3). An owner that does not answer, or refers further, ends the matter for
the target that named it. Given answers, this decides; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent_emulator.discovery import Found, Target, TargetKind
from nac.agent_profile import parse_call_home
from nac.discovery import NG_DISCOVERY_PATH, PORTAL_PORT, DiscoveryAnswer


def plan_stage_two(*, call_home: Iterable[str], known_servers: Iterable[tuple[str, int]]) -> tuple[Target, ...]:
    """Plan the targets, each once: the Call Home List first, then the known servers as host and port."""
    servers = dict.fromkeys((*map(parse_call_home, call_home), *known_servers))
    return tuple(Target(TargetKind.NG_DISCOVERY, host, port, NG_DISCOVERY_PATH) for host, port in servers)


class StageTwo:
    """One round of stage 2: told what the one asked has answered, it says whom to ask next and what was found."""

    def __init__(self, targets: Iterable[Target]) -> None:
        """Begin with the first target."""
        self.found: Found | None = None
        self._targets = iter(targets)
        self._referrer: Target | None = None
        self.question = next(self._targets, None)
        """Whom to ask now; None where the round is over."""

    def take(self, answer: DiscoveryAnswer | None) -> None:
        """Take the answer to the question, None being silence, a refusal or an answer without X-ISE headers."""
        asked, self.question = self.question, None
        assert asked is not None, "an answer needs a question"
        if answer is not None and not answer.is_referral:
            self.found = Found(asked, answer, self._referrer)
        elif answer is not None and self._referrer is None:
            self._referrer = asked
            port = answer.posture_port or PORTAL_PORT
            self.question = Target(TargetKind.AUTH_STATUS, answer.policy_server, port)
        else:
            self._referrer = None
            self.question = next(self._targets, None)
