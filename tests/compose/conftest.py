"""Who names this folder (`make test-compose`) builds the image and runs the compose file; others do not even look here.

One `up` serves all tests; each finds the lab whole, whatever the last one has done to it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.engine import docker, find_missing
from tests.compose.project import ComposeProject

_HERE = Path(__file__).parent
_FIGURES = pytest.StashKey[list[str]]()


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(_HERE) for path in named) else True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for figure in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def engine() -> None:
    """An engine that runs containers here."""
    missing = find_missing()
    if missing is not None and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing is not None:
        pytest.skip(missing)


@pytest.fixture(scope="session")
def project(engine: None, pytestconfig: pytest.Config) -> Iterator[ComposeProject]:
    """The project with its image, and without anything that an interrupted run has left."""
    project = ComposeProject()
    pytestconfig.stash[_FIGURES] = project.figures
    project.down()
    begin = time.monotonic()
    project.build()
    project.figures.append(f"the image was built in {time.monotonic() - begin:.1f} s")
    yield project
    project.down()


@pytest.fixture(scope="session")
def first_up(project: ComposeProject) -> None:
    """The first start, measured: nothing exists but the images."""
    begin = time.monotonic()
    project.compose("up", "--detach", "--no-build")
    project.wait_healthy()
    healthy = time.monotonic() - begin
    project.wait_linked()
    linked = time.monotonic() - begin
    project.figures.append(f"from up to healthy: {healthy:.1f} s (goal 20), to linked over RabbitMQ: {linked:.1f} s")


@pytest.fixture
def lab(project: ComposeProject, first_up: None) -> ComposeProject:
    """The lab with every node healthy and linked."""
    project.up()
    return project


@pytest.fixture(scope="session")
def base_image(engine: None) -> str:
    """What the image is built upon."""
    base = f"python:{os.environ.get('PYTHON_TAG', '3.14-slim')}"
    docker("image", "inspect", base)
    return base
