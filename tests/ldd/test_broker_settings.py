"""Which settings name a broker, and what is shown of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from ldd.broker_settings import BrokerSettings, BrokerSettingsError, show_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://alice:secret@broker.lab.test/", "amqp://broker.lab.test:5672"),
        ("amqps://alice:secret@broker.lab.test", "amqps://broker.lab.test:5671"),
        ("amqp://127.0.0.1:1234/lab", "amqp://127.0.0.1:1234/lab"),
        ("amqp://alice:s%40cret@[::1]:1234/lab", "amqp://[::1]:1234/lab"),
    ],
)
def test_a_url_is_shown_without_user_and_password(url: str, shown: str) -> None:
    settings = BrokerSettings(urls=(url,))
    assert show_url(url) == shown
    assert "cret" not in repr(settings)
    assert "alice" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "http://alice:secret@broker",
        "amqp://",
        "amqp://broker:port",
        "amqp://[::1",
        "amqp://a:",
        "amqp://a:-1",
    ],
)
def test_what_is_no_url_of_a_broker_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(BrokerSettingsError, match="a URL is not of the form") as raised:
        BrokerSettings(urls=(url,))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("port", ["0", "65536", "99999", "1" * 5000])
@pytest.mark.parametrize("host", ["broker", "[::1]"])
def test_a_port_that_is_none_is_shown(host: str, port: str) -> None:
    with pytest.raises(BrokerSettingsError, match=f"a URL has port {port}, and ports go from 1 to 65535") as raised:
        BrokerSettings(urls=(f"amqp://alice:secret@{host}:{port}/lab",))
    assert "secret" not in str(raised.value)


def test_other_settings_that_serve_nobody_are_refused() -> None:
    with pytest.raises(BrokerSettingsError, match="no URL is given"):
        BrokerSettings(urls=())
    with pytest.raises(BrokerSettingsError, match=r"of the form .*, and nothing may follow the virtual host"):
        BrokerSettings(urls=("amqp://u:secret@a/?heartbeat=1",))
    with pytest.raises(BrokerSettingsError, match="a duration is not positive"):
        BrokerSettings(urls=("amqp://a",), confirm_timeout=timedelta(0))
    with pytest.raises(BrokerSettingsError, match="a certificate needs its key"):
        BrokerSettings(urls=("amqps://a",), certificate_path=Path("cert.pem"))


@pytest.mark.parametrize("password", ["1234567?x", "1234567#x", "secret/12?x", "12/secret#x", "12/secret", "99999/x"])
def test_no_piece_of_a_password_that_cuts_the_url_is_shown(password: str) -> None:
    with pytest.raises(BrokerSettingsError, match="a URL is not of the form") as raised:
        BrokerSettings(urls=(f"amqp://alice:{password}@broker/lab",))
    assert not any(piece in str(raised.value) for piece in ("alice", "12", "secret", "@broker"))


def test_files_of_tls_are_read_where_tls_is_asked_for(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    assert BrokerSettings(urls=("amqp://a",), ca_path=authority).build_tls_context() is None
    settings = BrokerSettings(urls=("amqps://a",), ca_path=authority)
    with pytest.raises(BrokerSettingsError, match=r"ca\.pem is not a certificate of an authority: No such file"):
        settings.build_tls_context()
    authority.write_text("nothing")
    with pytest.raises(BrokerSettingsError, match=r"ca\.pem is not a certificate of an authority"):
        settings.build_tls_context()
    trustme.CA().cert_pem.write_to_path(authority)
    assert settings.build_tls_context() is not None
    own = BrokerSettings(urls=("amqps://a",), ca_path=authority, certificate_path=authority, key_path=authority)
    with pytest.raises(BrokerSettingsError, match="are not a certificate and its key"):
        own.build_tls_context()
