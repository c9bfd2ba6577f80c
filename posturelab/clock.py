"""Time as a lab instrument: an event loop that may jump to its next timer instead of waiting for it.

One loop over real sockets, and two ways of keeping time:

- *live*: real time;
- *virtual*: where no socket is ready and no executor job runs, the loop jumps to the next timer.

Either may *advance*: it leaps a given time forward, running every timer on the way, and goes on as before. Virtual time
may be *held*: it stands still and sockets are served in real time, until an advance or the end of the hold.

Before each jump the loop makes sure that nothing is under way between the parts of the lab: it sends a datagram to
itself and waits for it. Loopback delivers in order, so whatever a node sent earlier has arrived by then; a short real
pause covers what another CPU still carries. Only parts inside the process are waited for: a foreign program in the
conversation needs a live loop. A library that runs threads of its own is invisible to this loop; jobs given to
`run_in_executor` are not, and time stands still until they end.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from posturelab.halting_selector import HaltingSelector

VIRTUAL_EPOCH = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
"""When every virtual lab begins: a Monday morning."""

GRACE_PAUSE = 0.0001
"""Seconds of real time given to other CPUs before a jump; the scheduler rounds it up to some 0.15 ms."""

PROBE_TIMEOUT = 2.0
"""Seconds of real time after which a lost probe is given up."""

STANDSTILL_TIMEOUT = 1.0
"""Seconds of real time a virtual loop with neither timers nor jobs waits for a socket before it gives up."""

_T = TypeVar("_T")
_Events = list[tuple[selectors.SelectorKey, int]]


class StandstillError(RuntimeError):
    """A virtual lab waits for something that can no longer happen."""

    def __init__(self) -> None:
        super().__init__("virtual time stands still: no timer is scheduled, no job runs and no socket becomes ready")


class LabLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can jump. `virtual` loops begin at zero and move by jumps only."""

    def __init__(self, *, virtual: bool = False) -> None:
        self.virtual = virtual
        self.jobs = 0
        """Executor jobs that have not ended."""
        self.is_held = False
        """Whether virtual time stands still."""
        self._leapt = 0.0
        self._leap_to: float | None = None
        self._landed: asyncio.Future[None] | None = None
        self._advancing = asyncio.Lock()
        self._sockets = HaltingSelector()
        super().__init__(_LeapingSelector(self, self._sockets))

    def time(self) -> float:
        """Tell the loop's time in seconds."""
        return self._leapt if self.virtual else time.monotonic() + self._leapt

    async def advance(self, by: timedelta) -> None:
        """Leap forward and run every timer on the way; returns when the lab has settled at the new time.

        A second call waits for the first. Raises `ValueError` for a time that does not lie ahead.
        """
        if by <= timedelta(0):
            raise ValueError("the clock only goes forward")
        await self._fly(by)

    async def settle(self) -> None:
        """Return when all that is under way has arrived and is dealt with, as far as that takes no time."""
        await self._fly(timedelta(0))

    def halt(self, addresses: Collection[str]) -> None:
        """Leave the streams of these addresses alone, and of no other (`posturelab.halting_selector`)."""
        self._sockets.halt(addresses)

    async def _fly(self, by: timedelta) -> None:
        async with self._advancing:
            self._leap_to = self.time() + by.total_seconds()
            self._landed = self.create_future()
            try:
                await self._landed
            finally:
                self._leap_to = self._landed = None

    def leap(self, timeout: float | None) -> bool:
        """Let time jump by `timeout`, at most to the end of an advance; False where this loop must really wait."""
        if self._leap_to is None or self._landed is None:
            if not self.virtual or timeout is None:
                return False
            self._leapt += timeout
            return True
        rest = self._leap_to - self.time()
        if rest > 0:
            self._leapt += rest if timeout is None else min(timeout, rest)
        elif not self._landed.done():
            self._landed.set_result(None)
        return True

    @property
    def leaps(self) -> bool:
        """Whether time may jump at present."""
        return (self._leap_to is not None or (self.virtual and not self.is_held)) and not self.jobs

    def run_in_executor(self, executor: Executor | None, func: Callable[..., _T], *args: Any) -> asyncio.Future[_T]:  # type: ignore[override]
        """Run a function in a thread; time does not jump before it ends."""
        future: asyncio.Future[_T] = super().run_in_executor(executor, func, *args)
        self.jobs += 1
        future.add_done_callback(self._end_job)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Join the executor's threads; that is a job too, though asyncio gives it a timer of its own."""
        self.jobs += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self.jobs -= 1

    def _end_job(self, _: asyncio.Future[Any]) -> None:
        self.jobs -= 1


class _LeapingSelector(selectors.BaseSelector):
    """The machine's selector, except that where the loop leaps a wait becomes a jump."""

    def __init__(self, loop: LabLoop, selector: selectors.BaseSelector) -> None:
        self._loop = loop
        self._selector = selector
        self._probe: _Probe | None = None

    def select(self, timeout: float | None = None) -> _Events:
        if timeout == 0 or not self._loop.leaps:
            return self._selector.select(None if timeout and self._loop.is_held else timeout)
        ready = self._selector.select(0) or self._settle()
        if ready or self._loop.leap(timeout):
            return ready
        ready = self._selector.select(STANDSTILL_TIMEOUT)
        if not ready:
            raise StandstillError
        return ready

    def _settle(self) -> _Events:
        """Wait until nothing sent over loopback is under way; returns what has become ready."""
        if self._probe is None:
            self._probe = _Probe()
        self._probe.fly()
        time.sleep(GRACE_PAUSE)
        return self._selector.select(0)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._selector.get_map()

    def close(self) -> None:
        if self._probe is not None:
            self._probe.close()
        self._selector.close()


class _Probe:
    """A datagram sent to itself over loopback."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(PROBE_TIMEOUT)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(self._socket.getsockname())

    def fly(self) -> None:
        """Send the datagram and wait for it; one that is lost is given up in silence."""
        try:
            self._socket.send(b"\0")
            self._socket.recv(1)
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()


class LabClock:
    """The lab's calendar: an epoch that moves with a loop's time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, epoch: datetime | None = None) -> None:
        """Begin at `epoch` (aware); by default at the machine's present, or for a virtual loop at `VIRTUAL_EPOCH`."""
        if epoch is None:
            epoch = VIRTUAL_EPOCH if isinstance(loop, LabLoop) and loop.virtual else datetime.now(UTC)
        self._time = loop.time
        self._zero = epoch - timedelta(seconds=loop.time())

    def now(self) -> datetime:
        """Tell the present instant, aware, in UTC."""
        return self._zero + timedelta(seconds=self._time())
