"""The lab's certificate authority: made at the first start into the state folder, used again while it is good.

One root (EC P-256) signs one certificate per node, for both sides of TLS, with the node's names and address as subject
alternative names. OpenSSL, of nodes and endpoints alike, judges validity by the machine's clock; a certificate should
hold by the lab's clock too. `valid_at` names every instant at which it must. Keys are readable by their owner alone.
Processes that share a folder wait for each other while they look for a certificate or make one.
"""

from __future__ import annotations

import fcntl
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from posturelab.reading.whole_file import write_whole
from psn.config import InternodeTls

ROOT_LIFETIME = timedelta(days=3650)
NODE_LIFETIME = timedelta(days=397)
"""The longest that browsers accept."""

_ROOT = "lab-ca"
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_LOCK = "lab-ca.lock"
_MARGIN = timedelta(days=1)
_USAGE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


@dataclass(frozen=True, slots=True)
class _Identity:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """The root of one state folder and the TLS contexts made from it."""

    def __init__(self, folder: Path, *, valid_at: Sequence[datetime]) -> None:
        """Open the authority of a folder or make one; raises `OSError` where the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._first, self._last = min(valid_at), max(valid_at)
        with self._lock():
            self._root = self._load(_ROOT) or self._make_root()

    @property
    def certificate_path(self) -> Path:
        """The root certificate, PEM, for import into browsers and agents."""
        return find_root(self._folder)

    def server_context(self, name: str, *, names: Sequence[str], address: str) -> ssl.SSLContext:
        """Build the context of a node's TLS servers; its certificate holds for the DNS names and the address."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._identify(context, name, names=names, address=address)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Build a context that trusts this authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.certificate_path))

    def internode_tls(self, name: str, *, names: Sequence[str], address: str) -> InternodeTls:
        """Build both sides of a node's mutual TLS; either asks for a certificate of this authority."""
        tls = InternodeTls(
            server=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.certificate_path)),
            client=self.client_context(),
        )
        tls.server.verify_mode = ssl.CERT_REQUIRED
        for context in (tls.server, tls.client):
            self._identify(context, name, names=names, address=address)
        return tls

    def export(self, name: str, *, names: Sequence[str], address: str, folder: Path) -> None:
        """Write certificate and key of a host that is no node, and the root's certificate, into a folder of its own.

        The group of the files may read the key, so that a program of another user can be let in. Raises `OSError`,
        and `ValueError` for what cannot be the name of a host.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            self._ensure(name, names=names, address=address)
            for source in (f"{_ROOT}.crt", f"{name}.crt", f"{name}.key"):
                content = (self._folder / source).read_bytes()
                write_whole(folder / source, content, mode=0o640 if source.endswith(".key") else 0o644)

    def _identify(self, context: ssl.SSLContext, name: str, *, names: Sequence[str], address: str) -> None:
        """Give a context the certificate of a node."""
        with self._lock():
            self._ensure(name, names=names, address=address)
            context.load_cert_chain(self._folder / f"{name}.crt", self._folder / f"{name}.key")

    def _ensure(self, name: str, *, names: Sequence[str], address: str) -> None:
        """Make a certificate where there is no good one; its name is that of its files too."""
        if name == _ROOT or not _HOST_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name that a certificate can have here")
        subject = x509.SubjectAlternativeName([*map(x509.DNSName, names), x509.IPAddress(IPv4Address(address))])
        found = self._load(name)
        if found is None or not self._vouches_for(found.certificate, subject):
            self._make_node(name, subject)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes from the folder; they need it for milliseconds."""
        with (self._folder / _LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _load(self, name: str) -> _Identity | None:
        """Load a certificate and its key; None where they are absent, damaged, or not good for the whole time."""
        try:
            certificate = x509.load_pem_x509_certificate((self._folder / f"{name}.crt").read_bytes())
            key = serialization.load_pem_private_key((self._folder / f"{name}.key").read_bytes(), None)
        except (FileNotFoundError, ValueError, TypeError):
            return None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            return None
        good = certificate.not_valid_before_utc <= self._first and self._last < certificate.not_valid_after_utc
        return _Identity(certificate, key) if good else None

    def _vouches_for(self, certificate: x509.Certificate, subject: x509.SubjectAlternativeName) -> bool:
        """Tell whether this root signed a certificate for that subject and for all that a node does with it."""
        try:
            certificate.verify_directly_issued_by(self._root.certificate)
            found = certificate.extensions
            usage = found.get_extension_for_class(x509.ExtendedKeyUsage).value
            return usage == _USAGE and found.get_extension_for_class(x509.SubjectAlternativeName).value == subject
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False

    def _make_root(self) -> _Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Posture Lab root")
        builder = (
            self._begin(name, name, key, ROOT_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
        )
        return self._keep(_ROOT, _Identity(builder.sign(key, hashes.SHA256()), key))

    def _make_node(self, name: str, subject: x509.SubjectAlternativeName) -> _Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        root = self._root
        builder = (
            self._begin(_name(name), root.certificate.subject, key, NODE_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(_USAGE, critical=False)
            .add_extension(subject, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        )
        return self._keep(name, _Identity(builder.sign(root.key, hashes.SHA256()), key))

    def _begin(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        """Begin a certificate with what root and nodes share."""
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._first - _MARGIN)
            .not_valid_after(self._last + lifetime)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def _keep(self, name: str, identity: _Identity) -> _Identity:
        """Write certificate and key; the key is never readable by others, not even for a moment."""
        key = identity.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_whole(self._folder / f"{name}.key", key, mode=0o600)
        certificate = identity.certificate.public_bytes(serialization.Encoding.PEM)
        write_whole(self._folder / f"{name}.crt", certificate)
        return identity


def find_root(folder: Path) -> Path:
    """Where the root certificate of a state folder is, PEM, once there is one."""
    return folder / f"{_ROOT}.crt"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Build the usage of a root's key or of a node's."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
