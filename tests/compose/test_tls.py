"""The overlay by which nodes reach the broker over TLS, with a certificate of the lab's own authority."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compose.engine import docker
from tests.compose.project import ComposeProject

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def tls_lab(project: ComposeProject) -> Iterator[ComposeProject]:
    """A monitoring node, a policy service node and the broker between them."""
    project.down()
    project.up_by_tls("psn1")
    yield project
    project.down()


def test_nodes_reach_the_broker_by_tls_alone(tls_lab: ComposeProject) -> None:
    tls_lab.wait_linked(["mnt1", "psn1"])
    broker = tls_lab.inspect("rabbitmq")["Id"]
    connections = docker("exec", broker, "rabbitmqctl", "--quiet", "list_connections", "ssl", "ssl_protocol")
    assert connections.splitlines()[1:] == ["true\ttlsv1.3"] * 2
    plain = "exec 3<>/dev/tcp/127.0.0.1/5672"
    with pytest.raises(RuntimeError, match="Connection refused"):
        docker("exec", broker, "bash", "-c", plain)
