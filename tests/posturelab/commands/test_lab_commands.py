"""Commands to a lab that runs, as real processes."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

from tests.posturelab.command_line import PATIENCE, call, refuse, running, stop, wait_for_line


def test_a_running_lab_does_as_it_is_told(up: dict[str, Any]) -> None:
    control = up["control"]
    assert call("endpoint", "laptop1", "plug", "--control", control).stdout == "laptop1: Searching for policy server\n"
    assert "the lab's clock is at " in call("clock", "advance", "8h", "--control", control).stdout
    laptop1, laptop2 = json.loads(call("sessions", "--json", "--control", control).stdout)
    assert (laptop1["agent"], laptop1["psn"], laptop1["mnt"], laptop1["access"]) == (
        "Compliant",
        "Compliant",
        "Started",
        "open",
    )
    assert laptop2["agent"] == "Not connected"
    table = call("sessions", POSTURELAB_CONTROL=control).stdout
    assert "laptop1 (alice)  Compliant" in table
    journal = call("journal", "--node", "laptop1", "--event", "posture-scan", POSTURELAB_CONTROL=control).stdout
    assert journal.endswith("laptop1    posture-scan             all 3 requirements are met\n")
    assert refuse("journal", "--node", "psn9", "--control", control) == (
        "posturelab: no node is called 'psn9'; there are: mnt1, psn1, psn2, web1, switch1, laptop1, laptop2"
    )
    assert refuse("journal", "--event", "posture-scam", "--control", control) == (
        "posturelab: no journal event is called 'posture-scam' (did you mean 'posture-scan'?)"
    )
    assert call("endpoint", "laptop1", "unplug", "--control", control).stdout == "laptop1: Not connected\n"
    assert refuse("endpoint", "laptop9", "plug", "--control", control) == (
        "posturelab: no endpoint is called 'laptop9'; there are: laptop1, laptop2"
    )
    assert refuse("clock", "advance", "8 hours", "--control", control) == (
        "posturelab: '8 hours' is not a duration; write for example 500ms, 30s, 5m, 1h30m or 5d"
    )
    stop(up["process"], signal.SIGTERM)


def test_a_coa_is_asked_for_and_its_outcome_is_the_exit_status(up: dict[str, Any]) -> None:
    control = up["control"]
    call("endpoint", "laptop1", "plug", "--control", control)
    call("clock", "advance", "1m", "--control", control)
    done = call("coa", "reauth", "laptop1", "--from", "psn2", POSTURELAB_CONTROL=control)
    assert done.stdout.startswith("reauth of laptop1 by psn2 by way of psn1: acknowledged, 11223 ")
    assert done.returncode == 0
    done = call("coa", "reauthenticate", "laptop1", POSTURELAB_CONTROL=control)
    assert done.stdout.startswith("reauthenticate of laptop1 by psn1: acknowledged, 11223 ")
    (session,) = json.loads(call("directory", "--json", POSTURELAB_CONTROL=control).stdout)["sessions"]
    assert session["differing"] == []
    for selection in ([], ["laptop1"], ["0200.0000.1001"]):
        lines = call("directory", *selection, POSTURELAB_CONTROL=control).stdout.splitlines()
        assert lines[2].endswith("psn1, psn2, mnt1")
        assert lines[-1] == "every replica is equal"
    assert call("directory", "laptop2", POSTURELAB_CONTROL=control).stdout == "no session of laptop2 is shared\n"
    assert refuse("directory", "a&b/c", POSTURELAB_CONTROL=control).startswith("posturelab: 'a&b/c' is neither a MAC ")
    done = call("coa", "disconnect", "laptop1", "--from", "psn2", "--direct", POSTURELAB_CONTROL=control)
    assert re.match(r"disconnect of laptop1 by psn2: failed, \d+ ", done.stdout)
    assert done.returncode == 1
    sentence = "posturelab: no node is known to own a session of laptop2"
    for sender in ([], ["--from", "psn2"]):
        undone = call("coa", "bounce", "laptop2", *sender, POSTURELAB_CONTROL=control)
        assert undone.returncode == 1, "there is no session"
        assert bool(sender) or undone.stderr == f"{sentence}\n"
    assert refuse("coa", "bounce", "laptop9", POSTURELAB_CONTROL=control).startswith("posturelab: 'laptop9' is neither")
    assert refuse("coa", "bounce", "laptop1", "--from", "psn9", POSTURELAB_CONTROL=control).startswith(
        "posturelab: no policy service node is called 'psn9'"
    )
    for command in ("rerun", "disable"):
        done = call("coa", command, "laptop1", POSTURELAB_CONTROL=control)
        assert done.stdout.startswith(f"{command} of laptop1 by psn1: acknowledged, 11223 ")
    stop(up["process"], signal.SIGTERM)


def test_the_journal_is_followed(up: dict[str, Any]) -> None:
    with running("journal", "--follow", "--control", up["control"]) as follower:
        call("endpoint", "laptop2", "plug", "--control", up["control"])
        assert "laptop2    endpoint-plugged" in wait_for_line(follower, "endpoint-plugged")[-1]
        follower.send_signal(signal.SIGINT)
        assert follower.wait(PATIENCE) == 130
    stop(up["process"], signal.SIGTERM)


def test_following_the_journal_ends_where_nobody_reads_on(up: dict[str, Any]) -> None:
    call("endpoint", "laptop2", "plug", "--control", up["control"])
    with running("journal", "--follow", "--event", "endpoint-plugged", "--control", up["control"]) as follower:
        wait_for_line(follower, "endpoint-plugged")  # and no other record will ever be written
        assert follower.stdout is not None
        assert follower.stderr is not None
        follower.stdout.close()
        assert follower.wait(PATIENCE) == 1
        assert follower.stderr.read() == ""
        follower.stdout = None  # or it would be read once more
    stop(up["process"], signal.SIGTERM)


def test_a_lab_that_does_not_run_cannot_be_told_anything(block: int) -> None:
    control = f"http://127.{block}.9.9:9"
    for arguments in (["sessions"], ["endpoint", "laptop1", "plug"], ["clock", "advance", "8h"], ["journal"]):
        sentence = refuse(*arguments, "--control", control)
        assert sentence.startswith(f"posturelab: no lab answers at {control} (")
        assert sentence.endswith("); start one with: posturelab up")
    assert refuse("sessions", "--control", "nonsense") == "posturelab: 'nonsense' is not the URL of a lab"
