"""What a step of a scenario expects, held against a running lab."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nac.journal import JournalRecord
from posturelab.facts import observe_endpoint
from posturelab.lab import Lab
from posturelab.scenario import Facts, Sighting, Step


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation: whom it is about, which fact, what the story says of it and what the lab says."""

    subject: str
    fact: str
    expected: str
    actual: str
    held: bool


def check_step(lab: Lab, step: Step, records: Iterable[JournalRecord]) -> list[Check]:
    """Hold everything a step expects against the lab and the journal records since the last action."""
    seen = list(records)
    checks = [check for endpoint, facts in step.expect.items() for check in check_facts(lab, endpoint, facts)]
    checks += [_check_sighting(sighting, seen, wanted=True) for sighting in step.seen]
    checks += [_check_sighting(sighting, seen, wanted=False) for sighting in step.not_seen]
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


def _check_sighting(sighting: Sighting, records: list[JournalRecord], *, wanted: bool) -> Check:
    count = sum(_matches(sighting, record) for record in records)
    facts = ", ".join(f"{name}={value}" for name, value in sighting.facts.items())
    fact = f"{sighting.event} ({facts})" if facts else sighting.event
    actual = "not seen" if not count else "seen" if count == 1 else f"seen {count} times"
    return Check(sighting.node or "any node", fact, "seen" if wanted else "not seen", actual, (count > 0) == wanted)


def _matches(sighting: Sighting, record: JournalRecord) -> bool:
    return (
        record.event == sighting.event
        and sighting.node in (None, record.node)
        and all(name in record.facts and record.facts[name] == value for name, value in sighting.facts.items())
    )
