"""The plugin in test sessions of its own, as a user has them: what tests get."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.posturelab.pytest_session import run_pytest, write_tests

EXAMPLE = Path(__file__).parents[3] / "examples" / "ci"


def test_the_package_declares_the_plugin() -> None:
    (found,) = entry_points(group="pytest11", name="posturelab")
    assert found.value == "posturelab.testing.plugin"


def test_the_example_project_passes() -> None:
    status, told = run_pytest(EXAMPLE, "-W", "default::ResourceWarning", "-p", "no:asyncio")
    assert status == 0, told
    assert re.search(r"^10 passed", told.splitlines()[-1].strip("= ")), told


def test_a_session_that_uses_no_fixture_imports_nothing_of_the_lab(project: Path) -> None:
    write_tests(
        project,
        """
        import sys

        def test_nothing_is_loaded(pytestconfig):
            loaded = [name for name in sys.modules if name.partition(".")[0] in ("posturelab", "psn", "mnt", "radius")]
            assert sorted(loaded) == ["posturelab", "posturelab.testing", "posturelab.testing.plugin"]
        """,
    )
    status, told = run_pytest(project)
    assert status == 0, told


def test_fixtures_of_the_user_come_first(project: Path) -> None:
    write_tests(
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
    write_tests(
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


@pytest.mark.parametrize("time", ["virtual", "live"])
def test_an_endpoint_begins_anew_when_its_switch_restarts(project: Path, time: str) -> None:
    write_tests(
        project,
        """
        def test_it_is_open_again(endpoint, faults, psn, journal):
            endpoint.plug()
            endpoint.expect(access="open", within="5m")
            first = endpoint.facts.session_id
            faults.restart("switch1")
            journal.wait_for("session-started", within="30s")
            endpoint.expect(access="open", agent="Compliant", psn="Compliant", within="5m")
            assert endpoint.facts.session_id != first
            assert {session.session_id for session in psn.sessions} == {first, endpoint.facts.session_id}

        def test_it_has_no_link_while_the_switch_is_down(endpoint, switch, journal):
            endpoint.plug()
            endpoint.expect(access="open", within="5m")
            switch.stop()
            endpoint.expect(agent="Not connected", access="closed", psn="Compliant", mnt="Started")
            switch.start()
            endpoint.expect(agent="Compliant", access="open", within="5m")
        """,
    )
    status, told = run_pytest(project, "--posturelab-time", time)
    assert status == 0, told


def test_labs_of_a_module_run_beside_those_of_its_tests(project: Path) -> None:
    write_tests(
        project,
        """
        @pytest.fixture(scope="module")
        def shared(posturelab_farm):
            with posturelab_farm.start("no-redirect") as lab:
                lab.endpoint().plug()
                yield lab

        def test_it_is_new(shared, lab):
            assert (shared.topology.name, lab.topology.name, shared.seed) == ("no-redirect", "campus", 7)
            shared.endpoint().expect(access="open", within="1m")
            assert not lab.psn().sessions

        def test_it_goes_on(shared, lab):
            assert shared.endpoint().facts.access == "open"
            assert not lab.psn().sessions

        def test_it_is_shown(shared):
            assert False

        def test_it_is_not_shown():
            assert False

        def test_it_makes_a_mistake(shared):
            shared.call(lambda lab: __import__("asyncio").get_running_loop().call_soon(lambda: 1 // 0))
        """,
    )
    status, told = run_pytest(project, "--posturelab-seed", "7")
    assert status == 1
    assert "2 failed, 3 passed, 1 error" in told
    assert told.count("- posturelab no-redirect -") == 1
    assert "LabEndedError: the lab has made a mistake: " in told


def test_containers_that_do_not_run_skip_a_test_and_fail_in_ci(project: Path) -> None:
    write_tests(project, "def test_it(lab_containers): ...")
    status, told = run_pytest(project)
    assert status == 0
    assert "SKIPPED" in told
    assert "neither POSTURELAB_CONTAINERS nor the setting posturelab_containers names any node" in told
    status, told = run_pytest(project, CI="true", POSTURELAB_CONTAINERS="psn1=http://127.0.0.1:1")
    assert status == 1
    assert "psn1 is not there: no lab answers at http://127.0.0.1:1" in told
