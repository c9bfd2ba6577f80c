"""Tells a story: brings a lab up, goes through the steps, and keeps what was expected, found and written meanwhile."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from ldd.broker_settings import BrokerSettings
from nac.node.binding import AddressInUseError
from nac.node.journal import JournalRecord
from posturelab.clock import LabLoop, StandstillError
from posturelab.lab import Lab
from posturelab.lab_error import ImpossibleActionError
from posturelab.lab_file import LabFile
from posturelab.links import BrokerLinks, choose_broker
from posturelab.mistake import MistakeWatch
from posturelab.scenario.action import describe_action, perform
from posturelab.scenario.expectation import Check, check_step, wait_until
from posturelab.scenario.file import Story
from posturelab.scenario.model import Step

_SPARE_BLOCKS = range(1, 64)
"""Where a story goes, in this order so that it goes to the same place again: 127.1, 127.2, ..."""


class Narrator(Protocol):
    """Whoever listens to a story while it is told; times are since its beginning."""

    def begin(self, story: Story, *, seed: int, live: bool) -> None:
        """A story begins."""
        ...

    def tell_pause(self, at: timedelta, pause: timedelta) -> None:
        """A live story waits for so long for its next step."""
        ...

    def tell_step(self, at: timedelta, step: Step) -> None:
        """A step begins."""
        ...

    def tell_record(self, at: timedelta, record: JournalRecord) -> None:
        """A node has written into the journal."""
        ...

    def tell_checks(self, at: timedelta, checks: list[Check]) -> None:
        """The expectations of a step have held, or have not."""
        ...

    def end(self, outcome: Outcome) -> None:
        """The story is over."""
        ...


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """One step as it went: when it began, when its expectations were settled, and how."""

    note: str
    begun_at: timedelta
    settled_at: timedelta
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A story as it went. `errors` are mistakes of the lab itself."""

    story: Story
    seed: int
    live: bool
    began_at: datetime
    wall_seconds: float
    virtual_seconds: float
    steps: tuple[StepOutcome, ...]
    records: tuple[JournalRecord, ...]
    errors: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every expectation held and the lab made no mistake."""
        return not self.errors and all(check.held for step in self.steps for check in step.checks)


def run_story(
    story: Story, *, narrator: Narrator, seed: int | None = None, live: bool = False, brokers: Sequence[str] = ()
) -> Outcome:
    """Tell a story on an event loop of its own, a live one over the message broker at these URLs if there are any.

    Where its addresses are in use, because a lab runs beside it, the story is told on other loopback addresses.
    Raises `OSError` where none can be bound, `InputError` where a broker cannot be meant.
    """
    seed = story.scenario.seed if seed is None else seed
    broker = choose_broker(LabFile(story.topology_document, story.topology), brokers) if brokers else None
    places = iter(_SPARE_BLOCKS)
    place = story
    while True:
        telling = _Telling(place, narrator, seed=seed, live=live, broker=broker)
        try:
            with asyncio.Runner(loop_factory=lambda: LabLoop(virtual=not live)) as runner:
                runner.run(telling.run())
        except StandstillError as error:
            telling.errors.append(str(error))
        except AddressInUseError:
            block = next(places, None)
            if block is None:
                raise
            place = story.relocate(block)
            continue
        outcome = telling.conclude()
        narrator.end(outcome)
        return outcome


class _Telling:
    """One story on a lab of its own."""

    def __init__(
        self, story: Story, narrator: Narrator, *, seed: int, live: bool, broker: BrokerSettings | None
    ) -> None:
        self.errors: list[str] = []
        self._story = story
        self._narrator = narrator
        self._seed = seed
        self._live = live
        self._broker = broker
        self._recent: list[JournalRecord] = []
        self._outcomes: list[StepOutcome] = []
        self._began = time.perf_counter()
        self._lab: Lab
        self._began_at: datetime

    @property
    def _now(self) -> timedelta:
        return self._lab.clock.now() - self._began_at

    async def run(self) -> None:
        """Bring the lab up and go through the steps; `conclude` knows what came of it, also of one that breaks off."""
        with tempfile.TemporaryDirectory(prefix="posturelab-") as folder:
            self._lab = Lab(
                self._story.topology, seed=self._seed, state_dir=Path(folder), links=self._choose_links(Path(folder))
            )
            self._began_at = self._lab.clock.now()
            watch = MistakeWatch(self._lab.journal)
            self.errors = watch.mistakes
            asyncio.get_running_loop().set_exception_handler(watch)
            async with self._lab:
                self._began_at = self._lab.clock.now()
                self._narrator.begin(self._story, seed=self._seed, live=self._live)
                end_listening = self._lab.journal.listen(self._note)
                for step in self._story.scenario.steps:
                    await self._run_step(step)
                end_listening()

    def _choose_links(self, folder: Path) -> BrokerLinks | None:
        """Choose links over the broker, apart from those of all other labs and stories; None without one."""
        if self._broker is None:
            return None
        deployment = f"{self._story.topology.name}-story-{secrets.token_hex(4)}"
        return BrokerLinks(self._broker, deployment=deployment, folder=folder, is_lasting=False)

    def conclude(self) -> Outcome:
        """Put together what has come of the story."""
        return Outcome(
            story=self._story,
            seed=self._seed,
            live=self._live,
            began_at=self._began_at,
            wall_seconds=time.perf_counter() - self._began,
            virtual_seconds=self._now.total_seconds(),
            steps=tuple(self._outcomes),
            records=tuple(self._lab.journal),
            errors=tuple(self.errors),
        )

    async def _run_step(self, step: Step) -> None:
        await self._pause((step.after or timedelta(0)) if step.at is None else step.at - self._now)
        begun_at = self._now
        self._narrator.tell_step(begun_at, step)
        if step.actions:
            self._recent.clear()
        checks = [*await self._act(step), *await self._settle(step)]
        self._outcomes.append(StepOutcome(step.note, begun_at, self._now, tuple(checks)))
        self._narrator.tell_checks(self._now, checks)

    async def _pause(self, pause: timedelta) -> None:
        if pause <= timedelta(0):
            return
        if self._live:
            self._narrator.tell_pause(self._now, pause)
        await asyncio.sleep(pause.total_seconds())

    async def _act(self, step: Step) -> list[Check]:
        """Do what a step does; what cannot be done is an expectation that does not hold."""
        for action in step.actions:
            what = describe_action(action)
            try:
                await perform(self._lab, action)
            except ImpossibleActionError as error:
                return [Check("action", what, "done", str(error), held=False)]
            except Exception as error:  # our own mistake fails this story; those after it are told
                context = {"message": f"{what} has failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
                return [Check("action", what, "done", f"{type(error).__name__}: {error}", held=False)]
        return []

    async def _settle(self, step: Step) -> list[Check]:
        """Wait until all that a step expects holds, or its time is over."""

        def check() -> list[Check]:
            return check_step(self._lab, step, self._recent)

        def holds() -> bool:
            return not step.not_seen and all(expectation.held for expectation in check())

        await wait_until(self._lab.journal, holds, within=step.within)
        return check()

    def _note(self, record: JournalRecord) -> None:
        self._recent.append(record)
        self._narrator.tell_record(record.at - self._began_at, record)
