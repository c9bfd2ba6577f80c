"""The cable between an endpoint and the access port of a NAD: the only thing the two know of each other."""

from __future__ import annotations

from typing import Protocol


class Cable(Protocol):
    """One end of a link. All HTTP of the endpoint leaves through `proxy_url`, the data plane of that access port."""

    @property
    def gateway(self) -> str:
        """The address the endpoint uses as its default gateway."""
        ...

    @property
    def proxy_url(self) -> str:
        """The access port's HTTP proxy: absolute-form GET for port 80, CONNECT for TLS."""
        ...

    async def plug(self, mac: str, address: str) -> None:
        """Bring the link up; the device sees frames from this MAC and IP address."""
        ...

    async def unplug(self) -> None:
        """Take the link down."""
        ...
