"""What the portal is asked and what it answers, as values; `psn.portal.http` puts them on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalRequest:
    """One request. `data` is the body or, where there is none, the query string; `remote` the peer's IP address."""

    path: str
    data: bytes = b""
    user_agent: str = ""
    remote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalAnswer:
    """One answer. A silent one has nothing else; what its peer sees of it is a setting (`psn.config.Silence`)."""

    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_silent: bool = False
