"""Certificates for the inter-node channel."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import trustme

from psn.config import InternodeTls

BuildTls = Callable[[str], InternodeTls]
"""Makes the contexts of the node of an address."""


def make_internode_tls(authority: trustme.CA, address: str) -> InternodeTls:
    """Make both contexts of a node that belongs to the deployment."""
    certificate = authority.issue_cert(address)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context()
    for context in (server, client):
        certificate.configure_cert(context)
        authority.configure_trust(context)
    return InternodeTls(server=server, client=client)
