"""When a request is sent again, and when its sender gives up.

Computes durations only; knows neither sockets nor clocks, and takes its chance from the caller. Sources: RFC 5080
section 2.2.1 (defaults for Access-Request and Accounting-Request), RFC 5176 section 2.3 (CoA and Disconnect use the
former). A limit of zero means none, as in the RFC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random

UNLIMITED = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retransmission:
    """The four parameters of RFC 5080 and the jitter around them.

    `initial_timeout` is its IRT, `maximum_timeout` MRT (per transmission), `maximum_count` MRC (transmissions, the
    first included) and `maximum_duration` MRD (from the first transmission to giving up). `jitter` is a fraction:
    0.1 moves every timeout by up to a tenth in either direction.
    """

    initial_timeout: timedelta
    maximum_timeout: timedelta = UNLIMITED
    maximum_count: int = 0
    maximum_duration: timedelta = UNLIMITED
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if self.initial_timeout <= timedelta(0):
            raise ValueError(f"the initial timeout must be longer than nothing, not {self.initial_timeout}")
        if min(self.maximum_timeout, self.maximum_duration) < timedelta(0) or self.maximum_count < 0:
            raise ValueError("a retransmission limit must not be negative")
        if not 0 <= self.jitter < 1:
            raise ValueError(f"jitter is a fraction from 0 to below 1, not {self.jitter}")

    @classmethod
    def every(cls, timeout: timedelta, retransmits: int) -> Retransmission:
        """Build the fixed schedule of IOS: the request, then `retransmits` repetitions, all one `timeout` apart."""
        return cls(initial_timeout=timeout, maximum_timeout=timeout, maximum_count=retransmits + 1, jitter=0.0)

    def timeouts(self, random: Random) -> Iterator[timedelta]:
        """Yield, transmission by transmission, how long to wait for the answer; the end means to give up."""
        waited = timedelta(0)
        count = 0
        timeout = self._vary(self.initial_timeout, random)
        while True:
            if self.maximum_duration:
                timeout = min(timeout, self.maximum_duration - waited)
            yield timeout
            waited += timeout
            count += 1
            if count == self.maximum_count or (self.maximum_duration and waited >= self.maximum_duration):
                return
            timeout += self._vary(timeout, random)
            if self.maximum_timeout and timeout > self.maximum_timeout:
                timeout = self._vary(self.maximum_timeout, random)

    def _vary(self, timeout: timedelta, random: Random) -> timedelta:
        """Move a timeout by its jitter."""
        return timeout + timeout * random.uniform(-self.jitter, self.jitter)


ACCESS = Retransmission(
    initial_timeout=timedelta(seconds=2),
    maximum_timeout=timedelta(seconds=16),
    maximum_count=5,
    maximum_duration=timedelta(seconds=30),
)
ACCOUNTING = Retransmission(initial_timeout=timedelta(seconds=2))
"""Without limits: accounting is repeated until somebody has recorded it."""
