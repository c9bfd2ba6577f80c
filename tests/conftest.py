"""What holds for all tests: examples of hypothesis are never timed, because these machines are shared.

One RabbitMQ serves all tests of a session that ask for it; each uses a deployment of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

from tests.rabbitmq_server import RabbitMqServer, ServerTls, find_missing

settings.register_profile("lab", deadline=None)
settings.load_profile("lab")

COLOURING = ("FORCE_COLOR", "NO_COLOR", "COLUMNS")
NAMING_LABS = (
    "POSTURELAB_BROKER",
    "POSTURELAB_CONTAINERS",
    "POSTURELAB_CONTROL",
    "POSTURELAB_TOKEN",
    "POSTURELAB_TOPOLOGY",
)


def pytest_configure() -> None:
    """Let the environment neither colour nor fold what programs print, nor name anybody's lab."""
    for name in (*COLOURING, *NAMING_LABS):
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def broker_authority() -> trustme.CA:
    """Who signs the certificates of the broker and of its clients."""
    return trustme.CA()


@pytest.fixture(scope="session")
def rabbitmq_server(broker_authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMqServer]:
    """The session's broker, whatever the last test has done to it."""
    missing = find_missing()
    if missing is not None and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing is not None:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("rabbitmq")
    server = RabbitMqServer(folder / "broker", tls=_write_certificates(broker_authority, folder))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def rabbitmq(rabbitmq_server: RabbitMqServer) -> RabbitMqServer:
    """A broker that runs."""
    rabbitmq_server.revive()
    return rabbitmq_server


def _write_certificates(authority: trustme.CA, folder: Path) -> ServerTls:
    issued = authority.issue_cert("localhost")
    files = ServerTls(authority=folder / "ca.pem", certificate=folder / "broker.pem", key=folder / "broker.key")
    authority.cert_pem.write_to_path(files.authority)
    issued.private_key_pem.write_to_path(files.key)
    for part in issued.cert_chain_pems:
        part.write_to_path(files.certificate, append=True)
    return files
