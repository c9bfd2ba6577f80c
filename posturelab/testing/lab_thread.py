"""A lab on an event loop of its own, in a thread of its own, and the way in for programs that have another or none.

A live lab goes on by itself. In a virtual one time stands still between two calls, while its sockets are served as
ever, so that a real client gets its answers; during a call time passes as the call needs it. A call begins and ends
with everything settled that takes no time, so that what the callers see is the same in every run.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from posturelab.clock import LabLoop
from posturelab.lab import Lab
from posturelab.mistake import MistakeWatch
from posturelab.topology.model import Topology

__tracebackhide__ = True
"""What fails is shown where a test has asked for it; pytest leaves out the frames of this module."""

CALL_TIMEOUT = 600.0
"""Seconds of real time; a leap over many days takes a while."""

_T = TypeVar("_T")


class LabEndedError(RuntimeError):
    """The lab has come to an end, and answers no calls."""


class LabThread:
    """One lab. `start` returns when it runs, `stop` when it does not any more."""

    def __init__(self, topology: Topology, *, seed: int, state_dir: Path, virtual: bool) -> None:
        """Keep what the lab is made of; what earlier labs of this name left in `state_dir` is forgotten."""
        self._topology = topology
        self._seed = seed
        self._state_dir = state_dir
        self._virtual = virtual
        self._thread = threading.Thread(target=self._live, name=f"posturelab {topology.name}", daemon=True)
        self._born: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._failure: BaseException | None = None
        self._is_reported = False
        """Whether somebody has been told of the failure."""
        self._calls = 0
        self._loop: LabLoop
        self._ended: asyncio.Event
        self.lab: Lab
        """For what runs on the lab's thread: `run` and `call`."""
        self.mistakes: list[str] = []
        """What the lab itself has done wrong, one sentence each."""

    @property
    def is_running(self) -> bool:
        """Whether the lab has been started and has not ended."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the lab; raises what its start raises."""
        self._thread.start()
        self._born.result(CALL_TIMEOUT)

    def stop(self) -> None:
        """Stop the lab; a second call does nothing.

        Raises `LabEndedError` where it has broken down, before or just now, and no call has told so, and where it
        cannot be stopped.
        """
        if self._thread.is_alive():
            with suppress(RuntimeError):  # it has just ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(CALL_TIMEOUT)
            if self._thread.is_alive():
                raise LabEndedError(f"the lab does not stop within {CALL_TIMEOUT:g} s") from self._failure
        if self._failure is not None and not self._is_reported:
            self._is_reported = True
            told = f"{type(self._failure).__name__}: {self._failure}"
            raise LabEndedError(f"the lab has broken down: {told}") from self._failure

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the lab's loop and wait for it; raises what it raises, or `LabEndedError`."""
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            work.close()
            self._is_reported = self._failure is not None
            why = f"has ended: {self._failure}" if self._failure else "does not run, or waits for itself"
            raise LabEndedError(f"the lab {why}") from self._failure
        future = asyncio.run_coroutine_threadsafe(self._conduct(work), self._loop)
        try:
            error = future.exception(CALL_TIMEOUT)  # raised here, it has no frames of the futures in its traceback
            if error is None:
                return future.result()
            raise error
        except concurrent.futures.CancelledError:
            self._thread.join(CALL_TIMEOUT)
            self._is_reported = self._failure is not None
            raise LabEndedError(f"the lab has ended: {self._failure}") from self._failure
        finally:
            future.cancel()
            error = None  # whose traceback holds this frame

    def call(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function on the lab's thread; raises what it raises, or `LabEndedError`."""

        async def work() -> _T:
            return function(*arguments)

        return self.run(work())

    async def _conduct(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do one piece of work; time passes meanwhile."""
        if not self._virtual:
            return await work
        await self._loop.settle()
        self._hold(-1)
        try:
            return await work
        finally:
            self._hold(+1)
            await self._loop.settle()

    def _hold(self, change: int) -> None:
        """Count the calls under way; without any time stands still."""
        self._calls -= change
        self._loop.is_held = self._virtual and self._calls <= 0

    def _live(self) -> None:
        """Be the thread."""
        try:
            with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=self._virtual)) as runner:
                runner.run(self._keep())
        except BaseException as error:  # whatever it is, whoever waits for this lab is told
            self._failure = error
            if not self._born.done():
                self._is_reported = True
                self._born.set_exception(error)

    async def _keep(self) -> None:
        """Keep the lab until somebody ends it."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LabLoop)
        self._loop, self._ended = loop, asyncio.Event()
        self.lab = Lab(self._topology, seed=self._seed, state_dir=self._state_dir)
        self.lab.forget()
        watch = MistakeWatch(self.lab.journal)
        self.mistakes = watch.mistakes
        loop.set_exception_handler(watch)
        async with self.lab:
            self._hold(0)
            await loop.settle()
            self._born.set_result(None)
            await self._ended.wait()
            loop.is_held = False
