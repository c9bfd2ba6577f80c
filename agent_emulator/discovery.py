"""Stage 1 of discovery: which targets are probed at once, and which answer wins.

Redirect probes go to the default gateway, the enroll address and the profile's discovery host; Auth-Status probes to
every policy server of ConnectionData.xml, of which there is none before the first completed posture. A redirect always
wins, because the device gave it. Auth-Status answers count only where every redirect probe failed, or where the policy
server that a redirect names could not be talked to in time; then the fastest wins (posture.md 3.2). A policy server
that can be talked to but answers without X-ISE headers knows no session: then that redirect probe has failed, and the
others are waited for. A referral to another policy server counts as such an answer: only stage 2 follows one. Given
results and instants, this decides; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from nac.discovery import ENROLL_HOST, PORTAL_PORT, STATUS_PATH, DiscoveryAnswer


class TargetKind(Enum):
    """What a target is asked; the words for stage 1 are those of the agent's log, the one for stage 2 is the lab's."""

    REDIRECTION = "Redirection"
    AUTH_STATUS = "Auth-Status"
    NG_DISCOVERY = "Ng-Discovery"


@dataclass(frozen=True, slots=True)
class Target:
    """One target; `port` and `path` mean nothing where a redirect is looked for."""

    kind: TargetKind
    host: str
    port: int = PORTAL_PORT
    path: str = STATUS_PATH

    def __str__(self) -> str:
        described = f"{self.kind.value} target {self.host}"
        return described if self.kind is TargetKind.REDIRECTION else f"{described} with path {self.path}"


def plan_targets(*, gateway: str, discovery_host: str, known_servers: Iterable[Target]) -> tuple[Target, ...]:
    """Plan the targets of stage 1; an adapter without gateway and a profile without discovery host have none there."""
    hosts = dict.fromkeys(host for host in (gateway, ENROLL_HOST, discovery_host) if host)
    return (*(Target(TargetKind.REDIRECTION, host) for host in hosts), *known_servers)


class Stage(Enum):
    """Where stage 1 stands."""

    PROBING = "probing"
    CONTACTING = "contacting the policy server of a redirect"
    FALLING_BACK = "falling back to Auth-Status answers"
    DECIDED = "decided"
    EXHAUSTED = "exhausted"


class Happening(Enum):
    """What can move stage 1 on."""

    REDIRECTED = "a redirect named a policy server"
    REDIRECTS_FAILED = "the last redirect probe failed"
    SERVER_ANSWERED = "the policy server of the redirect answered"
    SERVER_IGNORANT = "the policy server of the redirect knew no session"
    SERVER_MISSING = "the policy server of the redirect could not be talked to"
    STATUS_ANSWERED = "there is an Auth-Status answer"
    STATUSES_FAILED = "the last Auth-Status probe failed"


TRANSITIONS: dict[tuple[Stage, Happening], Stage] = {
    (Stage.PROBING, Happening.REDIRECTED): Stage.CONTACTING,
    (Stage.PROBING, Happening.REDIRECTS_FAILED): Stage.FALLING_BACK,
    (Stage.CONTACTING, Happening.SERVER_ANSWERED): Stage.DECIDED,
    (Stage.CONTACTING, Happening.SERVER_IGNORANT): Stage.PROBING,
    (Stage.CONTACTING, Happening.SERVER_MISSING): Stage.FALLING_BACK,
    (Stage.FALLING_BACK, Happening.STATUS_ANSWERED): Stage.DECIDED,
    (Stage.FALLING_BACK, Happening.STATUSES_FAILED): Stage.EXHAUSTED,
}


class IllegalTransitionError(RuntimeError):
    """Stage 1 met something that cannot happen where it stands."""

    def __init__(self, stage: Stage, happening: Happening) -> None:
        super().__init__(f"discovery while {stage.value}: it cannot be that {happening.value}")
        self.stage = stage
        self.happening = happening


@dataclass(frozen=True, slots=True)
class Found:
    """The answer that won, the target it came from, and the one that named that target as the owner, if any did."""

    target: Target
    answer: DiscoveryAnswer
    referrer: Target | None = None

    @property
    def reason(self) -> str:
        """How this policy server was found."""
        if self.target.kind is TargetKind.REDIRECTION:
            return "the network redirected a probe to it"
        if self.referrer is not None:
            return f"stage 1 led nowhere, {self.referrer} named the owner, {self.target} answered"
        if self.target.kind is TargetKind.NG_DISCOVERY:
            return f"stage 1 led nowhere, {self.target} answered"
        return f"no redirect led anywhere, {self.target} answered"


class StageOne:
    """One round of stage 1: told what came of each probe, it says when it is over and which answer was found."""

    def __init__(self, targets: Sequence[Target], *, redirect_timeout: timedelta) -> None:
        """Begin a round; `redirect_timeout` is what the policy server of a redirect has to answer in."""
        self.stage = Stage.PROBING
        self.found: Found | None = None
        self._redirect_timeout = redirect_timeout
        self._redirect: tuple[Target, datetime] | None = None
        self._open = {kind: {target for target in targets if target.kind is kind} for kind in TargetKind}
        self._answers: list[tuple[datetime, Found]] = []
        self._settle()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.stage in (Stage.DECIDED, Stage.EXHAUSTED)

    def redirect(self, target: Target, now: datetime) -> bool:
        """Record a redirect; True where the policy server it names is to be contacted now: one at a time."""
        self._open[target.kind].discard(target)
        if self.stage is not Stage.PROBING:
            return False
        self._redirect = (target, now)
        self._move(Happening.REDIRECTED)
        return True

    def answer(self, target: Target, answer: DiscoveryAnswer, now: datetime) -> None:
        """Record the X-ISE headers that answered an Auth-Status probe."""
        self._open[target.kind].discard(target)
        if not answer.is_referral:
            self._answers.append((now, Found(target, answer)))
        self._settle()

    def fail(self, target: Target) -> None:
        """Record that a probe failed, or was answered with nothing that counts."""
        self._open[target.kind].discard(target)
        self._settle()

    def reach_server(self, answer: DiscoveryAnswer | None, now: datetime) -> None:
        """Record that the policy server of the redirect answered, None being an answer without X-ISE headers.

        Beyond its time that counts as missing.
        """
        if self._redirect is None or now - self._redirect[1] > self._redirect_timeout:
            self.miss_server()
        elif answer is None or answer.is_referral:
            self._move(Happening.SERVER_IGNORANT)
            self._settle()
        else:
            self.found = Found(self._redirect[0], answer)
            self._move(Happening.SERVER_ANSWERED)

    def miss_server(self) -> None:
        """Record that the policy server of the redirect could not be talked to in time."""
        self._move(Happening.SERVER_MISSING)
        self._settle()

    def _settle(self) -> None:
        """Draw the conclusions that what is known allows."""
        if self.stage is Stage.PROBING and not self._open[TargetKind.REDIRECTION]:
            self._move(Happening.REDIRECTS_FAILED)
        if self.stage is not Stage.FALLING_BACK:
            return
        if self._answers:
            _, self.found = min(self._answers, key=lambda entry: entry[0])
            self._move(Happening.STATUS_ANSWERED)
        elif not self._open[TargetKind.AUTH_STATUS]:
            self._move(Happening.STATUSES_FAILED)

    def _move(self, happening: Happening) -> None:
        try:
            self.stage = TRANSITIONS[self.stage, happening]
        except KeyError:
            raise IllegalTransitionError(self.stage, happening) from None
