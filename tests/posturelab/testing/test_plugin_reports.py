"""The plugin in test sessions of its own, as a user has them: what is said of tests that fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.posturelab.pytest_session import run_pytest, write_tests


def test_what_fails_shows_the_journal(project: Path) -> None:
    write_tests(
        project,
        """
        def test_facts(endpoint):
            endpoint.plug()
            endpoint.expect(access="closed", agent="Compliant")

        def test_record(endpoint, journal):
            endpoint.plug()
            journal.wait_for("access-accept", node="psn2", within="2s")

        def test_never(endpoint, journal):
            endpoint.plug()
            journal.never("access-accept", within="2s")

        def test_other(endpoint):
            endpoint.plug()
            assert False

        def test_typing_error(journal):
            journal.wait_for("acess-accept")

        def test_condition(lab):
            lab.wait_until(lambda lab: False, within="1m", what="world peace")
        """,
    )
    status, told = run_pytest(project)
    assert status == 1
    assert "laptop1 after 10s:\nE         access should be 'closed', is 'open'" in told
    assert "psn2: access-accept was not seen within 2s\nE       instead: psn1: access-accept (" in told
    assert "any node: access-accept was seen" in told
    assert "no journal event is called 'acess-accept' (did you mean 'access-accept'?)" in told
    assert "world peace did not come true within 1m" in told
    assert told.count("journal records:\n") == 6
    assert "08:00:00.000  laptop1    endpoint-plugged         the cable was plugged in" in told
    assert "6 failed" in told


def test_a_test_that_cannot_begin_shows_the_journal(project: Path) -> None:
    write_tests(
        project,
        """
        @pytest.fixture
        def ready(endpoint):
            endpoint.plug()
            assert endpoint.facts.access == "open"

        def test_it(ready): ...
        """,
    )
    status, told = run_pytest(project)
    assert status == 1
    assert "1 error" in told
    assert "08:00:00.000  laptop1    endpoint-plugged         the cable was plugged in" in told


def test_what_is_wrong_in_a_test_is_shown_there(project: Path) -> None:
    write_tests(
        project,
        """
        def test_switch(lab):
            lab.switch("switch9")

        def test_port(switch):
            switch.access("Gi1")

        def test_fact(endpoint):
            endpoint.expect(acess="open")

        def test_own(lab):
            lab.call(lambda lab: 1 // 0)
        """,
    )
    status, told = run_pytest(project)
    assert status == 1
    places = re.findall(r"^(\S+\.py):\d+: ", told, re.MULTILINE)
    assert len(places) == 5, "one for each, two for what is called in the last"
    assert set(places) == {"test_it.py"}
    assert "concurrent" not in told


def test_a_lab_that_cannot_be_is_explained_in_a_line(project: Path) -> None:
    write_tests(
        project,
        """
        @pytest.mark.posturelab("camput")
        def test_name(lab): ...

        @pytest.mark.posturelab(topolgy="campus")
        def test_key(lab): ...

        @pytest.mark.posturelab(nodes={"psn1": {"address": "300.1.1.1"}})
        def test_value(lab): ...

        def test_node(lab):
            with pytest.raises(LookupError, match="no switch is called 'switch9'; there are: switch1"):
                lab.switch("switch9")

        def test_mistake(lab):
            lab.call(lambda lab: __import__("asyncio").get_running_loop().call_soon(lambda: 1 // 0))
        """,
    )
    status, told = run_pytest(project)
    assert status == 1
    assert "no lab can be had: camput: no topology has this name (did you mean 'campus'?)" in told
    assert "no lab can be had: @pytest.mark.posturelab: topolgy: unknown key" in told
    assert "no lab can be had: @pytest.mark.posturelab: nodes.psn1.address: " in told
    assert "the lab has made a mistake: " in told
    assert "2 passed, 4 errors" in told
    assert "Traceback" not in told.replace("During", "")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("nix", "nix: no topology has this name"),
        ("campus", "the topology campus has no control.node_port, so its nodes cannot be asked"),
    ],
)
def test_a_wrong_setting_of_containers_fails_in_a_line(project: Path, word: str, sentence: str) -> None:
    write_tests(project, "def test_it(lab_containers): ...")
    status, told = run_pytest(project, POSTURELAB_CONTAINERS=word)
    assert status == 1
    assert f"no containers can be asked: {sentence}" in told
    assert "Error" not in told


def test_a_lab_that_dies_fails_its_test(project: Path) -> None:
    write_tests(
        project,
        """
        def die():
            raise SystemExit("no more")

        def test_it(lab):
            loop = lab.call(lambda lab: __import__("asyncio").get_running_loop())
            loop.call_soon_threadsafe(die)
        """,
    )
    status, told = run_pytest(project)
    assert status == 1, told
    assert "the lab has broken down: SystemExit: no more" in told
    assert "1 passed, 1 error" in told


def test_a_marker_says_one_topology_and_any_seed(project: Path) -> None:
    write_tests(
        project,
        """
        @pytest.mark.posturelab(seed=0)
        def test_seed(lab):
            assert lab.seed == 0

        @pytest.mark.posturelab("campus", "no-redirect")
        def test_two(lab): ...

        @pytest.mark.posturelab(virtual="live")
        def test_time(lab): ...
        """,
    )
    status, told = run_pytest(project)
    assert status == 1, told
    for wrong in ("only the topology has no name before it, not 'no-redirect'", "virtual is True or False, not 'live'"):
        assert f"no lab can be had: @pytest.mark.posturelab: {wrong}" in told
    assert "1 passed, 2 errors" in told


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("posturelab_time = real", "posturelab_time in the ini file is virtual or live, not 'real'"),
        ("posturelab_seed = one", "posturelab_seed in the ini file is a whole number, not 'one'"),
    ],
)
def test_a_bad_ini_file_is_explained_in_a_line(project: Path, setting: str, sentence: str) -> None:
    with (project / "pytest.ini").open("a") as file:
        file.write(f"{setting}\n")
    write_tests(project, "def test_it(): ...")
    status, told = run_pytest(project)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert told.strip() == f"ERROR: {sentence}"
