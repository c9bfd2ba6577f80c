"""What is expected of a running lab, by a step of a scenario or by a test, and the wait until it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from nac.node.journal import Journal, JournalRecord
from posturelab.journal.query import RecordQuery
from posturelab.lab import Lab
from posturelab.observation.facts import observe_endpoint
from posturelab.scenario.model import Facts, Step

POLL_INTERVAL = 1.0
"""Seconds of lab time after which a condition is looked at again though no journal record asks for it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation: whom it is about, which fact, what the story says of it and what the lab says."""

    subject: str
    fact: str
    expected: str
    actual: str
    held: bool


async def wait_until(journal: Journal, holds: Callable[[], bool], *, within: timedelta) -> bool:
    """Wait until something holds, at most so long; whether it does. Each new record is a reason to look again."""
    news = asyncio.Event()
    end_listening = journal.listen(lambda _: news.set())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                while not holds():
                    news.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(POLL_INTERVAL):
                            await news.wait()
        return holds()
    finally:
        end_listening()


def check_step(lab: Lab, step: Step, records: Iterable[JournalRecord]) -> list[Check]:
    """Hold everything a step expects against the lab and the journal records since the last action."""
    seen = list(records)
    checks = [check for endpoint, facts in step.expect.items() for check in check_facts(lab, endpoint, facts)]
    checks += [_check_sighting(sighting.query, seen, wanted=True) for sighting in step.seen]
    checks += [_check_sighting(sighting.query, seen, wanted=False) for sighting in step.not_seen]
    return checks


def check_facts(lab: Lab, endpoint: str, expected: Facts) -> Iterator[Check]:
    """Hold what is expected of one endpoint against the lab."""
    actual = observe_endpoint(lab, endpoint)
    for name in ("agent", "owner", "psn", "profile", "mnt", "mnt_posture", "access"):
        wanted = getattr(expected, name)
        if wanted is not None:
            found = getattr(actual, name)
            yield Check(endpoint, name, wanted, found, wanted == found)
    for node, record in expected.directory.items():
        told = actual.directory[node]
        for name in ("owner", "posture"):
            wanted = getattr(record, name)
            if wanted is not None:
                yield Check(endpoint, f"{name} in the directory of {node}", wanted, told[name], wanted == told[name])
    held = {**actual.others, actual.owner: actual.psn}
    for psn, wanted in expected.others.items():
        yield Check(endpoint, f"at {psn}", wanted, held[psn], wanted == held[psn])


def _check_sighting(query: RecordQuery, records: list[JournalRecord], *, wanted: bool) -> Check:
    count = sum(map(query.matches, records))
    actual = "not seen" if not count else "seen" if count == 1 else f"seen {count} times"
    return Check(query.subject, query.what, "seen" if wanted else "not seen", actual, (count > 0) == wanted)
