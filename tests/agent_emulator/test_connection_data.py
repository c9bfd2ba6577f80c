"""ConnectionData.xml: no file before the first completed posture, newest policy server first."""

from __future__ import annotations

from datetime import UTC, datetime

from agent_emulator.connection_data import ConnectionData
from agent_emulator.discovery import Target, TargetKind
from nac.discovery import DiscoveryAnswer

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def answer(name: str, *backups: str) -> DiscoveryAnswer:
    return DiscoveryAnswer(policy_server=name, backup_servers=backups, status_path="/auth/status")


def test_there_is_no_file_before_the_first_completed_posture() -> None:
    assert (ConnectionData().render(), ConnectionData().list_targets()) == ("", [])


def test_the_newest_policy_server_comes_first_and_each_once() -> None:
    data = ConnectionData()
    for name in ("psn1", "psn2", "psn1"):
        data.record(answer(name), port=8443, now=NOW)
    assert data.list_targets() == [
        Target(TargetKind.AUTH_STATUS, "psn1", 8443, "/auth/status"),
        Target(TargetKind.AUTH_STATUS, "psn2", 8443, "/auth/status"),
    ]


def test_stage_two_asks_each_primary_and_then_its_backups() -> None:
    data = ConnectionData()
    data.record(answer("psn2", "psn1"), port=8443, now=NOW)
    data.record(answer("psn1", "psn3"), port=9443, now=NOW)
    assert data.list_servers() == [("psn1", 9443), ("psn3", 8443), ("psn2", 8443), ("psn1", 8443)]


def test_the_file_names_primary_and_backups() -> None:
    data = ConnectionData()
    data.record(answer("psn1", "psn2", "psn3"), port=8443, now=NOW)
    assert data.render() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        "<connectionData><entry><primary>psn1</primary><backup>psn2</backup><backup>psn3</backup>"
        "<port>8443</port><statusPath>/auth/status</statusPath>"
        "<lastUsed>2026-01-05T08:00:00+00:00</lastUsed></entry></connectionData>"
    )
