"""The agent's log: the shape and the search words of posture.md 8, 3.2 and 4.4."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from agent_emulator.discovery import Target, TargetKind
from agent_emulator.log import LIMIT, AgentLog, Place, render_mnt_targets, render_new_session, render_targets
from nac.discovery import NG_DISCOVERY_PATH, DiscoveryAnswer
from nac.posture import PostureStatus


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 5, 8, 0, 7, tzinfo=UTC)


def test_a_line_has_the_shape_of_a_support_bundle() -> None:
    log = AgentLog(StandingClock())
    log.write(Place.RESTART, "Restarting Discovery.")
    log.write(Place.TARGETS, "text")
    first, second = log.lines()
    assert first.startswith("2026/01/05 08:00:07 [Information] aciseagent Function: ")
    assert first.endswith("Line: 1251 Level: info Restarting Discovery.")
    assert second == (
        "2026/01/05 08:00:07 [Information] aciseagent Function: SwiftHttpRunner::collectNoMntTargets "
        "Thread Id: 0x1340 File: SwiftHttpRunner.cpp Line: 1157 Level: debug text"
    )


def test_the_oldest_lines_give_way() -> None:
    log = AgentLog(StandingClock())
    for number in range(LIMIT + 1):
        log.write(Place.PROBE, str(number))
    assert len(log.lines()) == LIMIT
    assert log.lines()[0].endswith(" 1")


def test_stage_one_begins_with_the_number_of_targets() -> None:
    targets = (
        Target(TargetKind.REDIRECTION, "192.168.255.1"),
        Target(TargetKind.AUTH_STATUS, "ciscolive-ise2.demo.local"),
    )
    assert render_targets(targets) == (
        "Probing no MNT stage targets (#2): Redirection target 192.168.255.1, "
        "Auth-Status target ciscolive-ise2.demo.local with path /auth/status"
    )


def test_stage_two_begins_with_the_number_of_targets() -> None:
    targets = (Target(TargetKind.NG_DISCOVERY, "psn1.lab.test", path=NG_DISCOVERY_PATH),)
    assert render_mnt_targets(targets) == (
        "Probing MNT stage targets (#1): Ng-Discovery target psn1.lab.test with path /auth/ng-discovery"
    )


def test_a_new_session_names_what_the_policy_server_selected() -> None:
    answer = DiscoveryAnswer(
        policy_server="psn1.lab.test",
        posture_path="/auth/perfigo_validate.jsp",
        posture_port=8443,
        posture_domain="posture_domain",
        posture_status=PostureStatus.COMPLIANT,
        session_id="0a3e949c000002585cf00588",
    )
    text = render_new_session(answer)
    assert text.startswith('MSG_NS_SWISS_NEW_SESSION, {{ise_fqdn="psn1.lab.test"}, {posture_port="8443"}, ')
    assert '{posture_status="Compliant"}, {session_id="0a3e949c000002585cf00588"}' in text
    assert text.endswith("{pra_enabled=0}}.")
    assert re.findall(r"\{(\w+)=", text) == [
        "ise_fqdn",
        "posture_port",
        "posture_path",
        "posture_domain",
        "posture_status",
        "session_id",
        "config_uri",
        "acpack_uri",
        "acpack_port",
        "acpack_ver",
        "pra_enabled",
    ]
