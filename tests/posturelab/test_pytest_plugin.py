"""The plugin in test sessions of its own, as a user has them: what tests get, and what they are told when they fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import dedent

import pytest

from posturelab.testing_farm import LabFarm, LabWish

EXAMPLE = Path(__file__).parents[2] / "examples" / "ci"
PATIENCE = 100.0


def run_pytest(folder: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Run a test session in a folder; warnings are errors, and other plugins are absent but for that of coroutines."""
    settings = ["-rs", "-p", "no:cacheprovider", "-p", "no:timeout", "-W", "error"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *options],
        cwd=folder,
        env=os.environ | {"CI": ""} | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\naddopts = --strict-markers\n"
    )
    return tmp_path


def write(folder: Path, source: str) -> None:
    (folder / "test_it.py").write_text("import pytest\n" + dedent(source))


def test_the_package_declares_the_plugin() -> None:
    (found,) = entry_points(group="pytest11", name="posturelab")
    assert found.value == "posturelab.pytest_plugin"


def test_the_example_project_passes() -> None:
    status, told = run_pytest(EXAMPLE, "-W", "default::ResourceWarning", "-p", "no:asyncio")
    assert status == 0, told
    assert re.search(r"^10 passed", told.splitlines()[-1].strip("= ")), told


def test_a_session_that_uses_no_fixture_imports_nothing_of_the_lab(project: Path) -> None:
    write(
        project,
        """
        import sys

        def test_nothing_is_loaded(pytestconfig):
            loaded = [name for name in sys.modules if name.partition(".")[0] in ("posturelab", "psn", "mnt", "radius")]
            assert sorted(loaded) == ["posturelab", "posturelab.pytest_plugin"]
        """,
    )
    status, told = run_pytest(project)
    assert status == 0, told


def test_fixtures_of_the_user_come_first(project: Path) -> None:
    write(
        project,
        """
        @pytest.fixture
        def clock():
            return "mine"

        def test_it(clock):
            assert clock == "mine"
        """,
    )
    assert run_pytest(project)[0] == 0


def test_every_test_has_a_lab_of_its_own_that_its_marker_describes(project: Path) -> None:
    write(
        project,
        """
        import asyncio
        from datetime import timedelta

        pytestmark = pytest.mark.posturelab(seed=5)

        @pytest.mark.parametrize("number", range(2))
        def test_nothing_is_left_of_the_test_before(lab, psn, mnt, switch, endpoint, clock, journal, number):
            assert (psn.name, mnt.name, switch.name, endpoint.name) == ("psn1", "mnt1", "switch1", "laptop1")
            assert clock.now.isoformat() == "2026-01-05T08:00:00+00:00"
            assert not psn.sessions and not mnt.sessions and not journal.find("access-accept")
            endpoint.plug()
            clock.sleep("1h")
            assert [session.mac for session in psn.sessions] == [endpoint.mac]

        @pytest.mark.posturelab("no-redirect", ldd="directory")
        def test_markers_add_up(lab):
            assert (lab.topology.name, lab.topology.ldd, lab.seed) == ("no-redirect", "directory", 5)
            assert lab.psn("psn3").ports["authentication"] == 1812

        def test_options_come_after_markers(lab):
            assert lab.seed == 5
            assert not lab.is_virtual

        @pytest.mark.posturelab(virtual=True)
        async def test_a_coroutine_uses_the_same_fixtures(endpoint, faults, lab):
            faults.cut("psn1")
            endpoint.plug()
            await asyncio.to_thread(endpoint.expect, owner="psn2", within=timedelta(minutes=1))
            assert lab.call(lambda lab: lab.get_endpoint("laptop1").is_plugged)
            lab.wait_until(lambda lab: True)
        """,
    )
    status, told = run_pytest(project, "--posturelab-seed", "6", "-k", "left or add or coroutine")
    assert status == 0, told
    status, told = run_pytest(project, "--posturelab-time", "live", "-k", "options")
    assert status == 0, told


def test_what_fails_shows_the_journal(project: Path) -> None:
    write(
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
    assert "no journal record has the event 'acess-accept' (did you mean 'access-accept'?)" in told
    assert "world peace did not come true within 1m" in told
    assert told.count("journal records:\n") == 6
    assert "08:00:00.000  laptop1    endpoint-plugged         the cable was plugged in" in told
    assert "6 failed" in told


def test_a_lab_that_cannot_be_is_explained_in_a_line(project: Path) -> None:
    write(
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


def test_containers_that_do_not_run_skip_a_test_and_fail_in_ci(project: Path) -> None:
    write(project, "def test_it(lab_containers): ...")
    status, told = run_pytest(project)
    assert status == 0
    assert "SKIPPED" in told
    assert "neither POSTURELAB_CONTAINERS nor the setting posturelab_containers names any node" in told
    status, told = run_pytest(project, CI="true", POSTURELAB_CONTAINERS="psn1=http://127.0.0.1:1")
    assert status == 1
    assert "psn1 is not there: no lab answers at http://127.0.0.1:1" in told


def test_labs_beside_each_other_go_to_different_places(tmp_path: Path) -> None:
    farms = [LabFarm(tmp_path / "one"), LabFarm(tmp_path / "two")]
    drivers = [farm.start(LabWish()) for farm in farms]
    try:
        first, second = (driver.psn() for driver in drivers)
        assert first.address != second.address
        assert first.ports == second.ports
        assert str(drivers[0].topology.radius.wildcard_network) == "127.0.0.0/8"
    finally:
        for driver in drivers:
            driver.stop()


def test_only_nodes_move_when_a_lab_is_put_elsewhere(tmp_path: Path) -> None:
    clients = {"mine": {"network": "127.0.0.1/32", "secret": "its-own", "coa_port": 3798}}
    driver = LabFarm(tmp_path).start(LabWish(overrides={"radius": {"clients": clients}}))
    try:
        assert driver.topology.radius.clients["mine"].network == "127.0.0.1/32"
        assert f"permit tcp any host {driver.psn().address}" in driver.topology.policy.dacls["QUARANTINE"]
    finally:
        driver.stop()


def test_a_lab_that_dies_fails_its_test(project: Path) -> None:
    write(
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
    write(
        project,
        """
        @pytest.mark.posturelab(seed=0)
        def test_seed(lab):
            assert lab.seed == 0

        @pytest.mark.posturelab("campus", "no-redirect")
        def test_two(lab): ...
        """,
    )
    status, told = run_pytest(project)
    assert status == 1, told
    sentence = "@pytest.mark.posturelab: only the topology has no name before it, not 'no-redirect'"
    assert f"no lab can be had: {sentence}" in told
    assert "1 passed, 1 error" in told


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
    write(project, "def test_it(): ...")
    status, told = run_pytest(project)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert told.strip() == f"ERROR: {sentence}"
