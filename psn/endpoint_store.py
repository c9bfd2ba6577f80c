"""Endpoint attributes such as PostureExpiry, by MAC: what is kept of an endpoint beyond its sessions."""

from __future__ import annotations

from collections.abc import Mapping

_NONE: Mapping[str, str] = {}


class EndpointStore:
    """Attributes of the endpoints this node knows."""

    def __init__(self) -> None:
        """Start empty."""
        self._attributes: dict[str, dict[str, str]] = {}

    def attributes_of(self, mac: str) -> Mapping[str, str]:
        """Read the attributes of one endpoint; empty where none are known."""
        return self._attributes.get(mac, _NONE)

    def set_attribute(self, mac: str, name: str, value: str) -> None:
        """Set one attribute of an endpoint."""
        self._attributes.setdefault(mac, {})[name] = value
