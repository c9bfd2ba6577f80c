"""Drops as MNT gets them: which record, for which reason, and how many a second."""

from __future__ import annotations

import asyncio
import random
import socket
from typing import TYPE_CHECKING

import pytest

from nac.syslog_catalogue import ACCOUNTING_DROPPED, REQUEST_DROPPED, CatalogueEntry
from psn.log.drop_report import MOST_A_SECOND, DropReport
from radius.authenticator import ZEROS, encode_request
from radius.packet import Code
from radius.remedy import DropReason
from radius.secret import Secret

if TYPE_CHECKING:
    from tests.psn.bench import Bench
    from tests.psn.collector import Collector
    from tests.psn.conftest import BuildNode


def drop(report: DropReport, entry: CatalogueEntry, reason: DropReason, *, client: str = "switch1") -> None:
    facts = {"drop": reason.value, "address": "127.0.3.1", "port": 1645, "client": client}
    report.observe_as(entry)("radius-drop", "why", facts)


@pytest.fixture
def report(bench: Bench) -> DropReport:
    return DropReport(runtime=bench.runtime, audit=bench.audit)


@pytest.mark.parametrize(
    ("entry", "reason", "code"),
    [
        (REQUEST_DROPPED, DropReason.NOT_AUTHENTIC, 11036),
        (ACCOUNTING_DROPPED, DropReason.NOT_AUTHENTIC, 11038),
        (REQUEST_DROPPED, DropReason.UNKNOWN_CLIENT, 11007),
        (ACCOUNTING_DROPPED, DropReason.UNKNOWN_CLIENT, 11007),
        (REQUEST_DROPPED, DropReason.MALFORMED, 11014),
        (REQUEST_DROPPED, DropReason.MESSAGE_AUTHENTICATOR_REQUIRED, 11057),
        (ACCOUNTING_DROPPED, DropReason.DUPLICATE_IN_PROGRESS, 5436),
    ],
)
def test_record_and_reason_follow_from_port_and_drop(
    bench: Bench, report: DropReport, entry: CatalogueEntry, reason: DropReason, code: int
) -> None:
    drop(report, entry, reason)
    (record,) = bench.list_records()
    assert (record.code, record.category) == (entry.code, "CISE_Failed_Attempts")
    assert record.first("FailureReason").startswith(f"{code} ")
    assert (record.first("Device IP Address"), record.first("NetworkDeviceName")) == ("127.0.3.1", "switch1")


def test_device_that_nobody_knows_has_no_name(bench: Bench, report: DropReport) -> None:
    drop(report, REQUEST_DROPPED, DropReason.UNKNOWN_CLIENT, client="")
    (record,) = bench.list_records()
    assert (record.first("Device IP Address"), record.first("NetworkDeviceName")) == ("127.0.3.1", "")


def test_flood_is_in_the_journal_and_its_beginning_at_mnt(bench: Bench, report: DropReport) -> None:
    for _ in range(2):
        for _ in range(MOST_A_SECOND):
            drop(report, REQUEST_DROPPED, DropReason.MALFORMED)
            drop(report, ACCOUNTING_DROPPED, DropReason.MALFORMED)
        assert len(bench.list_records()) == MOST_A_SECOND
        bench.clock.advance(seconds=1)
    assert len(bench.list_events("radius-drop")) == 4 * MOST_A_SECOND


def test_what_is_no_drop_goes_to_the_journal_alone(bench: Bench, report: DropReport) -> None:
    report.observe_as(REQUEST_DROPPED)("radius-duplicate", "why", {"address": "127.0.3.1", "port": 1645})
    assert bench.list_records() == []
    assert len(bench.list_events("radius-duplicate")) == 1


async def test_each_port_of_a_node_tells_of_its_own_drops(build_node: BuildNode, collector: Collector) -> None:
    node = build_node()
    await node.start()
    wrong = Secret("wrong")
    authenticator = random.Random(1).randbytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.3.1", 0))
        request = encode_request(Code.ACCESS_REQUEST, 1, [], wrong, authenticator, sign=True)
        device.sendto(request, ("127.0.0.1", node.ports["authentication"]))
        account = encode_request(Code.ACCOUNTING_REQUEST, 2, [], wrong, ZEROS, sign=False)
        device.sendto(account, ("127.0.0.1", node.ports["accounting-legacy"]))
        async with asyncio.timeout(30):
            records = collector.list_records()
            while len(records) < 2:
                await asyncio.sleep(0.01)
                records += collector.list_records()
    reasons = {record.code: record.first("FailureReason").split(" ")[0] for record in records}
    assert reasons == {5405: "11036", 5413: "11038"}
    assert {record.first("NetworkDeviceName") for record in records} == {"switch1"}
