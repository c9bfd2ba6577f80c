"""Measure the session directory beside a plain dict of dicts: memory per record, and merges per second.

Both hold the same records, in which devices, owners and addresses come again as in a real deployment: three PSNs, a
device for every 500 endpoints, a second address for every fourth. The directory keeps its indexes by session id, MAC
and IP and its digest; the dict holds under the session id what `json.loads` gives, and knows nothing else. Memory is by
how much a fresh process grows that is told of every session twice. A merge is measured from a record and from its JSON,
for sessions that are new and for a newer version of known ones. What a run prints holds for this machine and this run;
compare the columns.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ldd.directory import RadiusSessionDirectory
from ldd.record import RecordState, SessionRecord, decode_record, encode_record
from nac.posture import PostureStatus

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
Json = dict[str, Any]


@dataclass(slots=True)
class Contenders:
    """Who is compared; a second pair, so that both kinds of merge find the same state."""

    directory: RadiusSessionDirectory = field(default_factory=RadiusSessionDirectory)
    second_directory: RadiusSessionDirectory = field(default_factory=RadiusSessionDirectory)
    peer: dict[str, Json] = field(default_factory=dict)
    second_peer: dict[str, Json] = field(default_factory=dict)


def build_record(number: int, *, version: int) -> SessionRecord:
    """Build the record of one session: authenticated in version 1, started and Compliant afterwards."""
    device = number // 500
    mac = (0x02_00_00_00_00_00 + number).to_bytes(6, "big")
    psn = device % 3 + 1
    is_started = version > 1
    addresses = (f"10.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}", f"2001:db8::{number:x}")
    return SessionRecord(
        session_id=f"{0x0A300000 + device:08X}{number:08X}{0x5E071990 + number:08X}",
        mac=mac.hex(":").upper(),
        calling_station_id=mac.hex("-").upper(),
        addresses=addresses[: 1 + (number % 4 == 0)],
        psn=f"psn{psn}",
        psn_ip=f"10.48.17.{psn}",
        psn_fqdn=f"psn{psn}.example.org",
        nas_ip=f"10.48.{device >> 8}.{device & 255}",
        state=RecordState.STARTED if is_started else RecordState.AUTHENTICATED,
        posture_status=PostureStatus.COMPLIANT if is_started else None,
        acct_session_id=f"{number:08X}" if is_started else "",
        version=version,
        authenticated_at=NOW + timedelta(milliseconds=number),
        at=NOW + timedelta(milliseconds=number, seconds=version),
    )


def build_payloads(count: int, *, version: int) -> Iterator[bytes]:
    """Build the JSON of all sessions, one after the other."""
    return (encode_record(build_record(number, version=version)) for number in range(count))


def get_resident_bytes() -> int:
    """Return how much of this process is in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fill_directory(count: int) -> float:
    """Measure how many bytes one record costs the directory."""
    directory = RadiusSessionDirectory()
    return _measure_growth(count, lambda members: directory.merge(decode_record(members)))


def fill_dict(count: int) -> float:
    """Measure how many bytes one record costs the peer."""
    return _measure_growth(count, merge_into({}))


def _measure_growth(count: int, merge: Callable[[Json], object]) -> float:
    before = get_resident_bytes()
    for number in range(count):
        for version in (1, 2):
            merge(json.loads(encode_record(build_record(number, version=version))))
    gc.collect()
    return (get_resident_bytes() - before) / count


def run_afresh(function: Callable[[int], float], count: int) -> float:
    """Run a function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(function, count).result()


def measure_rate(items: list[Any], merge: Callable[[Any], object]) -> float:
    """Measure how many items a second are merged, beginning without garbage."""
    gc.collect()
    started = time.perf_counter()
    for item in items:
        merge(item)
    return len(items) / (time.perf_counter() - started)


def merge_into(sessions: dict[str, Json]) -> Callable[[Json], None]:
    """Build what the peer does with a record: the newer one stays."""

    def merge(members: Json) -> None:
        known = sessions.get(members["auditSessionID"])
        if known is None or known["version"] < members["version"]:
            sessions[members["auditSessionID"]] = members

    return merge


def report(title: str, directory: float, peer: float) -> None:
    """Print one row."""
    print(f"  {title:<44} {directory:>12,.0f} {peer:>14,.0f}")


def measure_merges(count: int, *, version: int, title: str, of: Contenders) -> None:
    """Merge one version of all sessions into both, decoded before and, into a second pair, from JSON."""
    payloads = list(build_payloads(count, version=version))
    members: list[Json] = [json.loads(payload) for payload in payloads]
    records = [decode_record(item) for item in members]
    rates = measure_rate(records, of.directory.merge), measure_rate(members, merge_into(of.peer))
    report(f"merges per second of {title}, decoded", *rates)
    del records, members
    merge = merge_into(of.second_peer)
    rate = measure_rate(payloads, lambda payload: of.second_directory.merge(decode_record(json.loads(payload))))
    rates = rate, measure_rate(payloads, lambda payload: merge(json.loads(payload)))
    report(f"merges per second of {title}, from JSON", *rates)


def run(count: int) -> None:
    """Measure and print."""
    print(f"\n{count:,} sessions")
    print(f"  {'':<44} {'directory':>12} {'dict of dicts':>14}")
    report("bytes per record, indexes included", run_afresh(fill_directory, count), run_afresh(fill_dict, count))
    contenders = Contenders()
    measure_merges(count, version=1, title="new sessions", of=contenders)
    measure_merges(count, version=2, title="known sessions", of=contenders)
    report_expiry(contenders.directory)


def report_expiry(directory: RadiusSessionDirectory) -> None:
    """Let everything expire, and print how long the longest step keeps a node from other work."""
    gc.collect()
    gc.freeze()  # the collector would walk the peer's dicts, which no node has
    slowest, expired, started = 0.0, 0, time.perf_counter()
    for found in directory.expire(NOW + timedelta(days=30)):
        slowest = max(slowest, time.perf_counter() - started)
        expired += len(found)
        started = time.perf_counter()
    print(f"  {expired:,} records expired; the longest step took {slowest * 1000:.1f} ms")


def main() -> None:
    """Parse the command line and say what is measured on what."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=60_000)
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    run(arguments.sessions)


if __name__ == "__main__":
    main()
