"""The pytest plugin: a lab for every test that asks for one, by the fixtures below (docs/testing.md).

Nothing of the lab is imported before a fixture asks for it, so that a test session without costs next to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from posturelab.testing.containers import LabContainers
    from posturelab.testing.driver import LabDriver
    from posturelab.testing.farm import LabFarm, LabWish
    from posturelab.testing.journal import JournalWatch
    from posturelab.testing.nodes import ClockDriver, EndpointDriver, FaultDriver, MntDriver, PsnDriver, SwitchDriver

_MARKER = "posturelab(topology, *, virtual, seed, **overrides): which lab a test gets; overrides lie over the topology"
_TIMES = ("virtual", "live")
_FARM = pytest.StashKey["LabFarm"]()
"""Of the session: where its labs come from. Of a test: the same, where it has a lab of its own."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings; a marker wins over an option, an option over the ini file."""
    group = parser.getgroup("posturelab", "Posture Lab")
    group.addoption("--posturelab-topology", metavar="NAME_OR_FILE", help="topology of labs (campus)")
    group.addoption("--posturelab-time", choices=_TIMES, help="time of labs (virtual)")
    group.addoption("--posturelab-seed", type=int, help="seed of labs (1)")
    parser.addini("posturelab_topology", "topology of labs, by name or by path from the folder of this file")
    parser.addini("posturelab_time", "time of labs: virtual or live", default="virtual")
    parser.addini("posturelab_seed", "seed of labs", default="1")
    parser.addini("posturelab_containers", "nodes for lab_containers: NAME=URL, or a topology", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and check the ini file; raises `pytest.UsageError`."""
    config.addinivalue_line("markers", _MARKER)
    time, seed = config.getini("posturelab_time"), config.getini("posturelab_seed")
    if time not in _TIMES:
        raise pytest.UsageError(f"posturelab_time in the ini file is {' or '.join(_TIMES)}, not {time!r}")
    try:
        int(seed)
    except ValueError:
        raise pytest.UsageError(f"posturelab_seed in the ini file is a whole number, not {seed!r}") from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the journals of its labs beside the output of a test that has failed, or could not begin."""
    report = yield
    if report.failed and report.when in ("setup", "call"):
        for driver in _list_labs(item):
            told = _show_journal(driver)
            heading = told.partition("\n")[0]
            if heading not in str(report.longrepr):
                report.sections.append((f"posturelab {driver.topology.name}", told))
    return report


@pytest.fixture(scope="session")
def posturelab_farm(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> LabFarm:
    """Where the labs of this session come from, and those of a wider scope than a test are started."""
    from posturelab.testing.farm import LabFarm

    farm = LabFarm(tmp_path_factory.mktemp("posturelab"), _read_settings(pytestconfig))
    pytestconfig.stash[_FARM] = farm
    return farm


@pytest.fixture
def lab(request: pytest.FixtureRequest, posturelab_farm: LabFarm) -> Iterator[LabDriver]:
    """A lab that runs, with nothing in it of any test before."""
    from posturelab.reading.input_error import InputError
    from posturelab.testing.lab_thread import LabEndedError

    try:
        driver = posturelab_farm.grow(_read_wish(request))
    except (InputError, OSError, pytest.UsageError) as error:
        raise pytest.fail.Exception(f"no lab can be had: {error}", pytrace=False) from None
    request.node.stash[_FARM] = posturelab_farm
    yield driver
    try:
        driver.stop()
    except LabEndedError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def psn(lab: LabDriver) -> PsnDriver:
    """The first policy service node; others by `lab.psn(name)`."""
    return lab.psn()


@pytest.fixture
def mnt(lab: LabDriver) -> MntDriver:
    """The first monitoring node; others by `lab.mnt(name)`."""
    return lab.mnt()


@pytest.fixture
def switch(lab: LabDriver) -> SwitchDriver:
    """The first switch; others by `lab.switch(name)`."""
    return lab.switch()


@pytest.fixture
def endpoint(lab: LabDriver) -> EndpointDriver:
    """The first endpoint; others by `lab.endpoint(name)`."""
    return lab.endpoint()


@pytest.fixture
def clock(lab: LabDriver) -> ClockDriver:
    """The lab's clock."""
    return lab.clock


@pytest.fixture
def journal(lab: LabDriver) -> JournalWatch:
    """The lab's journal."""
    return lab.journal


@pytest.fixture
def faults(lab: LabDriver) -> FaultDriver:
    """What can go wrong between the lab's nodes."""
    return lab.faults


@pytest.fixture(scope="session")
def posturelab_containers(pytestconfig: pytest.Config) -> LabContainers:
    """The nodes of a running compose project."""
    from posturelab.testing.containers import ContainersAbsentError, find_containers

    try:
        return find_containers(pytestconfig.getini("posturelab_containers"), _find_folder(pytestconfig))
    except ValueError as error:  # of which an unusable topology is one
        raise pytest.fail.Exception(f"no containers can be asked: {error}", pytrace=False) from None
    except ContainersAbsentError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture
def lab_containers(posturelab_containers: LabContainers) -> LabContainers:
    """The nodes of a running compose project, their journals marked where the test begins; nothing is reset."""
    from posturelab.control.client import ControlError

    try:
        posturelab_containers.mark()
    except ControlError as error:
        raise pytest.fail.Exception(f"not all containers answer any more: {error}", pytrace=False) from None
    return posturelab_containers


def _list_labs(item: pytest.Item) -> list[LabDriver]:
    """List the labs that a test can have to do with: all that run, if it has one of its own or asks for the farm."""
    asks = "posturelab_farm" in getattr(item, "fixturenames", ())
    farm = item.stash.get(_FARM, item.config.stash.get(_FARM, None) if asks else None)
    return farm.labs if farm is not None else []


def _show_journal(driver: LabDriver) -> str:
    """Show the journal of a lab, or why it cannot be asked any more."""
    from posturelab.testing.lab_thread import LabEndedError

    try:
        return driver.journal.show()
    except LabEndedError as error:
        return str(error)


def _read_wish(request: pytest.FixtureRequest) -> LabWish:
    """Read what a test asks for: the markers of it, its class and its module, key by key, of which the closest wins.

    What they leave open the options and the ini file say. Raises `pytest.UsageError`.
    """
    from posturelab.testing.farm import MARKER

    wish = _read_settings(request.config)
    for marker in reversed(list(request.node.iter_markers("posturelab"))):
        try:
            wish = wish.refine(request.path.parent, *marker.args, **marker.kwargs)
        except ValueError as error:
            raise pytest.UsageError(f"{MARKER}: {error}") from None
    return wish


def _read_settings(config: pytest.Config) -> LabWish:
    """Read what the options and the ini file ask for."""
    from posturelab.testing.farm import LabWish

    is_virtual, seed = _read_setting(config, "time") == "virtual", int(_read_setting(config, "seed"))
    standard = LabWish(folder=_find_folder(config), virtual=is_virtual, seed=seed)
    return standard.refine(standard.folder, _read_setting(config, "topology") or None)


def _read_setting(config: pytest.Config, name: str) -> str:
    option = config.getoption(f"posturelab_{name}")
    return str(config.getini(f"posturelab_{name}") if option is None else option)


def _find_folder(config: pytest.Config) -> Path:
    """Find where the ini file is, else where the test session is rooted."""
    return config.inipath.parent if config.inipath else config.rootpath
