"""The lab's certificate authority: what it makes, keeps, uses again and replaces."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from posturelab.authority import Authority
from psn.config import InternodeTls


class NotLetInError(Exception):
    """The server has closed the connection."""


NOW = datetime.now(UTC)


def open_authority(folder: Path, *moments: datetime) -> Authority:
    return Authority(folder, valid_at=(NOW, *moments))


def server(authority: Authority, *names: str) -> ssl.SSLContext:
    return authority.server_context("psn1", names=names or ("psn1.lab.test",), address="127.0.0.1")


def internode(authority: Authority, name: str) -> InternodeTls:
    return authority.internode_tls(name, names=(f"{name}.lab.test",), address="127.0.0.1")


async def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Reach a server; with TLS 1.3 a client learns only by what it reads whether it was let in."""

    async def welcome(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.close()

    listener = await asyncio.start_server(welcome, "127.0.0.1", 0, ssl=server)
    async with listener:
        host, port = listener.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port, ssl=client, server_hostname=name)
        told = await reader.read()
        writer.close()
    if told != b"welcome":
        raise NotLetInError


@pytest.mark.parametrize("name", ["psn1.lab.test", "127.0.0.1"])
async def test_an_endpoint_that_trusts_the_root_reaches_a_node_by_name_and_address(tmp_path: Path, name: str) -> None:
    authority = open_authority(tmp_path)
    await shake_hands(server(authority), authority.client_context(), name)


async def test_a_name_the_certificate_does_not_hold_is_refused(tmp_path: Path) -> None:
    authority = open_authority(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await shake_hands(server(authority), authority.client_context(), "psn2.lab.test")


async def test_the_root_of_another_lab_is_not_trusted(tmp_path: Path) -> None:
    stranger = open_authority(tmp_path / "stranger")
    with pytest.raises(ssl.SSLCertVerificationError):
        await shake_hands(server(open_authority(tmp_path / "lab")), stranger.client_context(), "psn1.lab.test")


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    server(open_authority(tmp_path))
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {
        "lab-ca.key": 0o600,
        "psn1.key": 0o600,
    }


def test_what_is_good_is_used_again(tmp_path: Path) -> None:
    server(open_authority(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    server(open_authority(tmp_path))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_certificate_for_other_names_is_made_anew(tmp_path: Path) -> None:
    authority = open_authority(tmp_path)
    server(authority, "psn1.lab.test")
    server(authority, "psn1.other.test")
    certificate = x509.load_pem_x509_certificate((tmp_path / "psn1.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["psn1.other.test"]


@pytest.mark.parametrize("damage", [b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
@pytest.mark.parametrize("name", ["lab-ca.crt", "lab-ca.key", "psn1.crt", "psn1.key"])
async def test_damaged_files_are_replaced(tmp_path: Path, name: str, damage: bytes) -> None:
    server(open_authority(tmp_path))
    (tmp_path / name).write_bytes(damage)
    authority = open_authority(tmp_path)
    await shake_hands(server(authority), authority.client_context(), "psn1.lab.test")


async def test_a_certificate_holds_at_every_instant_asked_for(tmp_path: Path) -> None:
    server(open_authority(tmp_path))
    long_ago, far_ahead = NOW - timedelta(days=400), NOW + timedelta(days=500)
    authority = open_authority(tmp_path, long_ago, far_ahead)
    await shake_hands(server(authority), authority.client_context(), "psn1.lab.test")
    for name in ("lab-ca", "psn1"):
        certificate = x509.load_pem_x509_certificate((tmp_path / f"{name}.crt").read_bytes())
        assert certificate.not_valid_before_utc < long_ago
        assert certificate.not_valid_after_utc > far_ahead


@pytest.mark.parametrize("name", ["psn2.lab.test", "127.0.0.1"])
async def test_nodes_of_one_lab_know_each_other(tmp_path: Path, name: str) -> None:
    authority = open_authority(tmp_path)
    await shake_hands(internode(authority, "psn2").server, internode(authority, "psn1").client, name)


async def test_a_node_of_another_lab_is_not_let_in(tmp_path: Path) -> None:
    lab, stranger = open_authority(tmp_path / "lab"), open_authority(tmp_path / "stranger")
    forged = internode(stranger, "psn1").client
    forged.load_verify_locations(lab.certificate_path)
    with pytest.raises(NotLetInError):
        await shake_hands(internode(lab, "psn2").server, forged, "psn2.lab.test")


async def test_whoever_shows_no_certificate_is_not_let_in(tmp_path: Path) -> None:
    authority = open_authority(tmp_path)
    with pytest.raises(NotLetInError):
        await shake_hands(internode(authority, "psn2").server, authority.client_context(), "psn2.lab.test")


async def test_a_certificate_for_servers_alone_is_made_anew(tmp_path: Path) -> None:
    authority = open_authority(tmp_path)
    server(authority)
    serial = narrow_usage(tmp_path, "psn1")
    await shake_hands(internode(authority, "psn2").server, internode(authority, "psn1").client, "psn2.lab.test")
    assert x509.load_pem_x509_certificate((tmp_path / "psn1.crt").read_bytes()).serial_number != serial


def narrow_usage(folder: Path, name: str) -> int:
    """Sign a node's certificate again for servers alone, as the first releases did."""
    root = x509.load_pem_x509_certificate((folder / "lab-ca.crt").read_bytes())
    key = serialization.load_pem_private_key((folder / "lab-ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    old = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
    builder = x509.CertificateBuilder(
        old.issuer,
        old.subject,
        old.public_key(),
        x509.random_serial_number(),
        old.not_valid_before_utc,
        old.not_valid_after_utc,
    )
    for extension in old.extensions:
        usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
        value = usage if isinstance(extension.value, x509.ExtendedKeyUsage) else extension.value
        builder = builder.add_extension(value, critical=extension.critical)
    certificate = builder.sign(key, hashes.SHA256())
    assert certificate.issuer == root.subject
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate.serial_number


OPEN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from posturelab.authority import Authority
sys.stdin.read(1)
authority = Authority(Path(sys.argv[1]), valid_at=[datetime.now(UTC)])
for name in ("psn1", "psn2"):
    authority.internode_tls(name, names=(f"{name}.lab.test",), address="127.0.0.1")
print(authority._root.certificate.serial_number)
"""


def test_processes_that_start_at_once_agree_on_one_root(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(tmp_path / "state")]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=100) for process in processes]
    assert {err for _, err in told} == {""}
    (serial,) = {int(out) for out, _ in told}
    assert x509.load_pem_x509_certificate((tmp_path / "state" / "lab-ca.crt").read_bytes()).serial_number == serial
    authority = open_authority(tmp_path / "state")
    before = (tmp_path / "state" / "psn1.crt").read_bytes()
    internode(authority, "psn1")
    assert (tmp_path / "state" / "psn1.crt").read_bytes() == before


async def test_a_host_that_is_no_node_gets_a_certificate_in_a_folder_of_its_own(tmp_path: Path) -> None:
    authority = open_authority(tmp_path / "state")
    folder = tmp_path / "broker"
    for _ in range(2):
        authority.export("rabbitmq", names=["rabbitmq"], address="192.0.2.5", folder=folder)
    assert sorted(path.name for path in folder.iterdir()) == ["lab-ca.crt", "rabbitmq.crt", "rabbitmq.key"]
    assert (folder / "rabbitmq.key").stat().st_mode & 0o007 == 0
    broker = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    broker.load_cert_chain(folder / "rabbitmq.crt", folder / "rabbitmq.key")
    client = ssl.create_default_context(cafile=str(folder / "lab-ca.crt"))
    await shake_hands(broker, client, "rabbitmq")
    await shake_hands(broker, client, "192.0.2.5")


@pytest.mark.parametrize("name", ["lab-ca", "../escaped", "", ".hidden", "a b"])
def test_no_certificate_has_a_name_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    authority = Authority(tmp_path / "state", valid_at=[NOW])
    root = authority.certificate_path.read_bytes()
    with pytest.raises(ValueError, match="not a name"):
        authority.export(name, names=["host"], address="192.0.2.5", folder=tmp_path / "out")
    assert authority.certificate_path.read_bytes() == root
    assert list((tmp_path / "out").iterdir()) == []


def test_an_exported_key_is_never_readable_by_all(tmp_path: Path) -> None:
    key = tmp_path / "rabbitmq.key"
    key.touch(0o644)
    Authority(tmp_path / "state", valid_at=[NOW]).export(
        "rabbitmq", names=["rabbitmq"], address="192.0.2.5", folder=tmp_path
    )
    assert key.stat().st_mode & 0o777 == 0o640
