"""The agent's log in the shape of AnyConnect_ISEPosture.txt from a support bundle (posture.md 8 and 3.2).

Function, file and line number of each place are those of a public log where it has them, so that a reader can
practise the search words of the real one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from agent_emulator.discovery import Target
from nac.discovery import DiscoveryAnswer
from nac.node.clock import Clock

LIMIT = 2_000
"""Lines kept."""

OPERATION_SUCCESS = "status 0 <Operation Success.>"
NOT_REACHABLE = "status 6 <Not Reachable.>"


class _Source(NamedTuple):
    function: str
    thread: str
    file: str
    line: int
    level: str = "debug"


class Place(Enum):
    """Where in the agent a line comes from."""

    RESTART = _Source("SwiftHttpRunner::restartDiscovery", "0x1340", "SwiftHttpRunner.cpp", 1251, "info")
    TARGETS = _Source("SwiftHttpRunner::collectNoMntTargets", "0x1340", "SwiftHttpRunner.cpp", 1157)
    MNT_TARGETS = _Source("SwiftHttpRunner::collectMntTargets", "0x1340", "SwiftHttpRunner.cpp", 1196)
    PROBE = _Source("Target::Probe", "0x1130", "Target.cpp", 212)
    STATUS = _Source("Target::fetchPostureStatus", "0xBF0", "Target.cpp", 401)
    SESSION = _Source("SwiftHttpRunner::invokePosture", "0x1340", "SwiftHttpRunner.cpp", 1407)
    POSTURE = _Source("Authenticator::parsePostureData", "0x1A54", "Authenticator.cpp", 214)


class AgentLog:
    """The newest lines of one agent."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._lines: deque[str] = deque(maxlen=LIMIT)

    def write(self, place: Place, text: str) -> None:
        """Write one line."""
        source = place.value
        self._lines.append(
            f"{self._clock.now():%Y/%m/%d %H:%M:%S} [Information] aciseagent Function: {source.function} "
            f"Thread Id: {source.thread} File: {source.file} Line: {source.line} Level: {source.level} {text}"
        )

    def lines(self) -> tuple[str, ...]:
        """List the lines, oldest first."""
        return tuple(self._lines)


def render_targets(targets: Sequence[Target]) -> str:
    """Render the line that marks the start of stage 1."""
    return f"Probing no MNT stage targets (#{len(targets)}): {', '.join(map(str, targets))}"


def render_mnt_targets(targets: Sequence[Target]) -> str:
    """Render the line that marks the start of stage 2, after the pattern of the one for stage 1."""
    return f"Probing MNT stage targets (#{len(targets)}): {', '.join(map(str, targets))}"


def render_new_session(answer: DiscoveryAnswer) -> str:
    """Render the line that names the session which the policy server selected."""
    status = answer.posture_status.value if answer.posture_status else ""
    fields = (
        ("ise_fqdn", answer.policy_server),
        ("posture_port", str(answer.posture_port or "")),
        ("posture_path", answer.posture_path),
        ("posture_domain", answer.posture_domain),
        ("posture_status", status),
        ("session_id", answer.session_id),
        ("config_uri", answer.configuration_uri),
        ("acpack_uri", answer.package_uri),
        ("acpack_port", str(answer.package_port or "")),
        ("acpack_ver", answer.package_version),
    )
    listed = ", ".join(f'{{{name}="{value}"}}' for name, value in fields)
    return f"MSG_NS_SWISS_NEW_SESSION, {{{listed}, {{pra_enabled=0}}}}."
