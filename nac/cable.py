"""The cable between an endpoint and the access port of a NAD: the only thing the two know of each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

LinkWatcher = Callable[[], Awaitable[None]]
"""Called after the link came up or went down by the other end's doing."""


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

    @property
    def is_up(self) -> bool:
        """Whether the endpoint sees a link."""
        ...

    def watch(self, watcher: LinkWatcher | None) -> None:
        """Let `watcher` be called instead of the one before; with None nobody is."""
        ...

    async def plug(self, mac: str, address: str) -> None:
        """Bring the link up; the device sees frames from this MAC and IP address."""
        ...

    async def unplug(self) -> None:
        """Take the link down."""
        ...
