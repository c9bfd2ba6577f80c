"""The lab in containers: radclient from outside, posture through the containers, and what becomes of it in trouble."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.compose.accounting_load import PREFIX, AccountingLoad
from tests.compose.engine import docker
from tests.compose.project import ACCESS_PORT, CONTROL_PORTS, HOST, LINKED, ROOT, SERVICES, ComposeProject, wait_until

pytestmark = pytest.mark.timeout(900)

RATE = 100
REAUTHENTICATE = f"/ports/{ACCESS_PORT}/reauthenticate"
STORED = (
    "import json, sqlite3; store = sqlite3.connect('file:/var/lib/posturelab/compose/mnt1.sqlite?mode=ro', uri=True);"
    f"found = store.execute(\"SELECT acct_session_id FROM accounting WHERE acct_session_id LIKE '{PREFIX}%'\");"
    "print(json.dumps([name for (name,) in found]))"
)


def radclient(*, session_id: str, mac: str = "02-00-00-00-00-09", port: int = 1812) -> str:
    """Let radclient authenticate a MAC by a published port; returns what it prints."""
    missing = "radclient is not installed (Debian: apt install freeradius-utils)"
    if shutil.which("radclient") is None and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if shutil.which("radclient") is None:
        pytest.skip(missing)
    attributes = (
        f'User-Name = "{mac.replace("-", "")}", Service-Type = Call-Check, Calling-Station-Id = "{mac}",'
        f' NAS-IP-Address = 192.0.2.7, Cisco-AVPair = "audit-session-id={session_id}"'
    )
    command = ["radclient", "-x", "-r", "3", "-t", "3", f"{HOST}:{port}", "auth", "testing123"]
    return subprocess.run(command, input=attributes, capture_output=True, text=True, timeout=30).stdout


def become_compliant(lab: ComposeProject) -> dict[str, Any]:
    """Plug the laptop in anew and let its posture be found; returns what the switch knows then."""
    lab.post("laptop1", "/endpoints/laptop1/unplug")
    lab.post("laptop1", "/endpoints/laptop1/plug")
    wait_until(
        lambda: show_agent(lab)["status"] == "Compliant" and lab.show_port()["summary"] == "open",
        lambda: f"not compliant: {show_agent(lab)['message']}, {lab.show_port()}",
    )
    return lab.show_port()


def show_agent(lab: ComposeProject) -> dict[str, Any]:
    return dict(lab.get("laptop1", "/snapshot")["agent"])


def find_session(lab: ComposeProject, node: str, session_id: str) -> dict[str, Any]:
    found = [each for each in lab.get(node, "/snapshot")["sessions"] if each["session_id"] == session_id]
    return dict(found[0]) if found else {}


def test_radclient_outside_gets_an_accept_with_the_redirection(lab: ComposeProject) -> None:
    printed = radclient(session_id="0A000001RADCLIENT")
    assert "Received Access-Accept" in printed
    assert "url-redirect-acl=ACL-POSTURE-REDIRECT" in printed
    assert re.search(r"url-redirect=https://psn1\.lab\.test:8443/portal/gateway\?sessionId=0A000001RADCLIENT&", printed)


def test_a_laptop_becomes_compliant(lab: ComposeProject) -> None:
    port = become_compliant(lab)
    session_id, server = port["session_id"], port["server"]
    assert find_session(lab, server, session_id)["posture_status"] == "Compliant"
    wait_until(lambda: find_session(lab, "mnt1", session_id).get("posture_status") == "Compliant", "MNT does not know")
    assert "Nothing stands in your way" in fetch_behind_the_port("http://www.lab.test/")


def fetch_behind_the_port(url: str) -> str:
    through = ("--proxy", "http://127.0.0.1:8101", "--noproxy", "")
    command = ["curl", "--silent", "--show-error", "--max-time", "30", *through, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def test_the_session_of_a_killed_psn_stays_compliant_at_another(lab: ComposeProject) -> None:
    port = become_compliant(lab)
    session_id, owner, scanned_at = port["session_id"], port["server"], show_agent(lab)["latest_scan_at"]
    lab.wait_equal([session_id])
    lab.kill(owner)
    lab.post("switch1", REAUTHENTICATE)
    wait_until(lambda: lab.show_port()["server"] != owner, "no other node was asked")
    wait_until(lambda: lab.show_port()["status"] == "Authorized", "not authorized anew")
    moved = lab.show_port()
    assert (moved["session_id"], moved["summary"]) == (session_id, "open")
    assert find_session(lab, moved["server"], session_id)["posture_status"] == "Compliant"
    assert show_agent(lab)["latest_scan_at"] == scanned_at
    wait_until(lambda: find_session(lab, "mnt1", session_id)["acs_server"] == moved["server"], "MNT does not know")
    assert find_session(lab, "mnt1", session_id)["posture_status"] == "Compliant"


def test_directories_converge_after_the_broker_was_killed(lab: ComposeProject) -> None:
    lab.kill("rabbitmq")
    lab.wait_linked(state="degraded")
    before = {name: f"0A0000020000000{port}" for name, port in {"psn1": 1812, "psn2": 2812, "psn3": 3812}.items()}
    for number, session_id in enumerate(before.values(), 1):
        mac = f"02-00-00-00-01-0{number}"
        assert "Received Access-Accept" in radclient(session_id=session_id, mac=mac, port=int(session_id[-4:]))
    begin = time.monotonic()
    lab.compose("start", "rabbitmq")
    lab.wait_linked()
    lab.wait_equal(before.values())
    lab.figures.append(f"from the start of a killed broker to equal directories: {time.monotonic() - begin:.1f} s")


async def test_restarts_of_every_container_lose_no_acknowledged_accounting_record(lab: ComposeProject) -> None:
    begin = time.monotonic()
    async with AccountingLoad() as load:
        async with load.offer(RATE):
            for service in SERVICES:
                await asyncio.to_thread(lab.restart, service)
        seconds = time.monotonic() - begin

    def find_lost() -> set[str]:
        stored = docker("exec", lab.find("mnt1"), "python", "-c", STORED)
        return load.acknowledged - set(json.loads(stored))

    await asyncio.to_thread(
        wait_until, lambda: not find_lost(), lambda: f"lost: {sorted(find_lost())[:5]} and others", pause=0.5
    )
    assert len(load.acknowledged) > RATE * seconds / 2, "the load hardly ran"
    lab.figures.append(
        f"every container restarted in {seconds:.0f} s under {RATE} accounting packets/s: {len(load.acknowledged)}"
        f" acknowledged, none lost at MNT; {load.given_up} never answered"
    )


def test_the_doctor_finds_nothing_wrong(lab: ComposeProject) -> None:
    found = json.loads(lab.compose("exec", "-T", "psn1", "posturelab", "doctor", "--json"))
    assert found["sound"]
    assert {*LINKED, "switch1", "web1"} <= {node for finding in found["findings"] for node in finding["nodes"]}
    told = [finding["text"] for finding in found["findings"]]
    assert f"the clocks of {len(CONTROL_PORTS)} nodes and of this machine agree within 5 s" in told


def test_the_doctor_names_a_laptop_whose_container_has_died(lab: ComposeProject) -> None:
    lab.kill("laptop1")
    with pytest.raises(RuntimeError, match=r"doctor ended with 1: ") as told:
        lab.compose("exec", "-T", "psn1", "posturelab", "doctor")
    assert "\nwrong    laptop1: it is not there: no control API answers for it\n" in str(told.value)


def test_the_tests_of_the_example_project_pass_with_these_containers(lab: ComposeProject) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "containers"]
    done = subprocess.run(command, cwd=ROOT / "examples" / "ci", capture_output=True, text=True, timeout=300)
    assert re.search(r"\d+ passed in", done.stdout), done.stdout


def test_all_processes_have_a_user_and_capabilities_of_nobody(lab: ComposeProject) -> None:
    for service in SERVICES:
        processes = docker("top", lab.find(service), "-eo", "pid,uid,cmd").splitlines()[1:]
        assert processes
        assert not [line for line in processes if line.split()[1] == "0"], service
        settings = lab.inspect(service)["HostConfig"]
        assert settings["ReadonlyRootfs"], service
        assert settings["CapDrop"] == ["ALL"], service


def test_nothing_is_written_outside_the_volumes(lab: ComposeProject) -> None:
    for service in SERVICES:
        mounted = {mount["Destination"] for mount in lab.inspect(service)["Mounts"]} | {"/usr/sbin/docker-init"}
        written = [line.split()[1] for line in docker("diff", lab.find(service)).splitlines() if line[0] in "AD"]
        assert not [path for path in written if not any(place.startswith(path) for place in mounted)], service


def test_control_answers_this_machine_alone_and_nobody_without_the_token(lab: ComposeProject) -> None:
    for service in CONTROL_PORTS:
        (place,) = lab.inspect(service)["NetworkSettings"]["Ports"]["8600/tcp"]
        assert place["HostIp"] == "127.0.0.1"
    status = ("--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}")
    asked = subprocess.run(["curl", "--silent", *status, "http://127.0.0.1:8611/ready"], capture_output=True, text=True)
    assert asked.stdout == "401"


def test_the_end_is_clean(lab: ComposeProject) -> None:
    lab.compose("stop")
    logs = {service: lab.read_log(service) for service in SERVICES}
    states = {service: lab.inspect(service)["State"] for service in SERVICES}
    assert {service: state["ExitCode"] for service, state in states.items()} == dict.fromkeys(SERVICES, 0)
    assert not [service for service, log in logs.items() if "Traceback" in log or "CRASH" in log]
    assert all(f"{node} stopped" in logs[node] for node in LINKED)
    lab.down()
    with pytest.raises(KeyError):
        lab.find("psn1")
