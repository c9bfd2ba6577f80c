"""The lab's certificate authority: what it makes, keeps, uses again and replaces."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from posturelab.authority import Authority

NOW = datetime.now(UTC)


def open_authority(folder: Path, *moments: datetime) -> Authority:
    return Authority(folder, valid_at=(NOW, *moments))


def server(authority: Authority, *names: str) -> ssl.SSLContext:
    return authority.server_context("psn1", names=names or ("psn1.lab.test",), address="127.0.0.1")


async def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(close, "127.0.0.1", 0, ssl=server)
    async with listener:
        host, port = listener.sockets[0].getsockname()
        _, writer = await asyncio.open_connection(host, port, ssl=client, server_hostname=name)
        writer.close()


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
