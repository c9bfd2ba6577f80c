"""The image: how large it is, what is in it and what is not, and as whom it runs."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from tests.compose.engine import docker
from tests.compose.project import IMAGE, ROOT, ComposeProject

pytestmark = pytest.mark.timeout(900)
"""The first test builds the image."""

MEGABYTE = 1_000_000
GOAL = 150
RUN = ("run", "--rm", "--read-only", "--network", "none")


@pytest.fixture(scope="module")
def image(project: ComposeProject) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("image", "inspect", IMAGE))[0]
    return found


def test_it_adds_little_to_its_base(project: ComposeProject, image: dict[str, Any], base_image: str) -> None:
    base = json.loads(docker("image", "inspect", base_image))[0]["Size"]
    added = (image["Size"] - base) / MEGABYTE
    project.figures.append(
        f"image: {image['Size'] / MEGABYTE:.0f} MB, {added:.0f} MB above {base_image} (goal {GOAL} MB)"
    )
    assert added < GOAL


def test_labels_and_user_are_set(image: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    config = image["Config"]
    assert config["User"] == "1000:1000"
    assert config["Entrypoint"] == ["posturelab"]
    assert config["Labels"]["org.opencontainers.image.version"] == version
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_what_is_installed_is_what_the_constraints_pin_and_no_build_tool(image: dict[str, Any]) -> None:
    program = "from importlib.metadata import distributions as d; [print(x.name, x.version) for x in d(path=['{}'])]"
    (folder,) = docker(*RUN, "--entrypoint", "sh", IMAGE, "-c", "ls -d /opt/posturelab/lib/python3*").split()
    listed = docker(*RUN, "--entrypoint", "python", IMAGE, "-c", program.format(f"{folder}/site-packages"))
    installed = {line.split()[0]: line.split()[1] for line in listed.splitlines()}
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert installed.pop("posturelab")
    assert installed == {name: pins[name] for name in installed}
    assert not installed.keys() & {"pip", "setuptools", "wheel", "hatchling", "pytest", "ruff", "mypy"}


def test_every_sub_command_is_there_on_a_read_only_file_system(image: dict[str, Any]) -> None:
    assert "certificate" in docker(*RUN, IMAGE, "--help")


def test_it_holds_no_source_that_was_not_compiled(image: dict[str, Any]) -> None:
    find = "find /opt/posturelab/lib -name '*.py' | wc -l; find /opt/posturelab/lib -name '*.pyc' | wc -l"
    sources, compiled = docker(*RUN, "--entrypoint", "sh", IMAGE, "-c", find).split()
    assert sources == compiled
