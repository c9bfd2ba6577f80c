"""The same against the containers of a compose project that runs: real time, and nothing is reset between tests."""

import pytest


@pytest.fixture
def laptop(lab_containers):
    lab_containers.unplug("laptop1")
    lab_containers.mark()
    yield lab_containers["laptop1"]
    lab_containers.unplug("laptop1")


def test_every_node_is_ready(lab_containers):
    assert all(node.ready()["ready"] for node in lab_containers.nodes.values())


def test_a_laptop_becomes_compliant(lab_containers, laptop):
    lab_containers.plug("laptop1")
    laptop.wait_for("posture-scan", within="30s")
    lab_containers["switch1"].wait_for("coa-acknowledged", within="30s")
