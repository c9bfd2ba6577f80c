"""Which broker a node talks to, and by which certificates. Passwords in it are never shown."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

_PORTS = {"amqp": 5672, "amqps": 5671}
_LAST_PORT = 65535
_FORM = "a URL is not of the form amqp://user:password@host:port/vhost"


class BrokerSettingsError(ValueError):
    """Settings under which no broker can be reached."""

    def __init__(self, reason: str) -> None:
        """Say what is wrong."""
        super().__init__(f"broker: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Raises `BrokerSettingsError` where a URL is not of the form of a broker's.

    `urls` are `amqp://user:password@host:port/vhost`, or `amqps://…` for TLS, and are tried in turn. By `ca_path` the
    broker's certificate is judged (None: by the authorities that the machine trusts); with `certificate_path` and
    `key_path` a node shows its own.
    """

    urls: tuple[str, ...] = field(repr=False)
    ca_path: Path | None = None
    certificate_path: Path | None = None
    key_path: Path | None = None
    heartbeat: timedelta = timedelta(seconds=10)
    """A broker silent for about three times as long is taken for dead; zero: never, for loops whose time leaps."""
    connect_timeout: timedelta = timedelta(seconds=10)
    """For everything until a link is up."""
    confirm_timeout: timedelta = timedelta(seconds=5)
    """For the broker's word that it has a message."""

    def __post_init__(self) -> None:
        if not self.urls:
            raise BrokerSettingsError("no URL is given")
        for url in self.urls:
            _check(url)
        if self.heartbeat < timedelta(0) or min(self.connect_timeout, self.confirm_timeout) <= timedelta(0):
            raise BrokerSettingsError("a duration is not positive")
        if (self.certificate_path is None) != (self.key_path is None):
            raise BrokerSettingsError("a certificate needs its key, and a key its certificate")

    def build_tls_context(self) -> ssl.SSLContext | None:
        """Build what TLS needs, if any URL asks for it; raises `BrokerSettingsError` for files that do not serve."""
        if not any(url.startswith("amqps:") for url in self.urls):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_path)
        except (OSError, ssl.SSLError) as error:
            raise BrokerSettingsError(f"{self.ca_path} is not a certificate of an authority: {_name(error)}") from None
        if self.certificate_path is not None:
            try:
                context.load_cert_chain(self.certificate_path, self.key_path)
            except (OSError, ssl.SSLError) as error:
                reason = (
                    f"{self.certificate_path} and {self.key_path} are not a certificate and its key: {_name(error)}"
                )
                raise BrokerSettingsError(reason) from None
        return context


def show_url(url: str) -> str:
    """Render a broker's URL without user and password."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or _PORTS[parts.scheme]}{parts.path.rstrip('/')}"


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_known = parts.scheme in _PORTS and bool(parts.hostname)
    except ValueError:
        is_known = False
    if not is_known:
        raise BrokerSettingsError(_FORM)
    if parts.query or parts.fragment or "@" in parts.path:  # a password with "?", "#" or "/": its pieces stand about
        raise BrokerSettingsError(f"{_FORM}, and nothing may follow the virtual host")
    _check_port(parts.netloc)


def _check_port(netloc: str) -> None:
    _, colon, port = netloc.rpartition("@")[2].rpartition("]")[2].partition(":")
    if colon and not (port.isascii() and port.isdigit()):
        raise BrokerSettingsError(_FORM)
    if colon and (len(port) > 5 or not 0 < int(port) <= _LAST_PORT):
        raise BrokerSettingsError(f"a URL has port {port}, and ports go from 1 to {_LAST_PORT}")


def _name(error: OSError) -> str:
    """Name a reason without the paths and numbers that its text holds."""
    return error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror or "unreadable"
